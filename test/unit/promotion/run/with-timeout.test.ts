import assert from "node:assert/strict";
import { it } from "mocha";
import { withTimeout } from "../../../../components/promotion/run/with-timeout.ts";

it("waits for work that ends in time, and abandons other work", async () => {
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

it("throws the error of work that fails in time", async () => {
  await assert.rejects(withTimeout(1_000_000, Promise.reject(new Error("no"))), /^Error: no$/);
});
