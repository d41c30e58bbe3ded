import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { it } from "mocha";
import { eventLoopIdle } from "../../../../components/promotion/run/event-loop-idle.ts";

it("a waiting process is idle, a working one is not", async () => {
  const hasTime = eventLoopIdle();
  assert.equal(hasTime(), false, "nothing is known yet");
  await sleep(200);
  assert.equal(hasTime(), true);
  const until = performance.now() + 50;
  while (performance.now() < until);
  assert.equal(hasTime(), false);
  assert.equal(hasTime(), false, "asked again at once it says the same");
});
