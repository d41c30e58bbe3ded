import assert from "node:assert/strict";
import { it } from "mocha";
import { publicBucketUrl, registryUrl } from "../../../components/mirrors/mirror-urls.ts";
import { findRegion } from "../../../components/stack/geography.ts";

for (const [repository, url] of [
  ["us-central1-docker.pkg.dev/p/images", "https://us-central1-docker.pkg.dev/v2/p/images"],
  ["127.0.0.1:5000/p/images", "http://127.0.0.1:5000/v2/p/images"],
  ["localhost:5000/p", "http://localhost:5000/v2/p"],
  ["[::1]:5000/p", "http://[::1]:5000/v2/p"],
  ["127.0.0.1.example.org/p", "https://127.0.0.1.example.org/v2/p"],
  ["registry.example.org", "https://registry.example.org/v2"],
] as const) {
  it(`registry of ${repository}`, () => assert.equal(registryUrl(repository), url));
}

const gcp = findRegion("gcp", "europe-west1")!;
const aws = findRegion("aws", "eu-west-1")!;

for (const [what, url, expected] of [
  ["Cloud Storage", publicBucketUrl("b", gcp, {}), "https://storage.googleapis.com/b"],
  [
    "Cloud Storage elsewhere",
    publicBucketUrl("b", gcp, { gcsEndpoint: "http://127.0.0.1:5514/storage/v1/", s3Endpoint: "http://127.0.0.1:1" }),
    "http://127.0.0.1:5514/b",
  ],
  ["S3", publicBucketUrl("b", aws, {}), "https://b.s3.dualstack.eu-west-1.amazonaws.com"],
  ["S3 elsewhere", publicBucketUrl("b", aws, { s3Endpoint: "https://s3.example.org" }), "https://b.s3.example.org"],
  [
    "S3 elsewhere, the bucket in the path",
    publicBucketUrl("b", aws, { s3Endpoint: "http://127.0.0.1:5515/", s3UsePathStyle: true }),
    "http://127.0.0.1:5515/b",
  ],
] as const) {
  it(`bucket in ${what}`, () => assert.equal(url, expected));
}
