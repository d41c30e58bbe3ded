import assert from "node:assert/strict";
import { it } from "mocha";
import { nearestFirst, nearestRegion, regionOfMirror } from "../../../components/mirrors/nearest-mirrors.ts";
import { findRegion, type Region } from "../../../components/stack/geography.ts";

const none: ReadonlySet<string> = new Set();
const named = (...names: string[]) => names.map((name) => ({ name }));

it("the region of a mirror, by its name", () => {
  for (const name of ["images-us-central1", "files-gcp-us-central1", "images-gcs-us-central1"])
    assert.equal(regionOfMirror(name)?.name, "us-central1", name);
  for (const name of ["images-s3-eu-west-1", "files-aws-eu-west-1"])
    assert.equal(regionOfMirror(name)?.cloud, "aws", name);
  for (const name of ["images-r2", "other", ""]) assert.equal(regionOfMirror(name), undefined, name);
});

it("the nearest mirror of the same cloud is read first, then those of other clouds, of no region, and those being filled", () => {
  const mirrors = named(
    "images-us-central1",
    "images-europe-west1",
    "images-asia-east1",
    "images-s3-eu-west-1",
    "images-r2",
    "images-europe-west4",
  );
  const order = (filling: ReadonlySet<string>) =>
    nearestFirst(mirrors, "images-europe-west4", filling).map(({ name }) => name);
  const [west1, usa, asia, s3, r2, self] = [
    "images-europe-west1",
    "images-us-central1",
    "images-asia-east1",
    "images-s3-eu-west-1",
    "images-r2",
    "images-europe-west4",
  ];
  assert.deepEqual(order(none), [west1, usa, asia, s3, r2, self]);
  assert.deepEqual(order(new Set([west1, self])), [usa, asia, s3, r2, west1, self]);
});

it("a mirror whose name tells no region reads the others in the order of the config", () => {
  const mirrors = named("images-r2", "images-us-central1", "images-europe-west1");
  assert.deepEqual(
    nearestFirst(mirrors, "images-r2", none).map(({ name }) => name),
    ["images-us-central1", "images-europe-west1", "images-r2"],
  );
});

it("the region that fills a mirror is its own, the nearest of those that there are, or the first", () => {
  const regions = ["us-central1", "europe-west1", "asia-east1"].map((name) => findRegion("gcp", name)!);
  const nearest = (mirror: string) => nearestRegion(mirror, regions as [Region, ...Region[]]).name;
  assert.deepEqual(
    ["images-asia-east1", "files-aws-eu-central-1", "images-s3-ap-southeast-1", "images-europe", "images-lake"].map(
      nearest,
    ),
    ["asia-east1", "europe-west1", "asia-east1", "europe-west1", "us-central1"],
  );
});
