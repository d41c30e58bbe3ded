/** The provider plugin in a run of the real engine that is stopped in the middle: what is recorded, and how the next run goes on. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { after, before, describe, it } from "mocha";
import { note } from "../support/annotations.ts";
import { type FaultyProxy, startFaultyProxy } from "../support/faulty-proxy.ts";
import { type ObjectStores, startObjectStores } from "../support/object-stores.ts";
import { PromotionProgram } from "../support/promotion-program.ts";
import { failed, succeeded, World } from "../support/promotion-world.ts";
import { inspect, Pusher, startRegistry } from "../support/registries.ts";

const up = ["up", "--yes", "--skip-preview"] as const;

describe("a promotion by the provider plugin, interrupted", () => {
  let stores: ObjectStores;
  before(async () => {
    stores = await startObjectStores();
  });
  after(async () => {
    await Promise.all(proxies.map((proxy) => proxy.close()));
    await stores.stop();
  });

  const old = Object.fromEntries(Array.from({ length: 60 }, (_, i) => [`old-${i}`, `old ${i}`]));
  const kept = Object.fromEntries(Object.entries(old).slice(20));
  const files = Object.fromEntries(Array.from({ length: 120 }, (_, i) => [`new-${i}`, randomBytes(100_000)]));
  const wanted = { ...kept, ...files };
  const proxies: FaultyProxy[] = [];

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
    const world = await World.make(stores, name, { ...old, ...files }, `http://${proxy.host}`);
    await world.declare(old);
    succeeded(await world.program.run(...up));
    await world.declare(wanted);
    const stands = Promise.withResolvers<void>();
    let writes = 0;
    let hanging = 0;
    proxy.inject((method, url) => {
      const bucket = isWrite(method) ? bucketWritten(url) : undefined;
      if (bucket === undefined || !hangs(bucket, writes++)) return undefined;
      if (++hanging === enough) stands.resolve();
      return { kind: "hang" };
    });
    const run = world.program.start(...up);
    await Promise.race([stands.promise, run.ended.then(({ output }) => assert.fail(output))]);
    return { world, proxy, run, hanging };
  }

  const isWrite = (method: string): boolean => !/GET|HEAD/.test(method);
  /** Of a copy that is where it goes, after where it comes from. */
  const bucketWritten = (url: string): string | undefined => [...url.matchAll(/\/b\/([^/]+)\/o/g)].at(-1)?.[1];

  /** The next run ends in the exact state, and sends nothing to the canonical mirror that was there. */
  async function resumes({ world, proxy }: Standing): Promise<void> {
    const there = Object.keys(await world.present("us")).filter((path) => path.startsWith("new-")).length;
    proxy.seen.length = 0;
    proxy.inject(() => undefined);
    succeeded(await world.program.run(...up));
    const sent = proxy.seen.filter(({ method, url }) => method === "POST" && bucketWritten(url) === `${world.name}-us`);
    assert.ok(sent.length <= 120 - there, `${sent.length} sent, of 120 files ${there} were there`);
    await world.hasExactly(wanted);
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

      const held = await world.present("us");
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

  it("images, by SIGTERM: ends at once, and the next run sends nothing twice", async function () {
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
