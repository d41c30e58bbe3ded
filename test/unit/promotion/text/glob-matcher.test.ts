import assert from "node:assert/strict";
import fc from "fast-check";
import { it } from "mocha";
import { globMatcher } from "../../../../components/promotion/text/glob-matcher.ts";

it("matches tags with stars for any run of characters", () => {
  const table: [string, string, boolean][] = [
    ["latest", "latest", true],
    ["latest", "latest2", false],
    ["*", "", true],
    ["v*-dev", "v1-dev", true],
    ["v*-dev", "v-dev", true],
    ["v*-dev", "vdev", false],
    ["v*dev*", "v1dev2", true],
    ["*a*b*", "xaxbx", true],
    ["*a*b*", "xbxax", false],
    ["a*a", "a", false],
    ["a.c", "abc", false],
  ];
  for (const [pattern, tag, matches] of table) assert.equal(globMatcher([pattern])(tag), matches, `${pattern} ${tag}`);
  assert.equal(globMatcher([])("latest"), false);
  assert.equal(globMatcher(["edge", "nightly-*"])("nightly-1"), true);
});

it("agrees with the regular expression that means the same", () => {
  const text = (letters: string[]) =>
    fc.array(fc.constantFrom(...letters), { maxLength: 8 }).map((parts) => parts.join(""));
  fc.assert(
    fc.property(text(["a", "b", "*"]), text(["a", "b"]), (pattern, tag) => {
      const expected = new RegExp(`^${pattern.replaceAll("*", ".*")}$`).test(tag);
      assert.equal(globMatcher([pattern])(tag), expected);
    }),
  );
});

it("is fast on adversarial patterns", () => {
  const pattern = "a*".repeat(60);
  assert.equal(globMatcher([`${pattern}b`])("a".repeat(128)), false);
});
