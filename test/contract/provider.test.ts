/** The provider plugin as the real engine drives it, on real stores: what a user sees, and what is then there. */
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { after, before, describe, it } from "mocha";
import { note } from "../support/annotations.ts";
import { type FaultyProxy, startFaultyProxy } from "../support/faulty-proxy.ts";
import { type ObjectStores, startObjectStores } from "../support/object-stores.ts";
import { type DeclaredPromotions, PromotionProgram, type Said } from "../support/promotion-program.ts";
import { inspect, Pusher, startRegistry } from "../support/registries.ts";

let stores: ObjectStores;

describe("provider plugin driven by the engine", () => {
  before(async () => {
    stores = await startObjectStores();
  });
  after(() => stores.stop());

  const up = ["up", "--yes", "--skip-preview"] as const;

  it("the life of a promotion: create, add, fail, resume, drift, repair, remove, go", async () => {
    const files = { "1.0/kops": "program", "1.0/kops.sha256": "sum", "README.txt": "read" };
    const world = await World.make("life", { ...files, "1.1/kops": "next" });
    const { program } = world;

    await world.declare(files);
    const first = succeeded(await program.run("preview", "--diff"));
    assert.match(first, /copy 1\.0\/kops sha256:[0-9a-f]{64} \(7 bytes\) from gs:\/\/life-staging to us, eu, aws/);
    assert.deepEqual(await world.held("us"), {}, "a preview writes nothing");
    const created = succeeded(await program.run(...up));
    assert.match(
      created,
      /Diagnostics:\n {2}promotion:index:PromotedFiles \(life\):\n {4}copied 9 \(42 bytes\) in 3 mirrors/,
    );
    await world.holds(files);
    succeeded(await program.run("preview", "--expect-no-changes"));

    // The diff is the change of production, and nothing else.
    const more = { ...files, "1.1/kops": "next" };
    await world.declare(more);
    const added = succeeded(await program.run("preview", "--diff"));
    const changes = added.split("\n").filter((line) => /^ +[-+~] /.test(line));
    assert.deepEqual(
      changes.map((line) => line.trim()),
      [
        "~ promotion:index:PromotedFiles: (update)",
        "~ files  :",
        `+ 1.1/kops sha256:${sha256("next")}`,
        '~ summary: "3 files" => "4 files"',
        "~ 1 to update",
      ],
    );
    succeeded(await program.run(...up));
    await world.holds(more);

    // What is nowhere fails the preview; the run does the rest and the next one resumes.
    await world.declare({ ...more, "2.0/kops": "later", "1.2/kops": "third" });
    await stores.stage("life-staging", "1.2/kops", "third");
    const line = `project life, file 2.0/kops sha256:${sha256("later")}`;
    const cause = "neither gs://life-staging/2.0/kops nor any mirror has it";
    assert.ok(failed(await program.run("preview")).includes(`${line}: ${cause}`));
    const partly = failed(await program.run(...up));
    assert.ok(partly.includes(`${line}, mirror us, eu, aws: ${cause}`), partly);
    assert.match(partly, /copied 3 \(15 bytes\) in 3 mirrors; 1 failure; the next `pulumi up` resumes/);
    assert.equal((await world.held("eu"))["1.2/kops"], sha256("third"));
    await stores.stage("life-staging", "2.0/kops", "later");
    assert.match(succeeded(await program.run(...up)), /copied 3 \(15 bytes\) in 3 mirrors/);
    const all = { ...more, "2.0/kops": "later", "1.2/kops": "third" };
    await world.holds(all);

    // Drift: seen line by line, repaired by the next run.
    await stores.stage("life-eu", "binaries/life/README.txt", "tampered");
    await stores.stage("life-eu", "binaries/life/extra", "extra");
    await fetch(`${stores.gcs}/storage/v1/b/life-us/o/${encodeURIComponent("binaries/life/1.0/kops")}`, {
      method: "DELETE",
    });
    const refreshed = await program.run("refresh", "--preview-only", "--expect-no-changes", "--diff");
    assert.notEqual(refreshed.code, 0, refreshed.output);
    const drift = succeeded(await program.run("refresh", "--yes"));
    for (const said of [
      `mirror us: + 1.0/kops sha256:${sha256("program")}`,
      `mirror eu: - README.txt sha256:${sha256("tampered")}`,
      `mirror eu: - extra sha256:${sha256("extra")}`,
    ]) {
      assert.ok(drift.includes(said), drift);
    }
    const repair = succeeded(await program.run("preview", "--diff"));
    for (const said of [
      `+ 1.0/kops sha256:${sha256("program")}`,
      `- README.txt sha256:${sha256("tampered")}`,
      `+ README.txt sha256:${sha256("read")}`,
      `- extra sha256:${sha256("extra")}`,
      "remove extra from eu",
    ]) {
      assert.ok(repair.includes(said), repair);
    }
    succeeded(await program.run(...up));
    await world.holds(all);

    // Removal: by removing the line; too much of it only when confirmed; the whole project too.
    const { "2.0/kops": _removed, ...rest } = all;
    await world.declare(rest);
    assert.match(succeeded(await program.run("preview")), /remove 2\.0\/kops from us, eu, aws/);
    succeeded(await program.run(...up));
    await world.holds(rest);
    await world.declare({ "1.0/kops": "program" });
    assert.match(
      failed(await program.run("preview")),
      /would remove 4 of 5 files .*pulumi config set promotion:confirmRemoval life/,
    );
    // Also all of it: the program declares an emptied manifest, so that the preview can tell.
    await world.declare({});
    assert.match(
      failed(await program.run("preview")),
      /would remove 5 of 5 files .*pulumi config set promotion:confirmRemoval life/,
    );
    await program.declare({});
    assert.match(
      failed(await program.run(...up)),
      /would remove 5 of 5 files .*pulumi config set promotion:confirmRemoval life/,
    );
    assert.equal(Object.keys(await world.held("us")).length, 5);
    succeeded(await program.run("config", "set", "promotion:confirmRemoval", "life"));
    assert.match(succeeded(await program.run(...up)), /removed 15 in 3 mirrors/);
    assert.deepEqual(await world.held("us"), {});
    assert.deepEqual(await world.held("eu"), {});
  });

  it("one project's failure does not stop the others", async () => {
    const good = await World.make("good", { a: "a" });
    const bad = await World.make("bad", { a: "other content" });
    await good.program.declare({ bad: bad.promotion({ a: "a" }), good: good.promotion({ a: "a" }) });
    const said = failed(await good.program.run(...up, "--continue-on-error"));
    assert.match(
      said,
      /project bad, file a .*gs:\/\/bad-staging\/a has sha256:\w+, which is not what the manifest says/,
    );
    assert.deepEqual(await good.held("us"), { a: sha256("a") });
    assert.deepEqual(await bad.held("us"), {});
  });

  it("inputs of a wrong shape are refused before anything is done", async () => {
    const world = await World.make("shape", { a: "a" });
    await world.declare(
      { a: "a" },
      { removalShare: 7, mirrors: [{ name: "us", kind: "ftp", bucket: "x", region: "y" }] },
    );
    const said = failed(await world.program.run("preview"));
    assert.match(said, /mirrors\.0\.kind: Invalid/);
    assert.match(said, /removalShare: Too big/);
  });

  it("`pulumi up --debug` shows the plugin's calls, and without it they are not sent", async () => {
    const world = await World.make("debug", { a: "a" });
    await world.declare({ a: "a" });
    const call = /^ +debug: promotion:index:PromotedFiles debug: check in \d+ ms/m;
    assert.match(succeeded(await world.program.run("preview", "--debug")), call);
    assert.doesNotMatch(succeeded(await world.program.run("preview")), /PromotedFiles debug: check in/);
  });

  it("images: promoted with their signature, drift repaired, removed", async () => {
    const [staging, us, eu] = await Promise.all([
      startRegistry("olareg"),
      startRegistry("olareg"),
      startRegistry("olareg"),
    ]);
    await stores.makeBucket("s3", "images-layers");
    try {
      const pusher = new Pusher(staging.host, "p/staging/tool");
      const one = await pusher.image({ tags: ["v1"] });
      await pusher.signature(one);
      const two = await pusher.image({ tags: ["v2"] });
      const program = await PromotionProgram.make(join(stores.folder, "images"));
      const declare = (lines: readonly string[]) => {
        const args = {
          project: "tool",
          images: lines.map((line) => `${line}\n`).join(""),
          summary: `1 image, ${lines.length} digests`,
          prefix: "tools",
          staging: `${staging.host}/p/staging`,
          mirrors: [
            { name: "us", repository: `${us.host}/p/images` },
            { name: "eu", repository: `${eu.host}/p/images` },
          ],
          layerMirrors: [{ name: "aws", bucket: "images-layers", region: "us-east-1" }],
          mutableTags: [],
          removalShare: 0.5,
          storage: { s3Endpoint: stores.s3, s3UsePathStyle: true },
        };
        return program.declare({ tool: { type: "images", args } });
      };
      const [v1, v2] = [`tool:v1 ${one.digest}`, `tool:v2 ${two.digest}`];
      const signature = `${one.digest.replace(":", "-")}.sig`;

      await declare([v1, v2]);
      const preview = succeeded(await program.run("preview", "--diff"));
      assert.match(preview, /The run will:\n {2}copy tool/);
      succeeded(await program.run(...up));
      for (const { host } of [us, eu]) {
        const { tags } = await inspect(host, "p/images/tools/tool");
        assert.deepEqual(Object.keys(tags).sort(), [signature, "v1", "v2"].sort());
      }
      succeeded(await program.run("preview", "--expect-no-changes"));

      await fetch(`http://${eu.host}/v2/p/images/tools/tool/manifests/v1`, { method: "DELETE" });
      assert.match(succeeded(await program.run("refresh", "--yes")), new RegExp(`mirror eu: \\+ ${v1}`));
      succeeded(await program.run(...up));
      assert.equal((await inspect(eu.host, "p/images/tools/tool")).tags["v1"], one.digest);

      await declare([v2]);
      succeeded(await program.run(...up));
      for (const { host } of [us, eu]) {
        assert.deepEqual((await inspect(host, "p/images/tools/tool")).tags, { v2: two.digest });
      }
      const clean = await program.run("refresh", "--preview-only", "--expect-no-changes");
      assert.equal(clean.code, 0, clean.output);

      await declare([v2, `tool:v3 sha256:${"0".repeat(64)}`]);
      assert.match(failed(await program.run("preview")), /tool.*sha256:0{64}/);

      // 48: an emptied manifest.
      await declare([]);
      assert.match(failed(await program.run("preview")), /would remove 2 of 2 tags and digests .*confirmRemoval tool/);
      assert.match(failed(await program.run(...up)), /would remove 2 of 2 tags and digests .*confirmRemoval tool/);
      succeeded(await program.run("config", "set", "promotion:confirmRemoval", "tool"));
      assert.match(succeeded(await program.run("preview")), /remove tag tool:v2 from us, eu/);
      succeeded(await program.run(...up));
      for (const { host } of [us, eu]) {
        assert.deepEqual(await inspect(host, "p/images/tools/tool"), { tags: {} });
      }
      succeeded(await program.run("preview", "--expect-no-changes"));
      // A promotion of nothing is removed without a word.
      succeeded(await program.run("config", "rm", "promotion:confirmRemoval"));
      await program.declare({});
      succeeded(await program.run(...up));
    } finally {
      await Promise.all([staging, us, eu].map((registry) => registry.remove()));
    }
  });

  describe("interrupted", () => {
    const old = Object.fromEntries(Array.from({ length: 60 }, (_, i) => [`old-${i}`, `old ${i}`]));
    const kept = Object.fromEntries(Object.entries(old).slice(20));
    const files = Object.fromEntries(Array.from({ length: 120 }, (_, i) => [`new-${i}`, randomBytes(100_000)]));
    const wanted = { ...kept, ...files };
    const proxies: FaultyProxy[] = [];
    after(() => Promise.all(proxies.map((proxy) => proxy.close())));

    async function proxyTo(host: string): Promise<FaultyProxy> {
      const proxy = await startFaultyProxy(host);
      proxies.push(proxy);
      return proxy;
    }

    /** An `up` that stands still in the middle: the store never answers the writes that `hangs` chooses. */
    interface Standing {
      readonly world: World;
      readonly proxy: FaultyProxy;
      readonly run: ReturnType<PromotionProgram["start"]>;
      /** Writes that hang. */
      readonly hanging: number;
    }

    /**
     * A project of old files of which some go and many come.
     * @param hangs whether a write to a bucket of GCS hangs, by the bucket and how many were sent to the mirrors there before it.
     * @param enough so many that hang are waited for.
     */
    async function standing(
      name: string,
      hangs: (bucket: string, before: number) => boolean,
      enough: number,
    ): Promise<Standing> {
      const proxy = await proxyTo(new URL(stores.gcs).host);
      const world = await World.make(name, { ...old, ...files }, `http://${proxy.host}`);
      await world.declare(old);
      succeeded(await world.program.run(...up));
      await world.declare(wanted);
      const stands = Promise.withResolvers<void>();
      let writes = 0;
      let hanging = 0;
      proxy.inject((method, url) => {
        const bucket = isWrite(method) ? /\/b\/([^/]+)\/o/.exec(url)?.[1] : undefined;
        if (bucket === undefined || !hangs(bucket, writes++)) return undefined;
        if (++hanging === enough) stands.resolve();
        return { kind: "hang" };
      });
      const run = world.program.start(...up);
      await Promise.race([stands.promise, run.ended.then(({ output }) => assert.fail(output))]);
      return { world, proxy, run, hanging };
    }

    const isWrite = (method: string): boolean => !/GET|HEAD/.test(method);

    /** The next run ends in the exact state, and sends nothing to the canonical mirror that was there. */
    async function resumes({ world, proxy }: Standing): Promise<void> {
      const there = Object.keys(await world.held("us")).filter((path) => path.startsWith("new-")).length;
      proxy.seen.length = 0;
      proxy.inject(() => undefined);
      succeeded(await world.program.run(...up));
      const sent = proxy.seen.filter(
        ({ method, url }) => method === "POST" && url.startsWith(`/upload/storage/v1/b/${world.name}-us/`),
      );
      assert.ok(sent.length <= 120 - there, `${sent.length} sent, of 120 files ${there} were there`);
      await world.holds(wanted);
    }

    for (const signal of ["SIGINT", "SIGTERM"] as const) {
      it(`by ${signal}: ends at once, records what it did, the next run goes on`, async function () {
        // A file whose write to the second mirror hangs is in the canonical one already.
        const name = signal.toLowerCase();
        const stood = await standing(name, (bucket) => bucket === `${name}-eu`, 5);
        const { world, run } = stood;
        const { said, ms } = await stopped(run, signal);
        note(this, `ended ${ms} ms after the signal`);
        assert.match(said, new RegExp(`project ${name}: stopped with \\d+ steps to go; the next run resumes`));

        const held = await world.held("us");
        const { incomplete } = await world.program.recorded(world.name);
        const lacking = new Set(
          ((incomplete as Record<string, string>)["us"] ?? "").split("\n").map((line) => line.slice(2).split(" ")[0]),
        );
        const done = Object.keys(files).filter((path) => !lacking.has(path));
        assert.ok(done.length >= stood.hanging, `${done.length} recorded, ${stood.hanging} were there for certain`);
        for (const path of done) assert.ok(path in held, `${path} is recorded, and not there`);
        await resumes(stood);
      });
    }

    it("images, by SIGTERM: ends at once, the next run sends nothing again", async function () {
      const registries = await Promise.all([startRegistry("olareg"), startRegistry("olareg"), startRegistry("olareg")]);
      try {
        const [staging, us, eu] = registries;
        const [toUs, toEu] = [await proxyTo(us.host), await proxyTo(eu.host)];
        const pusher = new Pusher(staging.host, "p/staging/tool");
        const images = await Promise.all(Array.from({ length: 8 }, (_, i) => pusher.image({ tags: [`v${i}`] })));
        const program = await PromotionProgram.make(join(stores.folder, "images-stopped"));
        const args = {
          project: "tool",
          images: images.map(({ digest }, i) => `tool:v${i} ${digest}\n`).join(""),
          summary: "1 image, 8 digests",
          prefix: "tools",
          staging: `${staging.host}/p/staging`,
          mirrors: [
            { name: "us", repository: `${toUs.host}/p/images` },
            { name: "eu", repository: `${toEu.host}/p/images` },
          ],
          layerMirrors: [],
          mutableTags: [],
          removalShare: 0.5,
          storage: {},
        };
        await program.declare({ tool: { type: "images", args } });
        const stands = Promise.withResolvers<void>();
        toEu.inject((method, url) => {
          if (method !== "PUT" || !url.includes("/manifests/")) return undefined;
          stands.resolve();
          return { kind: "hang" };
        });
        const run = program.start(...up);
        await Promise.race([stands.promise, run.ended.then(({ output }) => assert.fail(output))]);
        const { said, ms } = await stopped(run, "SIGTERM");
        note(this, `ended ${ms} ms after the signal`);
        assert.match(said, /project tool: stopped with \d+ steps? to go; the next run resumes/);

        const { tags } = await inspect(us.host, "p/images/tools/tool");
        assert.ok(Object.keys(tags).length > 0, "what hangs in the second mirror is in the canonical one");
        for (const proxy of [toUs, toEu]) proxy.seen.length = 0;
        toEu.inject(() => undefined);
        succeeded(await program.run(...up));
        for (const [tag, digest] of Object.entries(tags)) {
          const again = toUs.seen.filter(
            ({ method, url }) => isWrite(method) && (url.endsWith(tag) || url.endsWith(digest)),
          );
          assert.deepEqual(again, []);
        }
        const all = Object.fromEntries(images.map(({ digest }, i) => [`v${i}`, digest]));
        for (const { host } of [us, eu]) assert.deepEqual((await inspect(host, "p/images/tools/tool")).tags, all);
        succeeded(await program.run("preview", "--expect-no-changes"));
      } finally {
        await Promise.all(registries.map((registry) => registry.remove()));
      }
    });

    // ARTIFACTS_KILLS=20: at so many random points instead. 280 writes in GCS: 120 files to two mirrors, then 20 go from both.
    const kills = Number(process.env["ARTIFACTS_KILLS"] ?? 0);
    const points = kills === 0 ? [1, 250] : Array.from({ length: kills }, () => Math.floor(Math.random() * 280));
    for (const [index, point] of points.entries()) {
      it(`by kill -9 after ${point} writes: the next run ends in the exact state`, async () => {
        const stood = await standing(`kill${index}`, (_, before) => before >= point, 1);
        stood.run.child.kill("SIGKILL");
        await stood.run.ended;
        await stood.proxy.quiet(); // the orphaned provider sees within a moment that it is one
        succeeded(await stood.world.program.run("cancel", "--yes"));
        await resumes(stood);
      });
    }

    /** Sends the signal to a run that stands still, in which no request would be given up within two minutes. */
    async function stopped(
      run: ReturnType<PromotionProgram["start"]>,
      signal: "SIGINT" | "SIGTERM",
    ): Promise<{ said: string; ms: number }> {
      const began = performance.now();
      run.child.kill(signal);
      const tooLate = new AbortController();
      const late = sleep(60_000, undefined, { signal: tooLate.signal }).then(
        () => assert.fail(`still there a minute after ${signal}`),
        () => undefined,
      );
      const said = await Promise.race([run.ended, late]);
      tooLate.abort();
      return { said: failed(said!), ms: Math.round(performance.now() - began) };
    }
  });
});

