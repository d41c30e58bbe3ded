import assert from "node:assert/strict";
import fc from "fast-check";
import { it } from "mocha";
import { formatCount } from "../../../../components/promotion/text/format-count.ts";

it("numbers look as they do in American English", () => {
  for (const [count, text] of [
    [0, "0"],
    [999, "999"],
    [1000, "1,000"],
    [12_400, "12,400"],
    [1_234_567, "1,234,567"],
  ] as const) {
    assert.equal(formatCount(count), text);
  }
  fc.assert(fc.property(fc.maxSafeNat(), (count) => formatCount(count) === count.toLocaleString("en-US")));
});
