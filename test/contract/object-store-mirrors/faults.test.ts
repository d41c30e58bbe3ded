/**
 * Buckets that are image mirrors when a run is killed (`kill -9`), when two processes write one list, when a store does not do what it says,
 * and when clocks differ. A list never names what is not there, and the next run completes.
 */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { GetObjectCommand } from "@aws-sdk/client-s3";
import { after, before, beforeEach, describe, it } from "mocha";
import { imagePromotion } from "../../../components/promotion/images/images.ts";
import type { Context, ImageMirror, ImagesRequest, Outcome } from "../../../components/promotion/run/request.ts";
import { storeAddress } from "../../../components/promotion/run/store-address.ts";
import { layerKey, manifestKey, referrersKey, registryFolder, tagsKey } from "../../../redirector/object-paths.ts";
import { type Choose, type Fault, type FaultyProxy, startFaultyProxy } from "../../support/faulty-proxy.ts";
import { type ObjectStores, startObjectStores } from "../../support/object-stores.ts";
import { startPromotion } from "../../support/promoting-process.ts";
import { type Pushed, Pusher, sha256, startRegistry, type TestRegistry } from "../../support/registries.ts";
import { s3Keys } from "../../support/s3-keys.ts";
import { withShortPauses } from "../../support/short-pauses.ts";

const context: Context = { signal: new AbortController().signal, report: () => {} };
/** By the count of writes, from the first to one of the last. */
const kills = 20;