type Files = Readonly<Record<string, string | Uint8Array>>;

function sha256(content: string | Uint8Array): string {
  return createHash("sha256").update(content).digest("hex");
}

/** A project with buckets of its own, and its promotion as a program declares it. */
class World {
  readonly name: string;
  readonly program: PromotionProgram;
  readonly #gcs: string;

  private constructor(name: string, program: PromotionProgram, gcs: string) {
    this.name = name;
    this.program = program;
    this.#gcs = gcs;
  }

  /** @param gcs where the promotion finds GCS. */
  static async make(name: string, staged: Files, gcs = stores.gcs): Promise<World> {
    for (const mirror of ["staging", "us", "eu"]) await stores.makeBucket("gcs", `${name}-${mirror}`);
    await stores.makeBucket("s3", `${name}-aws`, { versioned: true });
    for (const [path, content] of Object.entries(staged)) await stores.stage(`${name}-staging`, path, content);
    return new World(name, await PromotionProgram.make(join(stores.folder, name)), gcs);
  }

  promotion(files: Files, more: object = {}): DeclaredPromotions[string] {
    const lines = Object.entries(files).map(([path, content]) => `${path} sha256:${sha256(content)}\n`);
    return {
      type: "files",
      args: {
        project: this.name,
        files: lines.sort().join(""),
        summary: `${lines.length} files`,
        prefix: this.name,
        staging: `${this.name}-staging`,
        removalShare: 0.5,
        storage: { gcsEndpoint: `${this.#gcs}/storage/v1/`, s3Endpoint: stores.s3, s3UsePathStyle: true },
        mirrors: [
          { name: "us", kind: "gcs", bucket: `${this.name}-us`, region: "us-central1" },
          { name: "eu", kind: "gcs", bucket: `${this.name}-eu`, region: "europe-west1" },
          { name: "aws", kind: "s3", bucket: `${this.name}-aws`, region: "us-east-1" },
        ],
        ...more,
      },
    };
  }

