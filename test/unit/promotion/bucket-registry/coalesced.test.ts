import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { Coalesced } from "../../../../components/promotion/bucket-registry/coalesced.ts";

describe("coalesced work", () => {
  it("all who ask during a run share the next one, which begins after they asked", async () => {
    const coalesced = new Coalesced();
    let asked = 0;
    const seen: number[] = [];
    const ask = async () => {
      const mine = ++asked;
      await coalesced.run("k", async () => {
        const now = asked;
        await new Promise((resolve) => setImmediate(resolve));
        seen.push(now);
      });
      assert.ok(seen.at(-1)! >= mine, "a run that began before it was asked for does not count");
    };
    await Promise.all(Array.from({ length: 100 }, ask));
    assert.ok(seen.length <= 2, `${seen.length} runs`);
    await ask();
    assert.equal(seen.at(-1), 101);
    assert.equal(coalesced.size, 0, "keys without work are forgotten");
  });

  it("a failure goes to those who share the run, and the next run is not affected", async () => {
    const coalesced = new Coalesced();
    const failing = coalesced.run("k", () => Promise.reject(new Error("lost")));
    await assert.rejects(failing, /lost/);
    assert.equal(coalesced.size, 0);
    await coalesced.run("k", () => Promise.resolve());
  });
});