describe("image mirrors in object stores, when things go wrong", () => {
  withShortPauses();
  let stores: ObjectStores;
  let registry: TestRegistry;
  /** In front of the S3 store. */
  let proxy: FaultyProxy;
  const promotion = imagePromotion();
  before(async () => {
    [stores, registry] = await Promise.all([startObjectStores(), startRegistry("olareg")]);
    proxy = await startFaultyProxy(new URL(stores.s3).host);
  });
  after(async () => {
    await promotion.close();
    await proxy.close();
    await Promise.all([stores.stop(), registry.remove()]);
  });

  let bucket = "";
  let s3: ImageMirror;
  beforeEach(async () => {
    proxy.inject(() => undefined);
    bucket = `store-${randomBytes(4).toString("hex")}`;
    await stores.makeBucket("s3", bucket, { versioned: true });
    s3 = { name: "s3", repository: storeAddress({ kind: "s3", bucket, region: "us-east-1" }) };
  });

  const requestOf = (project: string, images: string, mirrors: readonly ImageMirror[] = [s3]): ImagesRequest => ({
    project,
    images,
    prefix: "demo",
    staging: `${registry.host}/staging/demo`,
    mirrors,
    layerMirrors: [],
    mutableTags: [],
    removalShare: 1,
    storage: { s3Endpoint: `http://${proxy.host}`, s3UsePathStyle: true },
  });

  const keys = () => s3Keys(stores.s3Client, bucket);

  async function bytes(key: string): Promise<Buffer> {
    const got = await stores.s3Client.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
    return Buffer.from(await got.Body!.transformToByteArray());
  }

  interface Manifest {
    readonly tags?: readonly string[];
    readonly config?: Pushed;
    readonly layers?: readonly Pushed[];
    readonly manifests?: readonly Pushed[];
  }

  const json = async (key: string) => JSON.parse((await bytes(key)).toString()) as Manifest;

  /** Asserts that what a client finds by any list or tag can be pulled whole. Returns how many manifests they lead to. */
  async function assertListedIsThere(): Promise<number> {
    const there = new Set(await keys());
    const pulled = new Set<string>();
    const pull = async (name: string, digest: string): Promise<void> => {
      const key = manifestKey(name, digest);
      assert.ok(there.has(key), `${key} is listed, and is not there`);
      pulled.add(key);
      const { config, layers = [], manifests = [] } = await json(key);
      for (const blob of [...(config ? [config] : []), ...layers])
        assert.ok(there.has(layerKey(blob.digest)), `${key} needs ${blob.digest}, which is not there`);
      for (const child of manifests) await pull(name, child.digest);
    };
    for (const key of there) {
      const [, name, list] = new RegExp(`^${registryFolder}(.+)/_(tags|referrers|manifests)/`).exec(key) ?? [];
      if (name === undefined) continue;
      if (list === "manifests") {
        // Clients ask for tags that no list has, too.
        const tag = key.slice(manifestKey(name, "").length);
        if (!tag.startsWith("sha256:")) await pull(name, sha256(await bytes(key)));
        continue;
      }
      if (list === "referrers") {
        for (const { digest } of (await json(key)).manifests ?? []) await pull(name, digest);
        continue;
      }
      for (const tag of (await json(key)).tags ?? []) {
        assert.ok(there.has(manifestKey(name, tag)), `${name}:${tag} is listed, and is not there`);
        await pull(name, sha256(await bytes(manifestKey(name, tag))));
      }
    }
    return pulled.size;
  }

  async function isWhole(request: ImagesRequest, when = ""): Promise<void> {
    const { incomplete, failures } = await promotion.takeInventory(request, context);
    assert.deepEqual([failures, incomplete], [[], {}], when);
    await assertListedIsThere();
  }

  const succeeded = ({ failures, incomplete }: Outcome) => assert.deepEqual([failures, incomplete], [[], {}]);

  /** A change that adds an index with a signature and an SBOM, adds a tag, and removes the same with an image of its own. */
  async function change(): Promise<{ before: ImagesRequest; after: ImagesRequest; tags: string[]; index: Pushed }> {
    const at = new Pusher(registry.host, "staging/demo/app");
    const signed = async () => {
      const index = await at.index([await at.image(), await at.image()]);
      await at.image({ subject: index });
      return { index, signature: `${index.digest.replace(":", "-")}.sig`, pushed: await at.signature(index) };
    };
    const [kept, old, now] = [await at.image(), await signed(), await signed()];
    return {
      before: requestOf("demo", `app:kept ${kept.digest}\napp:old ${old.index.digest}\n`),
      after: requestOf("demo", `app:also ${kept.digest}\napp:kept ${kept.digest}\napp:now ${now.index.digest}\n`),
      tags: ["also", "kept", "now", now.signature].sort(),
      index: now.index,
    };
  }

  const isWrite = (method: string) => method === "PUT" || method === "DELETE";

  it(`killed (kill -9) at ${kills} points of a promotion: no list names what is not there, and the next run completes`, async function () {
    this.timeout((1 + kills) * 60_000);
    let writes = 0;
    const { tags, index, ...requests } = await change();
    let { before, after } = requests;
    succeeded(await promotion.promote(before, undefined, context));
    proxy.inject((method) => {
      if (isWrite(method)) writes++;
      return undefined;
    });
    succeeded(await promotion.promote(after, { request: before, incomplete: {} }, context));
    await isWhole(after);
    const whole = (await keys()).length;
    const all = writes;
    let halfway = 0;
    for (let kill = 0; kill < kills; kill++) {
      proxy.inject(() => undefined);
      bucket = `killed-${randomBytes(4).toString("hex")}`;
      await stores.makeBucket("s3", bucket, { versioned: true });
      s3 = { name: "s3", repository: storeAddress({ kind: "s3", bucket, region: "us-east-1" }) };
      [before, after] = [
        { ...before, mirrors: [s3] },
        { ...after, mirrors: [s3] },
      ];
      succeeded(await promotion.promote(before, undefined, context));
      const old = { request: before, incomplete: {} };
      const fatal = 1 + Math.floor((kill * all) / kills);
      let written = 0;
      const { child, ended } = startPromotion({ request: after, previous: old });
      proxy.inject((method) => {
        if (!isWrite(method) || ++written !== fatal) return undefined;
        child.kill("SIGKILL");
        // The store may have got the last request, or not.
        return kill % 2 === 0 ? undefined : { kind: "cut-request", after: 0 };
      });
      assert.equal(await ended, undefined, `write ${fatal} of ${all}: the process has ended by itself`);
      await proxy.quiet();
      proxy.inject(() => undefined);
      const where = `killed at write ${fatal} of ${all}`;
      assert.ok((await assertListedIsThere()) > 0, where);
      if (JSON.stringify((await json(tagsKey("demo/app"))).tags) !== JSON.stringify(tags)) halfway++;
      const { incomplete, failures } = await promotion.takeInventory(before, context);
      assert.deepEqual(failures, [], where);
      const known = kill % 2 === 0 ? old : { request: before, incomplete };
      succeeded(await promotion.promote(after, known, context));
      await isWhole(after, where);
      assert.deepEqual((await json(tagsKey("demo/app"))).tags, tags, where);
      assert.equal((await json(referrersKey("demo/app", index.digest))).manifests?.length, 1, where);
      assert.equal((await keys()).length, whole, `${where}: something is left, or missing`);
    }
    assert.ok(halfway > 0, "no run was killed in the middle");
  });

  it("a store that fails is named, holds back itself alone, and is completed when it works again", async () => {
    const at = new Pusher(registry.host, "staging/demo/app");
    const index = await at.index([await at.image(), await at.image()]);
    await at.image({ subject: index });
    const other: ImageMirror = { name: "other", repository: `${registry.host}/other` };
    const isObject = (url: string, key: string) => decodeURIComponent(url.split("?")[0]!).endsWith(`/${bucket}/${key}`);
    const answer = (status: number, code: string): Fault => ({
      kind: "answer",
      status,
      headers: { "content-type": "application/xml" },
      body: `<?xml version="1.0"?><Error><Code>${code}</Code><Message>${code}</Message></Error>`,
    });
    const loses =
      (key: string): Choose =>
      (method, url) =>
        method === "PUT" && isObject(url, key) ? { kind: "answer", status: 200, headers: { etag: '"0"' } } : undefined;
    const isListing = (method: string, url: string) =>
      method === "GET" && url.includes("list-type=2") && url.includes("registry");
    const nothing: Fault = {
      kind: "answer",
      status: 200,
      headers: { "content-type": "application/xml" },
      body: '<?xml version="1.0"?><ListBucketResult><IsTruncated>false</IsTruncated><KeyCount>0</KeyCount></ListBucketResult>',
    };
    const cases: [what: string, choose: Choose, message: RegExp][] = [
      ["loses a tag", loses(manifestKey("demo/app", "v1")), /was stored, and is not there/],
      ["loses a manifest", loses(manifestKey("demo/app", index.digest)), /was stored, and is not there/],
      ["loses the list of tags", loses(tagsKey("demo/app")), /does not keep what is written/],
      ["loses the list of referrers", loses(referrersKey("demo/app", index.digest)), /does not keep what is written/],
      [
        "loses blobs",
        (method, url) =>
          method === "PUT" && url.includes("/containers/images/")
            ? { kind: "answer", status: 200, headers: { etag: '"0"' } }
            : undefined,
        /was stored, and is not there/,
      ],
      [
        "lists what was there before",
        (method, url) => (isListing(method, url) ? nothing : undefined),
        /lists what was there before/,
      ],
      ["403 on everything", () => answer(403, "AccessDenied"), /HTTP 403/],
      ["404 on everything", () => answer(404, "NoSuchBucket"), /does not exist|404/],
    ];
    for (const [what, choose, message] of cases) {
      bucket = `bad-${randomBytes(4).toString("hex")}`;
      await stores.makeBucket("s3", bucket);
      const mirror = { name: "s3", repository: storeAddress({ kind: "s3", bucket, region: "us-east-1" }) };
      const request = requestOf("demo", `app:v1 ${index.digest}\n`, [other, mirror]);
      proxy.inject(choose);
      const outcome = await promotion.promote(request, undefined, context);
      proxy.inject(() => undefined);
      assert.match(outcome.failures.join("\n"), message, what);
      for (const failure of outcome.failures) assert.match(failure, /mirror s3/, what);
      assert.deepEqual(Object.keys(outcome.incomplete), ["s3"], what);
      await assertListedIsThere();
      succeeded(await promotion.promote(request, { request, incomplete: outcome.incomplete }, context));
      await isWhole(request, what);
    }
  });

  it("a store that keeps no versions and knows no question about them (501), as R2, is written, changed and emptied", async () => {
    bucket = `plain-${randomBytes(4).toString("hex")}`;
    await stores.makeBucket("s3", bucket);
    s3 = { name: "s3", repository: storeAddress({ kind: "s3", bucket, region: "us-east-1" }) };
    const body = "<Error><Code>NotImplemented</Code><Message>ListObjectVersions is not implemented</Message></Error>";
    proxy.inject((_, url) =>
      /[?&]versions?(ing)?(&|=|$)/.test(url)
        ? { kind: "answer", status: 501, headers: { "content-type": "application/xml" }, body }
        : undefined,
    );
    const { before, after, tags } = await change();
    succeeded(await promotion.promote(before, undefined, context));
    succeeded(await promotion.promote(after, { request: before, incomplete: {} }, context));
    await isWhole(after);
    assert.deepEqual((await json(tagsKey("demo/app"))).tags, tags);
    succeeded(await promotion.remove({ request: after, incomplete: {} }, context));
    assert.deepEqual(await keys(), []);
  });

  it("two processes with clocks four hours apart, two projects: one list has the tags of both", async () => {
    const at = new Pusher(registry.host, "staging/demo/app");
    const image = await at.image();
    const lines = (project: string, count: number) =>
      Array.from({ length: count }, (_, n) => `app:${project}-${100 + n} ${image.digest}\n`).join("");
    const before = requestOf("one", lines("one", 30));
    succeeded(await promotion.promote(before, undefined, context));
    const [one, two] = await Promise.all([
      startPromotion({
        request: requestOf("one", lines("one", 60)),
        previous: { request: before, incomplete: {} },
        clockAhead: 2 * 3_600_000,
      }).ended,
      startPromotion({ request: requestOf("two", lines("two", 60)), clockAhead: -2 * 3_600_000 }).ended,
    ]);
    succeeded(one!);
    succeeded(two!);
    assert.equal((await json(tagsKey("demo/app"))).tags?.length, 120);
    await assertListedIsThere();
  });
});