  async declare(files: Files, more: object = {}): Promise<void> {
    await this.program.declare({ [this.name]: this.promotion(files, more) });
  }

  /** Digests by path of what one mirror in GCS serves. */
  async held(mirror: "us" | "eu"): Promise<Record<string, string>> {
    const prefix = `binaries/${this.name}/`;
    const held: Record<string, string> = {};
    const listed = await fetch(`${stores.gcs}/storage/v1/b/${this.name}-${mirror}/o?maxResults=1000`);
    const { items = [] } = (await listed.json()) as { items?: { name: string }[] };
    for (const { name } of items) {
      const served = await stores.served(`${this.name}-${mirror}`, name);
      held[name.slice(prefix.length)] = sha256(served!.bytes);
    }
    return held;
  }

  async holds(files: Files): Promise<void> {
    const wanted = Object.fromEntries(Object.entries(files).map(([path, content]) => [path, sha256(content)]));
    assert.deepEqual(await this.held("us"), wanted);
    assert.deepEqual(await this.held("eu"), wanted);
    const refreshed = await this.program.run("refresh", "--preview-only", "--expect-no-changes");
    assert.equal(refreshed.code, 0, refreshed.output); // our own words, of the mirror in S3
  }
}

function succeeded(said: Said): string {
  assert.equal(said.code, 0, said.output);
  return said.output;
}

function failed(said: Said): string {
  assert.equal(said.code, 1, said.output);
  return said.output;
}
