import assert from "node:assert/strict";
import { it } from "mocha";
import { KeyedLock } from "../../../../components/promotion/run/keyed-lock.ts";

it("runs work with the same key in order and other work concurrently, and continues after a failure", async () => {
  const lock = new KeyedLock();
  const events: string[] = [];
  const gate = Promise.withResolvers<void>();
  const work = (name: string, wait?: Promise<void>) => async () => {
    events.push(`${name} begins`);
    await wait;
    events.push(`${name} ends`);
    if (name === "a1") throw new Error("a1");
  };
  const first = lock.with("a", work("a1", gate.promise));
  const second = lock.with("a", work("a2"));
  await lock.with("b", work("b1"));
  gate.resolve();
  await assert.rejects(first, /a1/);
  await second;
  assert.deepEqual(events, ["a1 begins", "b1 begins", "b1 ends", "a1 ends", "a2 begins", "a2 ends"]);
});
