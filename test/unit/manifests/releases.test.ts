import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { newestRelease } from "../../../components/manifests/releases.ts";

const cases: readonly (readonly [title: string, tags: readonly string[], newest: string | undefined, pre?: string])[] =
  [
    ["numbers as numbers", ["v1.9.0", "v1.10.0", "v1.2.3"], "v1.10.0"],
    ["no pre-release", ["v1.1.0", "v1.2.0-rc.1", "v1.2.0-beta3"], "v1.1.0", "v1.2.0-rc.1"],
    ["a release is newer than its pre-releases", ["v1.2.0-rc.1", "v1.2.0"], "v1.2.0", "v1.2.0"],
    ["no platform", ["v1.1.0", "v1.1.0-amd64", "v1.2.0-arm64", "v1.2.0-linux-amd64"], "v1.1.0", "v1.1.0"],
    ["no distribution", ["1.1.0", "1.2.0-alpine", "1.3.0-bookworm-slim"], "1.1.0", "1.1.0"],
    ["no date", ["1.0.0", "20261129", "2026-11-29", "2026.11.29", "v20260101-abc1234"], "1.0.0", "1.0.0"],
    ["a year and month as a version is one", ["2024.12.1", "2025.1.0"], "2025.1.0"],
    ["a repackaging comes after its version", ["0.5.8-1", "0.5.8-2", "0.5.8"], "0.5.8-2"],
    ["the exact version before the tag of its line", ["v1", "v1.9", "v1.9.2"], "v1.9.2"],
    ["no name, no commit", ["latest", "nightly", "3f2a1bc", "12345678"], undefined],
    ["only pre-releases", ["v0.1.0-alpha.1", "v0.1.0-alpha.2"], undefined, "v0.1.0-alpha.2"],
  ];

describe("the newest release", () => {
  for (const [title, tags, newest, pre = newest] of cases)
    it(title, () => {
      assert.equal(newestRelease(tags), newest);
      assert.equal(newestRelease(tags.toReversed(), { pre: true }), pre);
    });
});
