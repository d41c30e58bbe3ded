/** What fails in one place only: nothing that clients could pull before is gone for it, and nothing is forgotten. */

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, afterEach, before, describe, it } from "mocha";
import { imagePromotion } from "../../components/promotion/images/images.ts";
import type { Context, ImagesRequest, Outcome, Previous } from "../../components/promotion/run/request.ts";
import { joinLines } from "../../components/promotion/text/join-lines.ts";
import { type Choose, type FaultyProxy, startFaultyProxy } from "../support/faulty-proxy.ts";
import {
  head,
  inspect,
  type Pushed,
  Pusher,
  pull,
  sha256,
  startRegistry,
  type TestRegistry,
} from "../support/registries.ts";

const context: Context = { signal: new AbortController().signal, report: () => {} };

describe("partial failures", () => {
  let registries: TestRegistry[];
  /** The staging area and the second mirror are behind proxies. */
  let stagingProxy: FaultyProxy;
  let mirrorProxy: FaultyProxy;
  const promotion = imagePromotion();
  before(async () => {
    registries = await Promise.all([startRegistry("olareg"), startRegistry("olareg"), startRegistry("olareg")]);
    stagingProxy = await startFaultyProxy(registries[2]!.host);
    mirrorProxy = await startFaultyProxy(registries[1]!.host);
  });
  after(async () => {
    await promotion.close();
    await Promise.all([stagingProxy.close(), mirrorProxy.close()]);
    await Promise.all(registries.map((registry) => registry.remove()));
  });
  afterEach(() => {
    for (const proxy of [stagingProxy, mirrorProxy]) proxy.inject(() => undefined);
  });

  /** Refused once and for all, not to be repeated. */
  const refuse =
    (method: string, url: RegExp, status = 400): Choose =>
    (is, of) =>
      is === method && url.test(of) ? { kind: "answer", status } : undefined;

  let projects = 0;

  class Project {
    readonly name = `p${projects++}`;
    mutableTags: string[] = [];
    last: Previous<ImagesRequest> | undefined;
    mirrors = [
      { name: "m0", repository: `${registries[0]!.host}/images` },
      { name: "m1", repository: `${mirrorProxy.host}/images` },
    ];

    staging(image = "app"): Pusher {
      return new Pusher(registries[2]!.host, `staging/${this.name}/${image}`);
    }

    repository(image = "app"): string {
      return `images/${this.name}/${image}`;
    }

    async run(...lines: string[]): Promise<Outcome> {
      const request: ImagesRequest = {
        project: this.name,
        images: joinLines(lines),
        prefix: this.name,
        staging: `${stagingProxy.host}/staging/${this.name}`,
        mirrors: this.mirrors,
        layerMirrors: [],
        mutableTags: this.mutableTags,
        removalShare: 1,
        storage: {},
      };
      const outcome = await promotion.promote(request, this.last, context);
      this.last = { request, incomplete: outcome.incomplete };
      return outcome;
    }

    async promotes(...lines: string[]): Promise<void> {
      const outcome = await this.run(...lines);
      assert.deepEqual([outcome.failures, outcome.incomplete], [[], {}]);
    }

    /** The tags in the first and in the second mirror. */
    async tags(image = "app"): Promise<Record<string, string>[]> {
      return [
        (await inspect(registries[0]!.host, this.repository(image))).tags,
        (await inspect(registries[1]!.host, this.repository(image))).tags,
      ];
    }

    async expireStaging(image: string, ...digests: string[]): Promise<void> {
      for (const digest of digests) {
        const url = `http://${registries[2]!.host}/v2/staging/${this.name}/${image}/manifests/${digest}`;
        assert.equal((await fetch(url, { method: "DELETE" })).status, 202);
      }
    }
  }

  it("a mutable tag that cannot move keeps its digest, which is not removed", async () => {
    const project = new Project();
    project.mutableTags = ["latest"];
    const [a, b] = [await project.staging().image(), await project.staging().image()];
    await project.promotes(`app:latest ${a.digest}`);
    mirrorProxy.inject(refuse("PUT", /\/manifests\//));
    for (let run = 0; run < 2; run++) {
      const { failures, incomplete } = await project.run(`app:latest ${b.digest}`);
      assert.match(failures.join("\n"), new RegExp(`image app@${a.digest}, mirror m1: kept, because its tag latest `));
      assert.deepEqual(await project.tags(), [{ latest: b.digest }, { latest: a.digest }]);
      assert.match(incomplete["m1"]!, new RegExp(`^\\+ app:latest ${b.digest}\n- app:latest ${a.digest}\n`));
      await pull(`${registries[1]!.host}/${project.repository()}:latest`);
    }
    mirrorProxy.inject(() => undefined);
    await project.promotes(`app:latest ${b.digest}`);
    assert.deepEqual(await project.tags(), [{ latest: b.digest }, { latest: b.digest }]);
    for (const { host } of registries) assert.equal(await head(host, project.repository(), a.digest), undefined);
  });

  it("a mutable tag that cannot move to a present digest keeps its old digest, too", async () => {
    const project = new Project();
    project.mutableTags = ["latest"];
    const [a, b] = [await project.staging().image(), await project.staging().image()];
    await project.promotes(`app:latest ${a.digest}`, `app:v2 ${b.digest}`);
    mirrorProxy.inject(refuse("PUT", /\/manifests\//));
    const lines = [`app:latest ${b.digest}`, `app:v2 ${b.digest}`];
    await project.run(...lines);
    assert.deepEqual((await project.tags())[1], { latest: a.digest, v2: b.digest });
    mirrorProxy.inject(() => undefined);
    await project.promotes(...lines);
    assert.deepEqual((await project.tags())[1], { latest: b.digest, v2: b.digest });
  });

  it("an image whose rename fails in one mirror keeps its old name and tag there", async () => {
    const project = new Project();
    const layers = [randomBytes(500)];
    const image = await project.staging("old").image({ layers });
    await project.promotes(`old:v1 ${image.digest}`);
    await copyTo(project.staging("new"), image, project, layers);
    mirrorProxy.inject(refuse("PUT", /\/new\/manifests\//));
    const { failures } = await project.run(`new:v1 ${image.digest}`);
    assert.match(failures.join("\n"), /old@.*: kept, because its copy under another name is not complete/);
    assert.deepEqual((await project.tags("old"))[1], { v1: image.digest });
    await pull(`${registries[1]!.host}/${project.repository("old")}:v1`);
    mirrorProxy.inject(() => undefined);
    await project.promotes(`new:v1 ${image.digest}`);
    assert.deepEqual(await project.tags("old"), [{}, {}]);
    assert.deepEqual(await project.tags("new"), [{ v1: image.digest }, { v1: image.digest }]);
  });

  /** The same image once more, as a project pushes it under its new name. */
  async function copyTo(pusher: Pusher, image: Pushed, project: Project, layers: readonly Buffer[]): Promise<void> {
    const from = `http://${registries[2]!.host}/v2/staging/${project.name}/old`;
    const accept = image.mediaType;
    const manifest = await (await fetch(`${from}/manifests/${image.digest}`, { headers: { accept } })).json();
    const { config, schemaVersion: _, ...rest } = manifest as { config: Pushed; schemaVersion: number };
    await pusher.blob(Buffer.from(await (await fetch(`${from}/blobs/${config.digest}`)).arrayBuffer()));
    for (const layer of layers) await pusher.blob(layer);
    const { digest } = await pusher.manifest({ mediaType: image.mediaType, config, ...omit(rest, "mediaType") });
    assert.equal(digest, image.digest);
  }

  function omit(object: object, name: string): Record<string, unknown> {
    return Object.fromEntries(Object.entries(object).filter(([key]) => key !== name));
  }

  it("images of an index that could not be copied are kept, even if no manifest names them any more", async () => {
    const project = new Project();
    const layer = randomBytes(700);
    const [inProduction, added] = [await project.staging().image(), await project.staging().image({ layers: [layer] })];
    await project.promotes(`app:amd64 ${inProduction.digest}`);
    const index = await project.staging().index([inProduction, added]);
    await project.expireStaging("app", inProduction.digest);
    stagingProxy.inject(refuse("GET", new RegExp(`/blobs/${sha256(layer)}`), 403));
    const { failures } = await project.run(`app:v1 ${index.digest}`);
    assert.ok(failures.length > 0);
    for (const { host } of registries.slice(0, 2)) {
      assert.equal(await head(host, project.repository(), inProduction.digest), inProduction.digest);
    }
    stagingProxy.inject(() => undefined);
    await project.promotes(`app:v1 ${index.digest}`);
    for (const { host } of registries.slice(0, 2)) await pull(`${host}/${project.repository()}:v1`);
  });

  it("kept images are found in another mirror if the first one does not respond", async () => {
    const project = new Project();
    project.mirrors = project.mirrors.toReversed(); // the one behind the proxy is canonical now
    const [gone, kept] = [await project.staging().image(), await project.staging().image()];
    const signature = await project.staging().signature(kept);
    await project.promotes(`app:gone ${gone.digest}`, `app:kept ${kept.digest}`);
    mirrorProxy.inject(() => ({ kind: "answer", status: 403 }));
    const { failures, incomplete } = await project.run(`app:kept ${kept.digest}`);
    assert.match(failures.join("\n"), /mirror m1: given up with \d+ steps? to go: /);
    assert.deepEqual(incomplete, { m1: `- app:gone ${gone.digest}\n` });
    const [first] = await project.tags();
    assert.deepEqual(first, { kept: kept.digest, [`${kept.digest.replace(":", "-")}.sig`]: signature.digest });
    mirrorProxy.inject(() => undefined);
    await project.promotes(`app:kept ${kept.digest}`);
    const [one, other] = await project.tags();
    assert.deepEqual(one, other);
  });

  it("a mirror that starts to deny access is given up, and later gets only what it lacks", async () => {
    const project = new Project();
    const tags: Record<string, string> = { [`v${"x".repeat(127)}`]: (await project.staging().image()).digest };
    for (let index = 0; index < 9; index++) tags[`v${index}`] = (await project.staging().image()).digest;
    const lines = Object.entries(tags).map(([tag, digest]) => `app:${tag} ${digest}`);
    let writes = 0;
    mirrorProxy.inject((method, url) => {
      if (method === "PUT" && url.includes("/manifests/")) writes++;
      return writes > 4 ? { kind: "answer", status: 403 } : undefined;
    });
    const { failures } = await project.run(...lines);
    assert.match(failures.join("\n"), /mirror m1: given up with .*: 403/);
    const [all, some] = await project.tags();
    assert.deepEqual(all, tags);
    assert.ok(Object.keys(some!).length <= 4);
    mirrorProxy.inject(() => undefined);
    mirrorProxy.seen.length = 0;
    await project.promotes(...lines);
    assert.deepEqual(await project.tags(), [tags, tags]);
    const written = mirrorProxy.seen.filter(({ method }) => method === "PUT").map(({ url }) => url);
    for (const tag of Object.keys(some!)) assert.ok(!written.some((url) => url.endsWith(`/manifests/${tag}`)), tag);
    for (const tag of Object.keys(tags)) await pull(`${registries[1]!.host}/${project.repository()}:${tag}`);
  });

  it("staging without a list of attachments fails the image, not the mirrors", async () => {
    const project = new Project();
    const [, second] = project.mirrors;
    project.mirrors = project.mirrors.slice(0, 1);
    const [held, fresh] = [await project.staging().image(), await project.staging().image()];
    await project.promotes(`app:held ${held.digest}`);
    project.mirrors = [...project.mirrors, second!];
    stagingProxy.inject((_, url) =>
      /\/(tags\/list|referrers\/.*)$|\.sig$/.test(url.split("?")[0]!) ? { kind: "answer", status: 403 } : undefined,
    );
    const { failures } = await project.run(`app:fresh ${fresh.digest}`, `app:held ${held.digest}`);
    assert.equal(failures.length, 1, failures.join("\n"));
    assert.match(failures[0]!, new RegExp(`image app@${fresh.digest}, mirror m0, m1: ${stagingProxy.host}: .*403`));
    assert.deepEqual(await project.tags(), [{ held: held.digest }, { held: held.digest }]);
  });

  it("a digest without its signature is incomplete in a mirror whose signature tag is in use", async () => {
    const project = new Project();
    const layers = [randomBytes(400)];
    const image = await project.staging("old").image({ layers });
    await copyTo(project.staging(), image, project, layers);
    const signature = await project.staging().signature(image);
    const there = new Pusher(registries[1]!.host, project.repository());
    await copyTo(there, image, project, layers);
    await there.image({ tags: ["v1"] });
    const { failures } = await project.run(`app:v1 ${image.digest}`);
    assert.match(failures.join("\n"), /image app:v1, mirror m1: the tag is on sha256:/);
    const taken = `http://${registries[1]!.host}/v2/${project.repository()}/manifests/v1`;
    assert.equal((await fetch(taken, { method: "DELETE" })).status, 202);
    await project.promotes(`app:v1 ${image.digest}`);
    const tags = { v1: image.digest, [`${image.digest.replace(":", "-")}.sig`]: signature.digest };
    assert.deepEqual(await project.tags(), [tags, tags]);
  });
});
