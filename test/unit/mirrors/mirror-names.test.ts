// Mirrors that were there before a stack are taken over by their own names and layouts.
import assert from "node:assert/strict";
import { it } from "mocha";
import { layerMirrorsOf } from "../../../components/mirrors/bucket-mirrors.ts";
import { mirrorAddresses } from "../../../components/mirrors/mirror-names.ts";
import { findRegion } from "../../../components/stack/geography.ts";
import { layerKey } from "../../../redirector/object-paths.ts";

const us = findRegion("gcp", "us-central1")!;
const east = findRegion("aws", "us-east-1")!;
const config = {
  project: "k8s-artifacts-prod",
  organization: "org",
  googlePrefix: "google",
  gcpRegions: [us] as const,
  awsRegions: [east],
  bucketNames: {},
  imageRepository: "images",
  imageBuckets: new Set<string>(),
  imageStores: [],
};

it("names mirrors by the stack's prefixes", () => {
  const { images, files } = mirrorAddresses(config);
  assert.deepEqual(
    images.map(({ repository }) => repository),
    ["us-central1-docker.pkg.dev/k8s-artifacts-prod/images"],
  );
  assert.deepEqual(
    files.map(({ bucket }) => bucket),
    ["google-artifacts-us-central1", "org-artifacts-us-east-1"],
  );
});

it("takes buckets and repositories of other names", () => {
  const { images, files } = mirrorAddresses({
    ...config,
    imageRepository: "production",
    bucketNames: { "us-east-1": "prod-artifacts-k8s-io-us-east-1" },
  });
  assert.deepEqual(
    images.map(({ repository }) => repository),
    ["us-central1-docker.pkg.dev/k8s-artifacts-prod/production"],
  );
  assert.deepEqual(
    files.map(({ name, bucket }) => [name, bucket]),
    [
      ["files-gcp-us-central1", "google-artifacts-us-central1"],
      ["files-aws-us-east-1", "prod-artifacts-k8s-io-us-east-1"],
    ],
  );
});

it("buckets that are image mirrors hold layers as such, the others as layers only", () => {
  const west = findRegion("aws", "us-west-2")!;
  const near = {
    near: "us-west-2",
    region: "auto",
    endpoint: "https://minio.example.org",
    url: "https://i.example.org",
    costClass: 0,
  };
  const { images, files } = mirrorAddresses({
    ...config,
    awsRegions: [east, west],
    imageBuckets: new Set(["us-east-1"]),
    // A bucket of another store that has the name of one in AWS is another bucket.
    imageStores: [{ name: "minio", bucket: "org-artifacts-us-west-2", keys: "MINIO", ...near }],
  });
  assert.deepEqual(
    images.slice(1).map(({ name, repository }) => [name, repository]),
    [
      ["images-s3-us-east-1", "s3://org-artifacts-us-east-1?region=us-east-1"],
      ["images-minio", "s3://org-artifacts-us-west-2?region=auto&endpoint=https%3A%2F%2Fminio.example.org&keys=MINIO"],
    ],
  );
  assert.deepEqual(
    layerMirrorsOf(images, files).map(({ name }) => name),
    ["files-aws-us-west-2"],
  );
});

it("image layers have the keys of registry.k8s.io's buckets", () => {
  const digest = `sha256:${"a".repeat(64)}`;
  assert.equal(layerKey(digest), `containers/images/${digest}`);
});
