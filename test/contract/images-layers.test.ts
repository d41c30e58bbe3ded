/** The S3 copies of image layers, on versitygw: what is referred to is there, what is not is gone, whatever other projects do. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { DeleteObjectCommand, GetObjectCommand, ListMultipartUploadsCommand } from "@aws-sdk/client-s3";
import { after, before, describe, it } from "mocha";
import { LayerTarget } from "../../components/promotion/blobs/layer-target.ts";
import { InterruptedError } from "../../components/promotion/http/errors.ts";
import { imagePromotion } from "../../components/promotion/images/images.ts";
import { LayerReferences } from "../../components/promotion/images/layer-references.ts";
import type { Blob } from "../../components/promotion/oci/blobs.ts";
import type { Context, ImagesRequest, LayerMirror } from "../../components/promotion/run/request.ts";
import type { Bucket } from "../../components/promotion/storage/bucket.ts";
import { crc32c, encodeCrc32c } from "../../components/promotion/storage/crc32c.ts";
import { openStorage, type Storage } from "../../components/promotion/storage/storage.ts";
import { layerKey } from "../../redirector/object-paths.ts";
import { startFaultyProxy } from "../support/faulty-proxy.ts";
import { type ObjectStores, startObjectStores } from "../support/object-stores.ts";
import { Pusher, sha256, startRegistry, type TestRegistry } from "../support/registries.ts";
import { s3Keys } from "../support/s3-keys.ts";

const context: Context = { signal: new AbortController().signal, report: () => {} };

describe("layers in S3", () => {
  let stores: ObjectStores;
  let registry: TestRegistry;
  const promotion = imagePromotion();
  before(async () => {
    [stores, registry] = await Promise.all([startObjectStores(), startRegistry("olareg")]);
    for (const name of ["layers-a", "layers-b"]) await stores.makeBucket("s3", name);
  });
  after(async () => {
    await promotion.close();
    await Promise.all([stores.stop(), registry.remove()]);
  });

  const requestOf = (project: string, images: string, buckets = ["layers-a", "layers-b"]): ImagesRequest => ({
    project,
    images,
    prefix: project,
    staging: `${registry.host}/staging/${project}`,
    mirrors: [{ name: "m0", repository: `${registry.host}/images` }],
    layerMirrors: buckets.map((bucket) => ({ name: bucket, bucket, region: "us-east-1" })),
    mutableTags: [],
    removalShare: 1,
    storage: { s3Endpoint: stores.s3, s3UsePathStyle: true },
  });

  async function keys(bucket: string, prefix: string): Promise<string[]> {
    return (await s3Keys(stores.s3Client, bucket, prefix)).map((key) => key.slice(prefix.length)).sort();
  }

  const layersIn = (bucket: string) => keys(bucket, "containers/images/");
  const staging = (project: string, image = "app") => new Pusher(registry.host, `staging/${project}/${image}`);

  async function promote(request: ImagesRequest, before?: ImagesRequest): Promise<void> {
    const outcome = await promotion.promote(request, before && { request: before, incomplete: {} }, context);
    assert.deepEqual([outcome.failures, outcome.incomplete], [[], {}]);
  }

  it("each layer is stored once, verified, and removed with the last image of any project that needs it", async () => {
    const shared = randomBytes(5_000);
    const large = randomBytes(20 * 1024 * 1024);
    const one = await staging("one").image({ layers: [shared, large] });
    const child = await staging("two").image({ layers: [shared, randomBytes(100)] });
    const two = await staging("two").index([child]);
    const [requestOne, requestTwo] = [
      requestOf("one", `app:v1 ${one.digest}\n`),
      requestOf("two", `app:v1 ${two.digest}\n`),
    ];
    await Promise.all([promote(requestOne), promote(requestTwo)]);
    for (const bucket of ["layers-a", "layers-b"]) {
      const held = await layersIn(bucket);
      assert.equal(held.length, 5, "two configs, three layers");
      for (const layer of [shared, large]) {
        assert.ok(held.includes(sha256(layer)));
        const object = new GetObjectCommand({ Bucket: bucket, Key: `containers/images/${sha256(layer)}` });
        const { Body } = await stores.s3Client.send(object);
        assert.equal(sha256(await Body!.transformToByteArray()), sha256(layer));
      }
    }
    const inventory = await promotion.takeInventory(requestTwo, context);
    assert.deepEqual([inventory.incomplete, inventory.failures], [{}, []]);

    const gone = await promotion.remove({ request: requestOne, incomplete: {} }, context);
    assert.deepEqual([gone.failures, gone.incomplete], [[], {}]);
    for (const bucket of ["layers-a", "layers-b"]) {
      const held = await layersIn(bucket);
      assert.equal(held.length, 3);
      assert.ok(held.includes(sha256(shared)), "the other project needs it");
      assert.ok(!held.includes(sha256(large)));
    }
    await promotion.remove({ request: requestTwo, incomplete: {} }, context);
    for (const bucket of ["layers-a", "layers-b"]) assert.deepEqual(await keys(bucket, "containers/"), []);
  });

  it("a project that leaves a bucket of layers takes its own layers along, while its registries and other buckets keep theirs", async () => {
    const [shared, own] = [randomBytes(4_000), randomBytes(5_000)];
    const leaving = await staging("leaving").image({ layers: [shared, own] });
    const staying = await staging("staying").image({ layers: [shared] });
    const before = requestOf("leaving", `app:v1 ${leaving.digest}\n`);
    const other = requestOf("staying", `app:v1 ${staying.digest}\n`);
    await Promise.all([promote(before), promote(other)]);
    const [a, b] = before.layerMirrors as [LayerMirror, LayerMirror];
    const request: ImagesRequest = { ...before, layerMirrors: [a], unplacedLayers: [b] };
    const previous = { request: before, incomplete: {} };
    const { lines } = await promotion.preview(request, previous, context);
    assert.match(lines[0]!, /^remove the whole project \(1 line\) from layers-b: its regions do not include it/);
    const outcome = await promotion.promote(request, previous, context);
    assert.deepEqual([outcome.failures, outcome.incomplete], [[], {}]);
    assert.equal((await layersIn("layers-a")).length, 4, "two configs, two layers");
    const left = await layersIn("layers-b");
    assert.deepEqual([left.length, left.includes(sha256(shared)), left.includes(sha256(own))], [2, true, false]);
    const pulled = await fetch(`http://${registry.host}/v2/images/leaving/app/manifests/v1`, { method: "HEAD" });
    assert.equal(pulled.status, 200);
    // Somebody puts one back: an inventory finds it, and the next run removes it.
    await promote(before, request);
    assert.equal((await layersIn("layers-b")).length, 4, "placed there again");
    const drift = await promotion.takeInventory(request, context);
    assert.deepEqual(Object.keys(drift.incomplete), ["layers-b"]);
    await promotion.promote(request, { request, incomplete: drift.incomplete }, context);
    assert.equal((await layersIn("layers-b")).length, 2);
    assert.deepEqual((await promotion.takeInventory(request, context)).incomplete, {});
    for (const last of [request, other]) await promotion.remove({ request: last, incomplete: {} }, context);
    for (const bucket of ["layers-a", "layers-b"]) assert.deepEqual(await keys(bucket, "containers/"), []);
  });

  it("two concurrent projects, one adding what the other removes, lose no layer", async () => {
    const layers = [randomBytes(1_000), randomBytes(2_000), randomBytes(3_000)];
    for (let round = 0; round < 5; round++) {
      const [leaving, coming] = [`leaving${round}`, `coming${round}`];
      const old = await staging(leaving).image({ layers });
      const fresh = await staging(coming).image({ layers });
      const before = requestOf(leaving, `app:v1 ${old.digest}\n`, ["layers-a"]);
      await promote(before);
      const request = requestOf(coming, `app:v1 ${fresh.digest}\n`, ["layers-a"]);
      const [removed] = await Promise.all([
        promotion.remove({ request: before, incomplete: {} }, context),
        promote(request),
      ]);
      assert.deepEqual(removed.failures, []);
      const held = await layersIn("layers-a");
      for (const layer of layers) assert.ok(held.includes(sha256(layer)), `round ${round}`);
      await promotion.remove({ request, incomplete: {} }, context);
    }
    assert.deepEqual(await keys("layers-a", "containers/"), []);
  });

  it("a layer registered by another process during its removal: one of the two detects it", async () => {
    const { signal } = context;
    const storage = openStorage({ s3Endpoint: stores.s3, s3UsePathStyle: true });
    try {
      const bucket = storage.open({ kind: "s3", bucket: "layers-b", region: "us-east-1" });
      const layer = sha256(randomBytes(10));
      const use = (project: string) => ({ project, image: "app", digest: sha256(Buffer.from(project)) });
      const other = new LayerReferences(bucket, signal);
      const upload = async (key: string) => {
        const content = { size: 1, sha256: sha256(Buffer.from("x")).slice("sha256:".length) };
        const chunk = { bytes: Buffer.from("x"), offset: 0, crc32c: encodeCrc32c(crc32c(Buffer.from("x"))) };
        const headers = { contentType: "application/octet-stream", cacheControl: "no-store" };
        await (await bucket.create(key, content, headers, signal)).finish(chunk);
      };
      await upload(layerKey(layer));
      const leaving = Object.create(bucket, {
        url: { value: "s3://as-of-another-process" }, // locks are of this process
        stat: { value: bucket.stat.bind(bucket) },
        list: { value: bucket.list.bind(bucket) },
        remove: {
          value: async (...args: Parameters<Bucket["remove"]>) => {
            if (args[0].key === layerKey(layer)) await other.add(layer, use("coming"));
            await bucket.remove(...args);
          },
        },
      }) as Bucket;
      await other.add(layer, use("leaving"));
      await assert.rejects(new LayerReferences(leaving, signal).drop(layer, use("leaving")), /began to need it/);
      // Nothing is forgotten: the next removal finds the other's note, and leaves what it brings.
      await upload(layerKey(layer));
      await other.drop(layer, use("leaving"));
      assert.ok((await layersIn("layers-b")).includes(layer));
      await other.drop(layer, use("coming"));
      assert.deepEqual(await keys("layers-b", "containers/"), []);
    } finally {
      await storage.close();
    }
  });

  describe("two concurrent promotions of a large layer, the second resuming the upload of the first", () => {
    const mebibyte = 1024 * 1024;
    const { signal } = context;
    let storage: Storage;
    before(() => {
      storage = openStorage({ s3Endpoint: stores.s3, s3UsePathStyle: true });
    });
    after(() => storage.close());

    /** Both have sent the first of three parts. */
    async function halfway() {
      const bytes = randomBytes(20 * mebibyte);
      const blob = { digest: sha256(bytes) as Blob["digest"], size: bytes.length };
      async function* all() {
        yield bytes;
      }
      const begin = async () => {
        const bucket = storage.open({ kind: "s3", bucket: "layers-a", region: "us-east-1" });
        const writer = await new LayerTarget("layers-a", bucket, signal).begin(blob);
        const [half, rest] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
        const pieces = async function* () {
          yield bytes.subarray(0, 9 * mebibyte);
          half.resolve(); // asked for more: the part has been taken
          await rest.promise;
          yield bytes.subarray(9 * mebibyte);
        };
        const written = writer.write(0, pieces(), signal);
        written.catch(() => undefined); // looked at later
        await Promise.race([half.promise, written]);
        return { writer, written, goOn: rest.resolve, breakOff: rest.reject };
      };
      const uploads = async () =>
        (await stores.s3Client.send(new ListMultipartUploadsCommand({ Bucket: "layers-a" }))).Uploads;
      const first = await begin();
      const second = await begin();
      assert.equal((await uploads())?.length, 1);
      return { blob, first, second, all };
    }

    async function assertThere({ digest }: { readonly digest: string }): Promise<void> {
      const object = { Bucket: "layers-a", Key: `containers/images/${digest}` };
      const { Body } = await stores.s3Client.send(new GetObjectCommand(object));
      assert.equal(sha256(await Body!.transformToByteArray()), digest);
      await stores.s3Client.send(new DeleteObjectCommand(object));
    }

    it("finds the layer when the first has completed it", async () => {
      const { blob, first, second } = await halfway();
      first.goOn();
      await first.written;
      second.goOn();
      await second.written;
      await assertThere(blob);
    });

    it("restarts when the first has aborted it", async () => {
      const { blob, first, second, all } = await halfway();
      first.breakOff(new Error("the source is wrong"));
      await assert.rejects(first.written, /source is wrong/);
      await first.writer.abandon();
      second.goOn();
      await assert.rejects(second.written, InterruptedError); // which is tried again
      await second.writer.write(0, all(), signal);
      await assertThere(blob);
    });
  });

  it("a new tag of a promoted digest sends no request to buckets; a new bucket is filled", async () => {
    const image = await staging("grow").image();
    const before = requestOf("grow", `app:v1 ${image.digest}\n`, ["layers-a"]);
    await promote(before);
    const tagged = {
      ...before,
      images: `app:v1 ${image.digest}\napp:v2 ${image.digest}\n`,
      storage: { s3Endpoint: "http://127.0.0.1:1" },
    };
    await promote(tagged, before);
    const grown = requestOf("grow", tagged.images, ["layers-a", "layers-b"]);
    await promote(grown, { ...tagged, storage: grown.storage });
    assert.equal((await layersIn("layers-b")).length, 3);
    await promotion.remove({ request: grown, incomplete: {} }, context);
  });

  it("a new bucket is filled without requests for attachments", async () => {
    const image = await staging("fill").image();
    await staging("fill").signature(image);
    const before = requestOf("fill", `app:v1 ${image.digest}\n`, ["layers-a"]);
    await promote(before);
    const requests: string[] = [];
    const counting = imagePromotion({
      onRequest: (method, url) => requests.push(`${method} ${new URL(url).pathname}`),
    });
    const grown = requestOf("fill", before.images, ["layers-a", "layers-b"]);
    const outcome = await counting.promote(grown, { request: before, incomplete: {} }, context);
    await counting.close();
    assert.deepEqual([outcome.failures, outcome.incomplete], [[], {}]);
    assert.equal((await layersIn("layers-b")).length, 3);
    const repository = "GET /v2/images/fill/app";
    assert.equal(requests.shift(), `${repository}/manifests/${image.digest}`);
    assert.deepEqual(
      requests.filter((line) => !line.startsWith(`${repository}/blobs/`)),
      [],
    );
    await promotion.remove({ request: grown, incomplete: {} }, context);
  });

  it("a lost layer is drift, and is restored", async () => {
    const image = await staging("drift").image();
    const request = requestOf("drift", `app:v1 ${image.digest}\n`, ["layers-a"]);
    await promote(request);
    const [lost] = await layersIn("layers-a");
    await stores.s3Client.send(new DeleteObjectCommand({ Bucket: "layers-a", Key: `containers/images/${lost}` }));
    const { incomplete } = await promotion.takeInventory(request, context);
    assert.deepEqual(incomplete, { "layers-a": `~ app@${image.digest}\n` });
    const outcome = await promotion.promote(request, { request, incomplete }, context);
    assert.deepEqual([outcome.failures, outcome.incomplete], [[], {}]);
    assert.equal((await layersIn("layers-a")).length, 3);
    await promotion.remove({ request, incomplete: {} }, context);
  });

  it("a removal interrupted at any request is completed by the next run after a refresh", async () => {
    await stores.makeBucket("s3", "layers-dying");
    const image = await staging("dying").image({ layers: [randomBytes(1_000), randomBytes(2_000)] });
    const old = requestOf("dying", `app:v1 ${image.digest}\n`, ["layers-dying"]);
    const storage = openStorage(old.storage);
    const bucket = storage.open({ kind: "s3", bucket: "layers-dying", region: "us-east-1" });
    const use = { project: "dying", image: "app", digest: image.digest };
    let died = true;
    let at = 0;
    while (died) {
      await promote(old);
      const references = new LayerReferences(dyingAt(++at, bucket), context.signal);
      died = false;
      for (const layer of await layersIn("layers-dying")) {
        await references.drop(layer, use).catch((error: Error) => {
          assert.equal(error.message, "died");
          died = true;
        });
      }
      const { incomplete } = await promotion.takeInventory(old, context);
      const gone = { ...old, images: "" };
      const outcome = await promotion.promote(gone, { request: old, incomplete }, context);
      assert.deepEqual([outcome.failures, outcome.incomplete], [[], {}]);
      assert.deepEqual(await keys("layers-dying", "containers/"), [], `died at request ${at}`);
    }
    assert.ok(at > 9, `${at} requests`);
    await storage.close();
  });

  it("a lost bucket is drift, and filled when it exists again", async () => {
    const image = await staging("region").image();
    const request = requestOf("region", `app:v1 ${image.digest}\n`, ["layers-a", "layers-lost"]);
    await promote({ ...request, layerMirrors: request.layerMirrors.slice(0, 1) });
    const { incomplete, failures } = await promotion.takeInventory(request, context);
    assert.deepEqual([incomplete, failures], [{ "layers-lost": `+ app:v1 ${image.digest}\n` }, []]);
    await stores.makeBucket("s3", "layers-lost");
    const outcome = await promotion.promote(request, { request, incomplete }, context);
    assert.deepEqual([outcome.failures, outcome.incomplete], [[], {}]);
    assert.equal((await layersIn("layers-lost")).length, 3);
    await promotion.remove({ request, incomplete: {} }, context);
  });

  it("removes the layers of an image that no registry has any more", async () => {
    const image = await staging("lost").image();
    const request = requestOf("lost", `app:v1 ${image.digest}\n`, ["layers-a"]);
    await promote(request);
    for (const repository of ["images/lost/app", "staging/lost/app"]) {
      await fetch(`http://${registry.host}/v2/${repository}/manifests/${image.digest}`, { method: "DELETE" });
    }
    const outcome = await promotion.remove({ request, incomplete: {} }, context);
    assert.deepEqual([outcome.failures, outcome.incomplete], [[], {}]);
    assert.deepEqual(await keys("layers-a", "containers/"), []);
  });

  it("removes the layers of an index of which one image is lost in all registries", async () => {
    const children = [await staging("part").image(), await staging("part").image()];
    const index = await staging("part").index(children);
    const request = requestOf("part", `app:v1 ${index.digest}\n`, ["layers-a"]);
    await promote(request);
    for (const repository of ["images/part/app", "staging/part/app"]) {
      const url = `http://${registry.host}/v2/${repository}/manifests/${children[0]!.digest}`;
      assert.equal((await fetch(url, { method: "DELETE" })).status, 202);
    }
    const outcome = await promotion.remove({ request, incomplete: {} }, context);
    assert.deepEqual([outcome.failures, outcome.incomplete], [[], {}]);
    assert.deepEqual(await keys("layers-a", "containers/"), []);
  });

  it("a missing bucket does not affect the registries", async () => {
    const image = await staging("nobucket").image();
    const request = requestOf("nobucket", `app:v1 ${image.digest}\n`, ["absent"]);
    const outcome = await promotion.promote(request, undefined, context);
    assert.match(outcome.failures.join("\n"), /^project nobucket, image app@sha256:.*, mirror absent: /);
    assert.deepEqual(Object.keys(outcome.incomplete), ["absent"]);
  });

  it("never commits a layer with different content, even through a failing store", async () => {
    const source = await startFaultyProxy(registry.host);
    const store = await startFaultyProxy(new URL(stores.s3).host);
    try {
      const isBlob = (method: string, url: string) => method === "GET" && /\/blobs\/sha256:/.test(url);
      for (const size of [50_000, 12 * 1024 * 1024]) {
        const layer = randomBytes(size);
        const { digest } = await staging("faulty").image({ layers: [layer] });
        const request = {
          ...requestOf("faulty", `app:v1 ${digest}\n`, ["layers-a"]),
          staging: `${source.host}/staging/faulty`,
          storage: { s3Endpoint: `http://${store.host}`, s3UsePathStyle: true },
        };
        source.inject((method, url) => (isBlob(method, url) ? { kind: "corrupt", at: 9 } : undefined));
        const wrong = await promotion.promote(request, undefined, context);
        assert.match(wrong.failures.join("\n"), /is not sha256:/);
        assert.deepEqual(await layersIn("layers-a"), []);
        // The bytes are right now; the store is not well.
        source.inject(() => undefined);
        let writes = 0;
        store.inject((method, url) => {
          if (method !== "PUT" || !url.includes("/containers/images/")) return undefined;
          writes++;
          if (writes === 1) return { kind: "answer", status: 500 };
          return writes === 2 ? { kind: "cut-request", after: 20_000 } : undefined;
        });
        const next = await promotion.promote(request, { request, incomplete: wrong.incomplete }, context);
        assert.deepEqual([next.failures, next.incomplete], [[], {}]);
        const stored = await stores.s3Client.send(
          new GetObjectCommand({ Bucket: "layers-a", Key: `containers/images/${sha256(layer)}` }),
        );
        assert.equal(sha256(await stored.Body!.transformToByteArray()), sha256(layer));
        await promotion.remove({ request, incomplete: {} }, context);
        assert.deepEqual(await keys("layers-a", "containers/"), []);
      }
    } finally {
      await Promise.all([source.close(), store.close()]);
    }
  });

  it("a store that denies access is given up, with one error for all images, and the registries are complete", async () => {
    const proxy = await startFaultyProxy(new URL(stores.s3).host);
    try {
      const lines: string[] = [];
      for (let index = 0; index < 20; index++)
        lines.push(`app:v${index} ${(await staging("refused").image()).digest}\n`);
      const request = {
        ...requestOf("refused", lines.sort().join(""), ["layers-a"]),
        storage: { s3Endpoint: `http://${proxy.host}`, s3UsePathStyle: true },
      };
      const body = "<Error><Code>AccessDenied</Code><Message>no</Message></Error>";
      proxy.inject((method) => (method === "PUT" ? { kind: "answer", status: 403, body } : undefined));
      const outcome = await promotion.promote(request, undefined, context);
      assert.match(
        outcome.failures[0]!,
        /^project refused, mirror layers-a: given up with 20 steps to go: .*AccessDenied/,
      );
      assert.ok(outcome.failures.length <= 4, outcome.failures.join("\n"));
      assert.deepEqual(Object.keys(outcome.incomplete), ["layers-a"]);
      // Once it lets us, the next run does only what lacks.
      proxy.inject(() => undefined);
      const next = await promotion.promote(request, { request, incomplete: outcome.incomplete }, context);
      assert.deepEqual([next.failures, next.incomplete], [[], {}]);
      await promotion.remove({ request, incomplete: {} }, context);
      assert.deepEqual(await keys("layers-a", "containers/"), []);
    } finally {
      await proxy.close();
    }
  });
});

/** A bucket at which nothing works any more from its nth request on, as when the process that asks it dies. */
function dyingAt(request: number, bucket: Bucket): Bucket {
  let asked = 0;
  return new Proxy(bucket, {
    get(target, name: keyof Bucket) {
      const member: unknown = target[name];
      if (typeof member !== "function") return member;
      return (...args: unknown[]) => {
        if (++asked >= request) throw new Error("died");
        return member.apply(target, args) as unknown;
      };
    },
  });
}
