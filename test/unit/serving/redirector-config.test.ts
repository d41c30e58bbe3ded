import assert from "node:assert/strict";
import { it } from "mocha";
import { mirrorAddresses } from "../../../components/mirrors/mirror-names.ts";
import { mirrorsConfig } from "../../../components/serving/redirector-config.ts";
import { findRegion } from "../../../components/stack/geography.ts";
import type { Preference } from "../../../redirector/config.ts";

const store = {
  name: "r2",
  bucket: "acme-images",
  endpoint: "https://a.r2.cloudflarestorage.com",
  region: "auto",
  url: "https://i.example.org",
  keys: "R2",
  near: "us-east4",
  costClass: 0,
};
const stack = {
  project: "p",
  organization: "org",
  googlePrefix: "org",
  bucketNames: {},
  imageRepository: "images",
  gcpRegions: [findRegion("gcp", "us-central1")!, findRegion("gcp", "europe-west1")!] as const,
  awsRegions: [findRegion("aws", "us-east-1")!],
  imageBuckets: new Set(["us-east-1"]),
  imageStores: [store],
};
const settings = (prefer?: Preference) => ({
  host: "artifacts.example.org",
  imageStores: [store],
  storage: { gcsEndpoint: undefined, s3Endpoint: undefined, s3UsePathStyle: false },
  publicUrls: {},
  clientShares: {},
  drained: new Set(["europe-west1"]),
  logSampleRate: 1,
  settings: prefer ? { prefer } : {},
});

it("each mirror has its address, its cloud, and no weight where its region is drained", () => {
  const { imageMirrors, fileMirrors } = mirrorsConfig(mirrorAddresses(stack), settings());
  assert.deepEqual(
    [...imageMirrors, ...fileMirrors].map(({ name, url, cloud, weight }) => [name, url, cloud, weight]),
    [
      ["images-us-central1", "https://us-central1-docker.pkg.dev/v2/p/images", "gcp", undefined],
      ["images-europe-west1", "https://europe-west1-docker.pkg.dev/v2/p/images", "gcp", 0],
      ["images-s3-us-east-1", "https://org-artifacts-us-east-1.s3.dualstack.us-east-1.amazonaws.com", "aws", undefined],
      ["images-r2", "https://i.example.org", "other", undefined],
      ["files-gcp-us-central1", "https://storage.googleapis.com/org-artifacts-us-central1", "gcp", undefined],
      ["files-gcp-europe-west1", "https://storage.googleapis.com/org-artifacts-europe-west1", "gcp", 0],
      ["files-aws-us-east-1", "https://org-artifacts-us-east-1.s3.dualstack.us-east-1.amazonaws.com", "aws", undefined],
    ],
  );
  assert.ok(
    [...imageMirrors, ...fileMirrors].every((mirror) => !("costClass" in mirror)),
    "no change where nothing is set",
  );
});

it("a region's CDN stands for its bucket, as a file mirror and as an image mirror", () => {
  const publicUrls = { "us-east-1": "https://cdn.example.org" };
  const { imageMirrors, fileMirrors } = mirrorsConfig(mirrorAddresses(stack), { ...settings(), publicUrls });
  assert.deepEqual(
    [...imageMirrors, ...fileMirrors].filter(({ url }) => url === publicUrls["us-east-1"]).map(({ name }) => name),
    ["images-s3-us-east-1", "files-aws-us-east-1"],
  );
});

it("cost classes are there where the cheapest mirror is preferred", () => {
  const { imageMirrors, fileMirrors } = mirrorsConfig(
    mirrorAddresses(stack),
    settings(["same-cloud", "cheapest", "nearest"]),
  );
  assert.deepEqual(
    [...imageMirrors, ...fileMirrors].map(({ costClass }) => costClass),
    [2, 2, 1, 0, 2, 2, 1],
  );
});

it("shares are those of a region's mirrors, of its bucket where it has a registry too, or of a store", () => {
  const clientShares = { "us-east-1": 10, r2: 50, "us-central1": 5 };
  const stackWithBucket = { ...stack, imageBuckets: new Set(["us-east-1", "us-central1"]) };
  const shares = (of: typeof stack) => {
    const { imageMirrors, fileMirrors } = mirrorsConfig(mirrorAddresses(of), { ...settings(), clientShares });
    return [...imageMirrors, ...fileMirrors].flatMap(({ name, share }) =>
      share === undefined ? [] : `${name} ${share}`,
    );
  };
  const files = ["files-gcp-us-central1 5", "files-aws-us-east-1 10"];
  assert.deepEqual(shares(stack), ["images-us-central1 5", "images-s3-us-east-1 10", "images-r2 50", ...files]);
  assert.deepEqual(shares(stackWithBucket), [
    "images-gcs-us-central1 5",
    "images-s3-us-east-1 10",
    "images-r2 50",
    ...files,
  ]);
});

it("cost classes are there where a path alone prefers the cheapest", () => {
  const args = { ...settings(), settings: { preferIn: { kops: ["cheapest", "nearest"] as Preference } } };
  assert.ok(mirrorsConfig(mirrorAddresses(stack), args).imageMirrors.every((mirror) => "costClass" in mirror));
});
