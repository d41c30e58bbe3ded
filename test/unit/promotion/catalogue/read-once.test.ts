/** What is read of a mirror once in a run, and how long a mirror that cannot be read is left alone. */
import assert from "node:assert/strict";
import { it } from "mocha";
import { CatalogueMirror } from "../../../../components/promotion/catalogue/catalogue-mirror.ts";
import { newestFirst } from "../../../../components/promotion/catalogue/newest-first.ts";
import { ReadOnce } from "../../../../components/promotion/catalogue/read-once.ts";
import type { Bucket } from "../../../../components/promotion/storage/bucket.ts";

const { signal } = new AbortController();

it("a mirror that is down costs the first project its retries, not the next ones, and is asked again in a long run", async () => {
  let now = 0;
  let isDown = true;
  const asked: string[] = [];
  /** Each answer of the mirror that is down takes its retries: 30 s. */
  const answer = (what: string) => {
    asked.push(what);
    if (!isDown) return;
    now += 30_000;
    throw new Error("HTTP 503");
  };
  const down = {
    url: "gs://down",
    stat: async (key: string) => answer(`stat ${key}`),
    list: (prefix: string) => ({
      [Symbol.asyncIterator]: () => ({ next: async () => ({ done: answer(`list ${prefix}`) ?? true }) }),
    }),
    replace: async (key: string) => answer(`write ${key}`),
  };
  const up = { url: "gs://up", stat: async () => undefined };
  const mirrors = [down, up].map(
    (bucket) => new CatalogueMirror(bucket.url, bucket as unknown as Bucket, signal, () => now),
  );
  const project = async () => {
    const names = (await newestFirst("p", mirrors)).map(({ name }) => name);
    const written = await mirrors[0]!.write("catalog/projects/p.json", Buffer.from("{}")).catch(String);
    return [...names, written];
  };
  const failed = ["gs://up", "gs://down", "Error: HTTP 503"];
  for (let count = 0; count < 5; count++) assert.deepEqual(await project(), failed);
  assert.deepEqual(asked, ["stat catalog/index.json", "list catalog/"]);
  isDown = false;
  now += 299_999;
  assert.deepEqual(
    (await newestFirst("p", mirrors)).map(({ name }) => name),
    ["gs://down", "gs://up"],
    "its index is read again first: that failed first",
  );
  assert.deepEqual(await project(), ["gs://down", "gs://up", "Error: HTTP 503"]);
  now++;
  assert.deepEqual(await project(), ["gs://down", "gs://up", undefined]);
  assert.deepEqual(asked.slice(2), ["stat catalog/index.json", "list catalog/", "write catalog/projects/p.json"]);
});

it("what is written while something is read is not replaced by it, and what was forgotten is read again", async () => {
  const reads = [Promise.withResolvers<number>(), Promise.withResolvers<number>()];
  let count = 0;
  const once = new ReadOnce(
    () => reads[count++]!.promise,
    () => 0,
  );
  const first = once.get();
  once.set(7);
  reads[0]!.reject(new Error("late"));
  await assert.rejects(first, /late/);
  assert.equal(await once.get(), 7);
  once.forget();
  reads[1]!.resolve(8);
  assert.deepEqual([await once.get(), await once.get(), count], [8, 8, 2]);
});
