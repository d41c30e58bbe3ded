import assert from "node:assert/strict";
import { setTimeout as wait } from "node:timers/promises";
import { it } from "mocha";
import { startRounds } from "../../../../redirector/mirrors/rounds.ts";

it("makes one round after another, never two at once, and none after it is stopped in one", async () => {
  let rounds = 0;
  let running = 0;
  const third = Promise.withResolvers<void>();
  const stop = startRounds(
    async () => {
      assert.equal(++running, 1);
      if (++rounds === 3) {
        stop();
        third.resolve();
      }
      await wait(1);
      running--;
      return 0.001;
    },
    { firstMs: 0 },
  );
  await third.promise;
  await wait(20);
  assert.deepEqual([rounds, running], [3, 0]);
});

it("waits as long as the round says, with 20 % jitter", async () => {
  const seconds = [0.1, 0.2];
  const asked: number[] = [];
  const { setTimeout } = globalThis;
  const done = Promise.withResolvers<void>();
  globalThis.setTimeout = ((work: () => void, ms: number) => {
    asked.push(ms);
    return setTimeout(work, 0);
  }) as typeof setTimeout;
  try {
    const jitter = [0, 1];
    const stop = startRounds(
      async () => {
        const next = seconds.shift();
        if (next === undefined) {
          stop();
          done.resolve();
        }
        return next ?? 0;
      },
      { firstMs: 7, random: () => jitter.shift()! },
    );
    await done.promise;
  } finally {
    globalThis.setTimeout = setTimeout;
  }
  assert.deepEqual(
    asked.map((ms) => Math.round(ms)),
    [7, 80, 240],
  );
});

it("begins no round when it is stopped before the first", async () => {
  startRounds(() => assert.fail("a round"), { firstMs: 1 })();
  await wait(20);
});
