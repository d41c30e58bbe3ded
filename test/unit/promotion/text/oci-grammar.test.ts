import assert from "node:assert/strict";
import { describe, it } from "mocha";
import {
  componentPattern,
  digestPattern,
  namePattern,
  tagPattern,
} from "../../../../components/promotion/text/oci-grammar.ts";

const hex = "0123456789abcdef".repeat(4);

describe("the grammar of the distribution spec", () => {
  for (const [what, pattern, good, bad] of [
    [
      "component",
      componentPattern,
      ["a", "0", "a.b", "a_b", "a__b", "a-b", "a---b"],
      ["", "A", "a..b", "a___b", "-a", "a-", "a/b", "a._b"],
    ],
    [
      "name",
      namePattern,
      ["a", "a/b", "kube-state/metrics_x/v2.0"],
      ["", "/a", "a/", "a//b", "a/../b", "a/B", "a b", "a\n", "a--/b"],
    ],
    [
      "tag",
      tagPattern,
      ["v1", "_", "1.2-x_Y", "a".repeat(128)],
      ["", ".a", "-a", "a/b", "a:b", "a+b", "a".repeat(129), "a\n"],
    ],
    [
      "digest",
      digestPattern,
      [`sha256:${hex}`],
      [hex, `sha256:${hex.toUpperCase()}`, `sha256:${hex}0`, `sha512:${hex}${hex}`, `sha256:${hex}\n`],
    ],
  ] as const) {
    it(what, () => {
      for (const text of good) assert.match(text, pattern);
      for (const text of bad) assert.doesNotMatch(text, pattern);
    });
  }
});
