// A project may publish one image of its staging area under several names: the bytes travel once, and each name comes and goes by its lines.
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { after, before, describe, it } from "mocha";
import { imagePromotion } from "../../components/promotion/images/images.ts";
import type { Context, ImagesRequest } from "../../components/promotion/run/request.ts";
import { head, inspect, Pusher, pull, startRegistry, type TestRegistry } from "../support/registries.ts";

const context: Context = { signal: new AbortController().signal, report: () => {} };

describe("several destinations of one image", () => {
  let registries: TestRegistry[];
  let hosts: string[];
  const requests: string[] = [];
  const promotion = imagePromotion({ onRequest: (method, url) => requests.push(`${method} ${new URL(url).href}`) });
  const layer = randomBytes(2000);
  const layerDigest = `sha256:${createHash("sha256").update(layer).digest("hex")}`;
  const layerReads = () => requests.filter((line) => line.startsWith("GET ") && line.endsWith(layerDigest)).length;
  /** The repositories, `host/name`, that blobs were sent to. */
  const sentTo = () =>
    requests.flatMap(
      (line) =>
        /^(?:(?:PUT|PATCH) .*|POST (?=.*\?digest=).*)\/\/(.*)\/blobs\//.exec(line)?.[1]?.replace("/v2", "") ?? [],
    );

  before(async () => {
    registries = await Promise.all([startRegistry("olareg"), startRegistry("distribution")]);
    hosts = registries.map(({ host }) => host);
  });
  after(async () => {
    await promotion.close();
    await Promise.all(registries.map((registry) => registry.remove()));
  });

  const requestFor = (project: string, lines: readonly string[], sources?: string): ImagesRequest => ({
    project,
    images: lines.map((line) => `${line}\n`).join(""),
    sources,
    prefix: project,
    staging: `${hosts[0]}/p/staging-${project}`,
    mirrors: hosts.map((host, index) => ({ name: `mirror-${index}`, repository: `${host}/p/images` })),
    layerMirrors: [],
    mutableTags: [],
    removalShare: 1,
    storage: {},
  });

  it("a signed image under three names is downloaded once, and sent once to each mirror", async () => {
    const staging = new Pusher(hosts[0]!, "p/staging-twice/app");
    const image = await staging.image({ layers: [layer] });
    await staging.signature(image);
    const request = requestFor(
      "twice",
      [`/other/app:v1 ${image.digest}`, `alias:v1 ${image.digest}`, `app:v1 ${image.digest}`],
      "/other/app app\nalias app\n",
    );
    requests.length = 0;
    const outcome = await promotion.promote(request, undefined, context);
    assert.deepEqual([outcome.failures, outcome.incomplete], [[], {}]);
    assert.equal(layerReads(), 1);
    assert.deepEqual(
      new Set(sentTo().map((repository) => repository.split("/")[0])).size,
      hosts.length,
      "every mirror got the blobs",
    );
    assert.equal(new Set(sentTo()).size, hosts.length, "in one repository; the others mount them");
    for (const host of hosts)
      for (const name of ["other/app", "twice/alias", "twice/app"]) {
        const { tags } = await inspect(host, `p/images/${name}`);
        assert.equal(tags["v1"], image.digest, `${host}/${name}`);
        assert.ok(tags[`${image.digest.replace(":", "-")}.sig`], `${host}/${name}`);
        await pull(`${host}/p/images/${name}:v1`);
      }
    const inventory = await promotion.takeInventory(request, context);
    assert.deepEqual([inventory.text, inventory.incomplete, inventory.failures], [request.images, {}, []]);
  });

  it("another name of an image that expired in staging is mounted from production, with its signature", async () => {
    const staging = new Pusher(hosts[1]!, "p/images/late/app");
    const image = await staging.image({ layers: [layer] });
    await staging.signature(image);
    const before = requestFor("late", [`app:v1 ${image.digest}`]);
    assert.deepEqual((await promotion.promote(before, undefined, context)).failures, []);
    const after = requestFor("late", [`/later/app:v1 ${image.digest}`, `app:v1 ${image.digest}`], "/later/app app\n");
    const previous = { request: before, incomplete: {} };
    const preview = await promotion.preview(after, previous, context);
    assert.deepEqual(preview.errors, []);
    assert.deepEqual(preview.lines, [`copy /later/app@${image.digest} as v1 to mirror-0, mirror-1`]);
    requests.length = 0;
    assert.deepEqual((await promotion.promote(after, previous, context)).failures, []);
    assert.deepEqual([layerReads(), sentTo()], [0, []]);
    for (const host of hosts) {
      await pull(`${host}/p/images/later/app:v1`);
      const { tags } = await inspect(host, "p/images/later/app");
      assert.ok(tags[`${image.digest.replace(":", "-")}.sig`]);
    }

    const gone = await promotion.promote(before, { request: after, incomplete: {} }, context);
    assert.deepEqual(gone.failures, []);
    for (const host of hosts) {
      assert.deepEqual(await inspect(host, "p/images/later/app"), { tags: {} });
      assert.equal(await head(host, "p/images/later/app", image.digest), undefined);
      await pull(`${host}/p/images/late/app:v1`);
    }
  });
});
