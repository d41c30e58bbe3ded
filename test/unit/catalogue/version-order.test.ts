import assert from "node:assert/strict";
import fc from "fast-check";
import { it } from "mocha";
import { compareNewestFirst, compareTagged, latestOf, sortTags } from "../../../components/catalogue/version-order.ts";

const commit = "3f786850e387550fdab836ed7e6dc881de23001b";

for (const newestFirst of [
  ["v1.10.0", "v1.9.0", "v1.2.0"],
  ["1.27.16", "1.27.9", "1.27.0", "1.9.9"],
  ["v1.0.0", "v1.0.0-rc.10", "v1.0.0-rc.2", "v1.0.0-rc.1", "v1.0.0-beta.3", "v1.0.0-alpha"],
  ["1.14", "1.14-4", "1.14-2", "1.14-1", "1.14-alpha"],
  ["3.12.0", "3.12.0rc1", "3.12.0b3", "3.12.0a1"],
  ["v1.2.3", "v1.2.3-amd64", "v1.2.3-rc.1"],
  ["v1.2.0", "v1.2", "v1.1.9", "v1"],
  ["v1.1.0", "v20240102-v9.9.9-gabc1234", "v20231231-abc"],
  ["v0.1", "20240102", "latest", commit],
  ["1.0", "nightly-10", "nightly-9", "master", "main"],
  ["2", "1", "3d-viewer", "1x"],
  ["10.0", "9.0-r1", "9.0-r0"],
  ["b", "a"],
]) {
  it(`newest first: ${newestFirst.join(" ")}`, () => {
    assert.deepEqual([...newestFirst].reverse().sort(compareNewestFirst), newestFirst);
    assert.deepEqual([...newestFirst].sort(compareNewestFirst), newestFirst);
  });
}

it("is a total order: any arrangement of three texts sorts to the same list", () => {
  const part = fc.constantFrom("v", "1", "10", "2", ".", "-", "rc", "alpha", "latest", "a1b2c3d", "20240102", "x", "+");
  const name = fc.array(part, { maxLength: 6 }).map((parts) => parts.join(""));
  fc.assert(
    fc.property(fc.uniqueArray(name, { minLength: 3, maxLength: 6 }), (names) => {
      const sorted = [...names].sort(compareNewestFirst);
      assert.deepEqual([...names].reverse().sort(compareNewestFirst), sorted);
      for (let i = 0; i < sorted.length; i++)
        for (let j = i + 1; j < sorted.length; j++) {
          assert.ok(compareNewestFirst(sorted[i]!, sorted[j]!) < 0, `${sorted[i]} before ${sorted[j]}`);
          assert.ok(compareNewestFirst(sorted[j]!, sorted[i]!) > 0);
        }
    }),
    { numRuns: 2000 },
  );
});

it("sorts a digest's tags: the one that best names the version comes first", () => {
  const tags = [`v1.2.3-${commit}`, "latest", commit, "v1.2", "v1.2.3", "v1"];
  assert.deepEqual(sortTags(tags), ["v1.2.3", `v1.2.3-${commit}`, "v1.2", "v1", "latest", commit]);
});

it("sorts digests by their first tag; digests without one come last", () => {
  assert.deepEqual([[], ["v1"], ["v2"], ["latest"]].sort(compareTagged), [["v2"], ["v1"], ["latest"], []]);
  assert.equal(compareTagged([], []), 0);
});

it("the latest is a released version", () => {
  assert.equal(latestOf(["v1.0.0", "v1.1.0-rc.1", "latest", commit, "v20240102-abc"]), "v1.0.0");
  assert.equal(latestOf(["0.5.8-1", "0.5.8-2"]), "0.5.8-2");
  assert.equal(latestOf(["v1.0.0-rc.1", "latest", "nightly"]), undefined);
  assert.equal(latestOf([]), undefined);
});
