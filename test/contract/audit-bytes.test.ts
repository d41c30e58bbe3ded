/** Every byte of mirrors is read back: what a store lists with the right size, and its checksum, may have other bytes. */
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { PutObjectCommand } from "@aws-sdk/client-s3";
import { after, before, describe, it } from "mocha";
import { AuditFindings } from "../../components/commands/audit-findings.ts";
import type { AuditOrder } from "../../components/commands/audit-order.ts";
import { auditTask } from "../../components/commands/audit-task.ts";
import { type MirrorOrder, mirrorOrderOf } from "../../components/commands/fill-order.ts";
import { type ReadBack, readBack } from "../../components/commands/read-back.ts";
import { readTaskOrder } from "../../components/commands/task-order.ts";
import type { FilesRequest, ImagesRequest } from "../../components/promotion/run/request.ts";
import { openStorage } from "../../components/promotion/storage/storage.ts";
import { layerKey } from "../../redirector/object-paths.ts";
import { type FaultyProxy, startFaultyProxy } from "../support/faulty-proxy.ts";
import { type ObjectStores, startObjectStores } from "../support/object-stores.ts";
import { type Pushed, Pusher, startRegistry, type TestRegistry } from "../support/registries.ts";

const { signal } = new AbortController();
const whole = { index: 1, count: 1 };
const nobody = () => {};
const digestOf = (bytes: Uint8Array) => `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
const paths = Array.from({ length: 30 }, (_, index) => `1.0/file-${index}`);

let stores: ObjectStores;
let registry: TestRegistry;
let proxy: FaultyProxy;
let production: { images: ImagesRequest[]; files: FilesRequest[] };
let image: Pushed;
let signed: Pushed;
const layers = [randomBytes(40_000), randomBytes(50_000)];

describe("every byte of a mirror", () => {
  before(async () => {
    stores = await startObjectStores();
    registry = await startRegistry("olareg");
    proxy = await startFaultyProxy(new URL(stores.gcs).host);
    for (const bucket of ["files", "findings"]) await stores.makeBucket("gcs", bucket);
    await stores.makeBucket("s3", "layers");
    const pusher = new Pusher(registry.host, "p/images/tool/app");
    image = await pusher.image({ tags: ["v1"], layers });
    signed = await pusher.signature(image);
    const config = JSON.parse(await textOf(registry, "app", image.digest)) as { config: { digest: string } };
    const configBytes = await readFile(blobFile("app", config.config.digest));
    for (const blob of [...layers, configBytes]) await putLayer(layerKey(digestOf(blob)), blob);
    const lines: string[] = [];
    for (const path of paths) {
      const content = randomBytes(3_000);
      await stores.stage("files", `binaries/tool/${path}`, content);
      lines.push(`${path} ${digestOf(content)}\n`);
    }
    const common = { project: "tool", prefix: "tool", staging: "", removalShare: 0.5, storage: stores.settings };
    production = {
      images: [
        {
          ...common,
          images: `app:v1 ${image.digest}\n`,
          mirrors: [{ name: "images-us-central1", repository: `${registry.host}/p/images` }],
          layerMirrors: [{ name: "files-aws-us-east-1", bucket: "layers", region: "us-east-1" }],
          mutableTags: [],
        },
      ],
      files: [
        {
          ...common,
          files: lines.sort().join(""),
          mirrors: [{ name: "files-gcp-us-central1", kind: "gcs", bucket: "files", region: "us-central1" }],
        },
      ],
    };
  });
  after(async () => {
    await registry.remove();
    await stores.stop();
  });

  const orderFor = (mirror: string): MirrorOrder => mirrorOrderOf(production, mirror, new Set());
  const found = ({ findings }: ReadBack) => findings.map(({ what, line, why }) => `${what} ${line}: ${why}`);
  const read = (mirror: string) => readBack(orderFor(mirror), whole, signal, undefined, nobody);

  it("what is right is read to its last byte, with what is attached to it", async () => {
    const registryRead = await read("images-us-central1");
    assert.deepEqual([found(registryRead), registryRead.unreadable, registryRead.read], [[], [], 1]);
    assert.ok(registryRead.bytes > 90_000 + image.size + signed.size, `${registryRead.bytes}`);
    const bucketRead = await read("files-gcp-us-central1");
    assert.deepEqual([found(bucketRead), bucketRead.read, bucketRead.bytes], [[], 30, 90_000]);
    const layersRead = await read("files-aws-us-east-1");
    assert.deepEqual([found(layersRead), layersRead.read], [[], 1]);
    assert.ok(layersRead.bytes > 90_000);
  });

  it("a layer with other bytes of the same number, a shorter one, a lost one, a signature with other bytes", async () => {
    const corrupt = async (digest: string, change: (bytes: Buffer) => Buffer) => {
      const file = blobFile("app", digest);
      const bytes = await readFile(file);
      await writeFile(file, change(bytes));
      const { findings } = await read("images-us-central1");
      await writeFile(file, bytes);
      assert.deepEqual(
        findings.map(({ project, kind, line }) => [project, kind, line]),
        [["tool", "images", `app@${image.digest}`]],
      );
      return findings.map(({ what, why }) => `${what}: ${why}`).join();
    };
    const [first, second] = layers.map(digestOf);
    assert.equal(await corrupt(first!, flipped), `corrupt: blob from ${registry.host} is not ${first}`);
    assert.equal(
      await corrupt(second!, (bytes) => bytes.subarray(1)),
      `corrupt: blob ${second} has 49999 of its 50000 bytes`,
    );
    assert.match(await corrupt(signed.digest, flipped), /^corrupt: manifest sha256:\w+ came as content with digest /);
    assert.deepEqual(found(await read("images-us-central1")), []);
  });

  it("more nested indexes than an image may have are not read, and said in one line", async () => {
    const pusher = new Pusher(registry.host, "p/images/tool/app");
    let nested = image;
    for (let depth = 0; depth < 5; depth++) {
      const { mediaType, digest, size } = nested;
      const index = { schemaVersion: 2, mediaType: "application/vnd.oci.image.index.v1+json" };
      nested = await pusher.manifest({ ...index, manifests: [{ mediaType, digest, size }] });
    }
    const line = `app@${nested.digest}`;
    const order = { ...production, images: [{ ...production.images[0]!, images: `app:v2 ${nested.digest}\n` }] };
    const mirror = "images-us-central1";
    const told = await readBack(mirrorOrderOf(order, mirror, new Set()), whole, signal, undefined, nobody);
    assert.deepEqual(found(told), []);
    const why = `${nested.digest}: indexes are nested more than 4 deep`;
    assert.deepEqual(told.unreadable, [`project tool, mirror ${mirror}: ${line}: ${why}`]);
  });

  it("an object with other bytes, one that is lost, and a layer in a bucket of layers", async () => {
    const [changed = "", lost = ""] = paths;
    const before = await stores.served("files", `binaries/tool/${changed}`);
    const other = randomBytes(before!.bytes.length);
    await stores.stage("files", `binaries/tool/${changed}`, other);
    const kept = await stores.served("files", `binaries/tool/${lost}`);
    await stores.remove("files", `binaries/tool/${lost}`);
    const { findings } = await read("files-gcp-us-central1");
    assert.deepEqual(findings.map(({ what, line, why }) => `${what} ${line.split(" ")[0]}: ${why}`).sort(), [
      `corrupt ${changed}: gs://files/binaries/tool/${changed} has content ${digestOf(other)}`,
      `missing ${lost}: gs://files/binaries/tool/${lost} is not there`,
    ]);
    await stores.stage("files", `binaries/tool/${changed}`, before!.bytes);
    await stores.stage("files", `binaries/tool/${lost}`, kept!.bytes);

    const layer = layers[0]!;
    await putLayer(layerKey(digestOf(layer)), flipped(layer));
    assert.deepEqual(found(await read("files-aws-us-east-1")), [
      `corrupt app@${image.digest}: s3://layers/${layerKey(digestOf(layer))} has content ${digestOf(flipped(layer))}`,
    ]);
    await putLayer(layerKey(digestOf(layer)), layer);
  });

  it("tasks share the work; one that could not read all of it goes on in its next attempt, and reads nothing twice", async () => {
    const storage = openStorage(stores.settings);
    const bucket = storage.open({ kind: "gcs", bucket: "findings" });
    const order: AuditOrder = {
      auditOrder: 1,
      findings: "findings",
      storage: stores.settings,
      ...orderFor("files-gcp-us-central1"),
      files: [
        { ...production.files[0]!, storage: { ...stores.settings, gcsEndpoint: `http://${proxy.host}/storage/v1/` } },
      ],
    };
    assert.deepEqual(readTaskOrder(JSON.stringify(order), "x"), order);
    const task = (index: number, attempt: number) =>
      auditTask(
        order,
        { index, count: 3 },
        {
          signal,
          environment: { CLOUD_RUN_EXECUTION: "artifacts-audit-x", CLOUD_RUN_TASK_ATTEMPT: `${attempt}` },
          saveEvery: 20,
          write: (line) => log.push(JSON.parse(line)),
        },
      );
    const log: { severity: string; event?: string; read: number; found: number; unread: number }[] = [];
    const [changed = ""] = paths;
    await stores.stage("files", `binaries/tool/${changed}`, "other");
    const isRead = (url: string) => url.includes("alt=media");
    // Two files cannot be read for now.
    const refused = [paths[7]!, paths[8]!].map((path) => encodeURIComponent(`binaries/tool/${path}`));
    proxy.inject((_, url) =>
      refused.some((key) => url.includes(`${key}?`)) ? { kind: "answer", status: 403 } : undefined,
    );
    const first = await Promise.all([1, 2, 3].map((index) => task(index, 0)));
    const total = (all: readonly ReadBack[], of: "wanted" | "read" | "found" | "bytes") =>
      all.reduce((sum, each) => sum + each[of], 0);
    assert.deepEqual([total(first, "wanted"), total(first, "found")], [30, 1]);
    assert.equal(first.flatMap(({ unread }) => unread).length, 2);
    assert.match(
      first.flatMap(({ unreadable }) => unreadable).join("\n"),
      /project tool, mirror files-gcp-us-central1: 1\.0\/file-7 sha256:.*403/,
    );

    const ends = log.filter(({ event }) => event === "audit-ended");
    assert.equal(
      ends.filter(({ severity }) => severity === "ERROR").length,
      first.filter(({ found, unread }) => found + unread.length > 0).length,
    );
    assert.equal(
      log.reduce((sum, { event, read }) => sum + (event === undefined ? 0 : read), 0),
      total(first, "read"),
    );

    proxy.inject(() => undefined);
    proxy.seen.length = 0;
    const again = await Promise.all([1, 2, 3].map((index) => task(index, 1)));
    const bodies = proxy.seen.map(({ url }) => url).filter(isRead);
    assert.equal(bodies.length, 2, bodies.join("\n"));
    assert.deepEqual([total(again, "read"), again.flatMap(({ unread }) => unread)], [30, []]);
    const saved = await new AuditFindings(bucket, "artifacts-audit-x", signal).all();
    assert.deepEqual(saved, again);
    assert.deepEqual(
      saved.flatMap(({ findings }) => findings.map(({ what, line }) => `${what} ${line.split(" ")[0]}`)),
      [`corrupt ${changed}`],
    );
    await storage.close();
  });

  function blobFile(name: string, digest: string): string {
    return join(registry.folder, "p/images/tool", name, "blobs", digest.replace(":", "/"));
  }

  async function putLayer(key: string, bytes: Uint8Array): Promise<void> {
    await stores.s3Client.send(new PutObjectCommand({ Bucket: "layers", Key: key, Body: bytes }));
  }
});

/** Other bytes of the same number. */
function flipped(bytes: Buffer): Buffer {
  const other = Buffer.from(bytes);
  other[1000 % bytes.length]! ^= 1;
  return other;
}

async function textOf({ host }: TestRegistry, name: string, digest: string): Promise<string> {
  const accept = "application/vnd.oci.image.manifest.v1+json";
  const response = await fetch(`http://${host}/v2/p/images/tool/${name}/manifests/${digest}`, { headers: { accept } });
  return await response.text();
}
