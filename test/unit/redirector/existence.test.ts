import assert from "node:assert/strict";
import { test } from "node:test";
import { Existence } from "../../../redirector/existence.ts";

const settings = { entries: 3, presentSeconds: 100, absentSeconds: 10, timeoutSeconds: 0.05, concurrency: 2 };

test("both answers are remembered, each for its time", async () => {
  let now = 0;
  const asked: string[] = [];
  const existence = new Existence(
    settings,
    async (url) => {
      asked.push(url);
      return url === "yes";
    },
    () => now,
  );
  assert.equal(await existence.holds("b", "yes"), true);
  assert.equal(await existence.holds("b", "no"), false);
  now = 9_999;
  assert.equal(existence.holds("b", "yes"), true);
  assert.equal(existence.holds("b", "no"), false);
  assert.deepEqual(asked, ["yes", "no"]);
  now = 10_001;
  assert.equal(existence.holds("b", "yes"), true);
  assert.equal(await existence.holds("b", "no"), false);
  now = 100_001;
  assert.equal(await existence.holds("b", "yes"), true);
  assert.deepEqual(asked, ["yes", "no", "no", "yes"]);
});

test("one question however many want to know", async () => {
  const answer = Promise.withResolvers<boolean>();
  let asked = 0;
  const existence = new Existence(settings, () => {
    asked++;
    return answer.promise;
  });
  const all = [existence.holds("b", "x"), existence.holds("b", "x"), existence.holds("b", "x")];
  assert.equal(existence.asking, 1);
  answer.resolve(true);
  assert.deepEqual(await Promise.all(all.map((each) => Promise.resolve(each))), [true, true, true]);
  assert.equal(asked, 1);
  assert.equal(existence.counts.shared, 2);
  assert.equal(existence.asking, 0);
});

test("no more is remembered than configured: the least recently used goes", async () => {
  const existence = new Existence(settings, async () => true);
  for (const url of ["1", "2", "3"]) await existence.holds("b", url);
  assert.equal(existence.holds("b", "1"), true);
  await existence.holds("b", "4");
  assert.equal(existence.size, 3);
  assert.equal(existence.holds("b", "1"), true);
  assert.equal(typeof existence.holds("b", "2"), "object", "2 is forgotten");
  assert.equal(existence.counts.evicted, 1);
  for (let i = 0; i < 100; i++) await existence.holds("b", `n${i}`);
  assert.equal(existence.size, 3);
});

test("a slow bucket is not waited for longer than configured, even if it cannot be interrupted", async () => {
  const existence = new Existence(settings, () => new Promise<boolean>(() => undefined));
  assert.equal(await existence.holds("b", "x"), false);
  assert.equal(existence.counts.failed, 1);
  assert.equal(existence.size, 0, "not knowing is not remembered");
  assert.equal(existence.asking, 0);
});

test("too many questions under way: the registry", () => {
  const existence = new Existence(settings, () => new Promise<boolean>(() => undefined));
  const waiting = [existence.holds("b", "1"), existence.holds("b", "2")];
  assert.ok(waiting.every((each) => each instanceof Promise));
  assert.equal(existence.holds("b", "3"), false);
  assert.equal(existence.counts.skipped, 1);
});

test("a bucket that fails five times in a row is left alone for ten seconds, the others are not", async () => {
  let now = 0;
  let asked = 0;
  const ask = async (url: string): Promise<boolean> => {
    asked++;
    if (url.startsWith("bad")) throw new Error("503");
    return true;
  };
  const existence = new Existence(settings, ask, () => now);
  for (let i = 0; i < 5; i++) assert.equal(await existence.holds("bad", `bad${i}`), false);
  assert.equal(existence.holds("bad", "bad5"), false);
  assert.equal(asked, 5);
  assert.equal(await existence.holds("good", "x"), true);
  now = 10_001;
  await existence.holds("bad", "bad6");
  assert.equal(asked, 7);
});
