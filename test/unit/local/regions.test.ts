import assert from "node:assert/strict";
import { it } from "mocha";
import { byDistance } from "../../../local/cloud/regions.ts";

it("sorts regions by distance, across the date line too; unknown ones come last", () => {
  const regions = ["moon-base1", "us-west1", "asia-northeast1", "europe-west1"];
  const first = (latitude: number, longitude: number) => byDistance({ latitude, longitude }, regions)[0];
  assert.equal(first(48.9, 2.4), "europe-west1");
  assert.equal(first(35.7, 139.7), "asia-northeast1");
  assert.equal(first(47, -122), "us-west1");
  assert.equal(first(50, 175), "asia-northeast1");
  assert.equal(first(60, -170), "us-west1");
  assert.equal(byDistance({ latitude: 0, longitude: 0 }, regions).at(-1), "moon-base1");
});
