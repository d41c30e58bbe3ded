import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { describe, it } from "mocha";
import { shareOfTheDay } from "../../../../components/promotion/run/deep-share.ts";

const digests = Array.from(
  { length: 1_000 },
  (_, n) => `sha256:${createHash("sha256").update(String(n)).digest("hex")}`,
);
const day = (n: number) => new Date(Date.UTC(2026, 0, 1 + n, 3, 17));

describe("the share of the digests that a night looks at deeply", () => {
  for (const days of [1, 7, 30]) {
    it(`each is in exactly one of ${days} nights in a row, and none is much larger than the others`, () => {
      const nights = Array.from({ length: days }, (_, n) => digests.filter(shareOfTheDay(String(days), day(n + 5))!));
      assert.deepEqual(nights.flat().sort(), [...digests].sort());
      for (const night of nights) assert.ok(night.length < (2 * digests.length) / days, `${night.length} of ${days}`);
    });
  }

  it("none without the setting; a setting that is no number of days is refused", () => {
    assert.equal(shareOfTheDay(undefined, day(0)), undefined);
    assert.equal(shareOfTheDay("", day(0)), undefined);
    for (const wrong of ["0", "1.5", "often", "400", "-3"])
      assert.throws(() => shareOfTheDay(wrong, day(0)), /a number of days/);
  });
});
