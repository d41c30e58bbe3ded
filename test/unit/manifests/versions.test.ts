import assert from "node:assert/strict";
import fc from "fast-check";
import { it } from "mocha";
import { placeFor } from "../../../components/manifests/order.ts";
import { lostPlatforms } from "../../../components/manifests/platforms.ts";
import { compareVersions, newestVersion, versionBefore } from "../../../components/manifests/versions.ts";

it("versions in their order", () => {
  const ordered = [
    "1.14",
    "1.14-1",
    "1.14-2",
    "v1.14.1",
    "v1.27.0-alpha.1",
    "v1.27.0-alpha.10",
    "v1.27.0-beta.0",
    "v1.27.0-rc1",
    "v1.27.0",
    "v1.27.0-eks",
    "v1.31.1",
    "v1.31.2",
    "v1.31.10",
    "2.60",
    "20240102",
    "latest",
  ];
  assert.deepEqual(ordered.toReversed().toSorted(compareVersions), ordered);
});

it("the order is total: no two tags are equal, and it contradicts itself nowhere", () => {
  const tag = fc.stringMatching(/^v?[0-9a-c.-]{1,6}(-rc[0-9])?$/);
  fc.assert(
    fc.property(tag, tag, tag, (a, b, c) => {
      assert.equal(Math.sign(compareVersions(a, b)) + Math.sign(compareVersions(b, a)), 0);
      assert.equal(compareVersions(a, b) === 0, a === b);
      if (compareVersions(a, b) < 0 && compareVersions(b, c) < 0)
        assert.ok(compareVersions(a, c) < 0, `${a} < ${b} < ${c}`);
    }),
    { numRuns: 5000 },
  );
});

it("the newest tag, of those that are versions", () => {
  assert.equal(newestVersion(["v1.9", "latest", "v1.10", "v1.11-rc1", "zzz"]), "v1.11-rc1");
  assert.equal(newestVersion(["latest"]), undefined);
});

it("the version before a new one", () => {
  const tags = ["v1.29.8", "v1.29.10", "v1.30.0", "latest"];
  assert.equal(versionBefore(["v1.29.9"], tags), "v1.29.8", "a fix of an old release line");
  assert.equal(versionBefore(["v1.30.1", "latest"], tags), "v1.30.0");
  assert.equal(versionBefore(["v1.30.0"], tags), "v1.29.10", "its own tag is not before it");
  assert.equal(versionBefore([], tags), "v1.30.0", "without a tag: the newest");
  assert.equal(versionBefore(["stable"], tags), "v1.30.0");
  assert.equal(versionBefore(["v1.0.0"], tags), "v1.30.0", "before all others: the newest");
  assert.equal(versionBefore(["v1.0.0"], ["latest"]), undefined);
});

it("a new entry's place follows the order that is there", () => {
  assert.equal(placeFor("v1.10", ["v1.8", "v1.9", "v1.11"]), 2);
  assert.equal(placeFor("v1.10", ["v1.11", "v1.9", "v1.8"]), 1);
  assert.equal(placeFor("v0.3.0-rc2", ["v0.3.0", "v0.3.0-rc1", "v0.3.0-rc3"]), 2);
  assert.equal(placeFor("v1.10", ["v3", "v1", "v2"]), 3);
  assert.equal(placeFor(undefined, ["v1", "v2"]), 2);
  assert.equal(placeFor("v1", [undefined, "v2"]), 1);
  assert.equal(placeFor("v1", []), 0);
});

it("case 35: an index without a platform that the version before had", () => {
  const newest = { reference: "v1.0.0", platforms: ["linux/amd64", "linux/arm64", "linux/arm/v7", "unknown/unknown"] };
  assert.equal(
    lostPlatforms("app", { reference: "v1.1.0", platforms: ["linux/amd64", "linux/arm/v7"] }, newest),
    'image "app": v1.1.0 lacks linux/arm64, which v1.0.0 has: check its build, or continue if that is intended',
  );
  assert.equal(
    lostPlatforms(
      "app",
      { reference: "v1.1.0", platforms: ["linux/arm64", "linux/amd64", "linux/arm/v7", "linux/s390x"] },
      newest,
    ),
    undefined,
  );
  assert.match(
    lostPlatforms("app", { reference: "v1.1.0", platforms: [] }, newest) ?? "",
    /lacks linux\/amd64, linux\/arm\/v7, linux\/arm64,/,
  );
});
