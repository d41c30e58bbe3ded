/** Of a bucket's CDN: what a sweep purges where something else is wrong. What it does with real buckets: test/contract/object-store-mirrors/cdn.test.ts. */
import assert from "node:assert/strict";
import { it } from "mocha";
import type { CdnPurge } from "../../../../components/promotion/run/request.ts";
import type { Bucket, Stored } from "../../../../components/promotion/storage/bucket.ts";
import { PurgeQueue } from "../../../../components/promotion/storage/purge-queue.ts";

const cdn: CdnPurge = { kind: "gcs", bucket: "b", region: "r", url: "https://cdn.example.org", by: "http" };
const { signal } = new AbortController();

/** A queue in front of a bucket that has these objects. @returns what was purged, too. */
function queueOver(objects: Map<string, string>, sizeOf = (text: string) => text.length) {
  const bucket = {
    url: "gs://b",
    async *list(prefix: string, listing: AbortSignal) {
      listing.throwIfAborted();
      for (const [key, text] of objects) if (key.startsWith(prefix)) yield { key, size: sizeOf(text) } as Stored;
    },
    stat: async (key: string) => (objects.has(key) ? ({ key } as Stored) : undefined),
    read: async ({ key }: Stored) =>
      (async function* () {
        yield Buffer.from(objects.get(key)!);
      })(),
    remove: async ({ key }: Stored) => void objects.delete(key),
    create: async (key: string) => ({
      finish: async ({ bytes }: { bytes: Uint8Array }) => void objects.set(key, Buffer.from(bytes).toString()),
    }),
  } as unknown as Bucket;
  const purged: string[] = [];
  return { purged, queue: new PurgeQueue(cdn, bucket, async (_purge, keys) => void purged.push(...keys)) };
}

it("an aborted sweep says nothing of the next", async () => {
  const { queue } = queueOver(new Map());
  const stop = new AbortController();
  stop.abort(new Error("stopped"));
  await assert.rejects(queue.sweep(stop.signal), /stopped/);
  assert.equal(await queue.sweep(signal), undefined);
});

it("what a run changes is purged, whatever else is among the records; which one is none is said", async () => {
  for (const damaged of ["<html>", "{}", "[1]", '["binaries/\\ud800"]']) {
    const killed = JSON.stringify(["catalog/b"]);
    const objects = new Map([
      ["containers/purges/damaged", damaged],
      ["containers/purges/killed", killed],
    ]);
    const { queue, purged } = queueOver(objects);
    await queue.changing("binaries/a", signal, async () => {});
    const failed = await queue.sweep(signal);
    assert.match(
      failed?.line ?? "",
      /what is to be purged is unknown: containers\/purges\/damaged is no record of a purge/,
    );
    assert.deepEqual(purged, ["binaries/a", "catalog/b"]);
    assert.deepEqual([...objects.keys()], ["containers/purges/damaged"]);
  }
});

it("what another run has recorded is purged, and its record removed", async () => {
  const objects = new Map([["containers/purges/killed", JSON.stringify(["binaries/a", "catalog/b"])]]);
  const { queue, purged } = queueOver(objects);
  assert.equal(await queue.sweep(signal), undefined);
  assert.deepEqual([purged, objects.size], [["binaries/a", "catalog/b"], 0]);
});

it("records fill no memory: a run reads so many, purges these, says that there are more, and the next one goes on", async () => {
  const large = (key: string) => JSON.stringify([key]).padEnd(8 * 1024 * 1024);
  const objects = new Map(Array.from({ length: 5 }, (_, n) => [`containers/purges/${n}`, large(`binaries/${n}`)]));
  const { queue, purged } = queueOver(objects);
  assert.match((await queue.sweep(signal))?.line ?? "", /there are more records than are read at once/);
  assert.deepEqual([purged.length, objects.size], [4, 1]);
  const next = queueOver(objects);
  assert.equal(await next.queue.sweep(signal), undefined);
  assert.deepEqual([next.purged, objects.size], [["binaries/4"], 0]);
});

it("a record that is larger than its store says is not read to its end", async () => {
  const objects = new Map([["containers/purges/a", JSON.stringify(["binaries/a"])]]);
  const { queue, purged } = queueOver(objects, () => 5);
  assert.match((await queue.sweep(signal))?.line ?? "", /containers\/purges\/a is too large/);
  assert.deepEqual(purged, []);
});
