/** The Bucket interface against two real stores. */
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { after, before, describe, it } from "mocha";
import { fanOut, measure, readAll, WrongContent } from "../../components/promotion/blobs/fan-out.ts";
import { type Bucket, BucketAbsent, ObjectChanged, ObjectExists } from "../../components/promotion/storage/bucket.ts";
import { openStorage, type Storage } from "../../components/promotion/storage/storage.ts";
import { type ObjectStores, startObjectStores } from "../support/object-stores.ts";

const never = new AbortController().signal;
const headers = { contentType: "application/gzip", cacheControl: "public, max-age=60", project: "kops" };

let stores: ObjectStores;
let storage: Storage;

describe("the Bucket interface", () => {
  before(async () => {
    stores = await startObjectStores();
    storage = openStorage(stores.settings);
  });
  after(async () => {
    await storage.close();
    await stores.stop();
  });

  for (const kind of ["gcs", "s3"] as const) {
    describe(kind, () => {
      let bucket: Bucket;
      before(async () => {
        await stores.makeBucket(kind, "bucket-one");
        bucket = storage.open({ kind, bucket: "bucket-one" });
      });

      for (const [what, size] of [
        ["an empty object", 0],
        ["a small object", 10],
        ["exactly one chunk", 8 * 1024 * 1024],
        ["one byte more than a chunk", 8 * 1024 * 1024 + 1],
        ["three chunks", 24 * 1024 * 1024],
      ] as const) {
        it(`${what} comes back as it went, its digest proven by the store`, async () => {
          const bytes = randomBytes(size);
          const key = `sizes/${size} ü?#%`;
          await put(bucket, key, bytes);
          const found = await bucket.stat(key, never);
          assert.equal(found?.size, size);
          assert.equal(found?.sha256, sha256(bytes));
          assert.equal(found?.project, "kops");
          assert.deepEqual(await measure(readAll(bucket, found!, never)), await measure(inPieces(bytes)));
        });
      }

      it("reads from an offset", async () => {
        await put(bucket, "offset", Buffer.from("0123456789"));
        const object = await bucket.stat("offset", never);
        const pieces = await Array.fromAsync(await bucket.read(object!, 7, never));
        assert.equal(Buffer.concat(pieces).toString(), "789");
      });

      it("an existing object is never replaced, small or large", async () => {
        await put(bucket, "taken", Buffer.from("first"));
        await assert.rejects(put(bucket, "taken", Buffer.from("second")), ObjectExists);
        await assert.rejects(put(bucket, "taken", randomBytes(9 * 1024 * 1024)), ObjectExists);
        assert.equal((await bucket.stat("taken", never))?.sha256, sha256(Buffer.from("first")));
      });

      it("of eight concurrent writers one wins", async () => {
        const all = Array.from({ length: 8 }, (_, i) => put(bucket, "race", Buffer.from(`writer ${i}`)));
        const results = await Promise.allSettled(all);
        assert.equal(results.filter(({ status }) => status === "fulfilled").length, 1);
      });

      for (const size of [1_000, 20 * 1024 * 1024]) {
        it(`content of ${size} bytes that is not what was asked for never becomes visible`, async () => {
          const wrong = sha256(Buffer.from("something else"));
          await assert.rejects(put(bucket, `wrong/${size}`, randomBytes(size), wrong), WrongContent);
          assert.equal(await bucket.stat(`wrong/${size}`, never), undefined);
          assert.deepEqual(await keys(bucket, "wrong/"), []);
        });
      }

      it("a source that is too short or too long is not written", async () => {
        const bytes = randomBytes(1_000);
        for (const size of [999, 1_001]) {
          const content = { size, sha256: sha256(bytes) };
          const upload = await bucket.create("cut", content, headers, never);
          await assert.rejects(fanOut(inPieces(bytes), content, [{ upload, received: () => {} }]));
        }
        assert.equal(await bucket.stat("cut", never), undefined);
      });

      it("a document of the catalogue is replaced, no other object is", async () => {
        for (const text of ["one", "two", "two"]) {
          await bucket.replace("catalog/index.json", Buffer.from(text), headers, never);
          const found = await bucket.stat("catalog/index.json", never);
          assert.equal(found?.sha256, sha256(Buffer.from(text)));
          assert.equal(String(Buffer.concat(await Array.fromAsync(readAll(bucket, found!, never)))), text);
        }
        for (const key of ["binaries/a/f", "catalog", "containers/images/x"])
          await assert.rejects(bucket.replace(key, Buffer.from("x"), headers, never), /never changes/);
      });

      it("removes the version that was read; an absent object is no error", async () => {
        await put(bucket, "removed", Buffer.from("x"));
        const object = await bucket.stat("removed", never);
        if (kind === "s3") {
          // fake-gcs-server ignores preconditions of deletes (facts); the real store does not.
          await assert.rejects(bucket.remove({ ...object!, version: '"other"' }, never), ObjectChanged);
        }
        await bucket.remove(object!, never);
        assert.equal(await bucket.stat("removed", never), undefined);
        await bucket.remove(object!, never);
      });

      it("listing an absent bucket is an error that says so", async () => {
        const absent = storage.open({ kind, bucket: "no-such-bucket" });
        await assert.rejects(Array.fromAsync(absent.list("", never)), BucketAbsent);
        assert.equal(await absent.stat("x", never), undefined);
      });

      it("an aborted run stops at once", async () => {
        const stop = new AbortController();
        stop.abort(new Error("stopped"));
        await assert.rejects(bucket.stat("x", stop.signal), /stopped/);
      });

      it("lists 1,001 objects over all pages", async () => {
        const names = Array.from({ length: 1_001 }, (_, i) => `many/${String(i).padStart(4, "0")}`);
        for (let at = 0; at < names.length; at += 50) {
          await Promise.all(names.slice(at, at + 50).map((name) => put(bucket, name, Buffer.from(name))));
        }
        assert.deepEqual(await keys(bucket, "many/"), names);
      });
    });
  }

  it("one download goes to both stores, and a destination that fails does not stop the other", async () => {
    await stores.makeBucket("gcs", "bucket-fan");
    await stores.makeBucket("s3", "bucket-fan");
    const [gcs, s3] = [
      storage.open({ kind: "gcs", bucket: "bucket-fan" }),
      storage.open({ kind: "s3", bucket: "bucket-fan" }),
    ];
    const bytes = randomBytes(20 * 1024 * 1024);
    const content = await measure(inPieces(bytes));
    await put(s3, "taken", Buffer.from("in the way"));
    const received = [0, 0, 0];
    const uploads = [
      await gcs.create("free", content, headers, never),
      await s3.create("taken", content, headers, never),
      await s3.create("free", content, headers, never),
    ];
    const failures = await fanOut(
      inPieces(bytes),
      content,
      uploads.map((upload, i) => ({ upload, received: (n) => (received[i]! += n) })),
    );
    assert.deepEqual(
      failures.map((failure) => failure instanceof ObjectExists),
      [false, true, false],
    );
    assert.deepEqual([received[0], received[2]], [bytes.length, bytes.length]);
    assert.equal((await gcs.stat("free", never))?.sha256, content.sha256);
    assert.equal((await s3.stat("free", never))?.sha256, content.sha256);
  });

  it("a chunk for 22 GCS mirrors is in memory once", async () => {
    const bytes = randomBytes(8 * 1024 * 1024);
    const content = await measure(inPieces(bytes));
    const buckets = await Promise.all(
      Array.from({ length: 22 }, async (_, index) => {
        const name = `bucket-memory-${index}`;
        await stores.makeBucket("gcs", name);
        return storage.open({ kind: "gcs", bucket: name });
      }),
    );
    const uploads = await Promise.all(buckets.map((bucket) => bucket.create("file", content, headers, never)));
    const before = process.memoryUsage().arrayBuffers;
    let most = before;
    let isOver = false;
    const watch = (): void => {
      most = Math.max(most, process.memoryUsage().arrayBuffers);
      if (!isOver) setImmediate(watch);
    };
    watch();
    const failures = await fanOut(
      inPieces(bytes),
      content,
      uploads.map((upload) => ({ upload, received: () => {} })),
    );
    isOver = true;
    assert.ok(failures.every((failure) => failure === undefined));
    const more = Math.round((most - before) / 1024 / 1024);
    assert.ok(more < 44, `${more} MiB more, of 22 times 8`);
    assert.equal((await buckets[21]!.stat("file", never))?.sha256, content.sha256);
  });
});

async function* inPieces(bytes: Uint8Array, size = 65_536): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** Writes an object; throws what the store said. */
async function put(bucket: Bucket, key: string, bytes: Uint8Array, claimed = sha256(bytes)): Promise<void> {
  const { crc32c } = await measure(inPieces(bytes));
  const content = { size: bytes.length, sha256: claimed, crc32c };
  const upload = await bucket.create(key, content, headers, never);
  const [failure] = await fanOut(inPieces(bytes), content, [{ upload, received: () => {} }]);
  if (failure !== undefined) throw failure;
}

async function keys(bucket: Bucket, prefix: string): Promise<string[]> {
  return (await Array.fromAsync(bucket.list(prefix, never))).map(({ key }) => key);
}
