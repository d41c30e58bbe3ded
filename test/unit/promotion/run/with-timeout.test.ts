import assert from "node:assert/strict";
import { it } from "mocha";
import { withTimeout } from "../../../../components/promotion/run/with-timeout.ts";

it("what ends in time is waited for; what does not is left alone", async () => {
  let ended = false;
  const work = new Promise<void>((resolve) =>
    setImmediate(() => {
      ended = true;
      resolve();
    }),
  );
  await withTimeout(1_000_000, work);
  assert.equal(ended, true);
  await withTimeout(1, new Promise(() => {}));
});

it("what fails in time is thrown", async () => {
  await assert.rejects(withTimeout(1_000_000, Promise.reject(new Error("no"))), /^Error: no$/);
});
