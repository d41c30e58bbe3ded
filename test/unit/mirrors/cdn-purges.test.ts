import assert from "node:assert/strict";
import { it } from "mocha";
import { storageSettings } from "../../../components/mirrors/cdn-purges.ts";
import { findRegion } from "../../../components/stack/geography.ts";

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
const zoneId = "0".repeat(32);
const stack = {
  project: "acme-prod",
  organization: "acme",
  googlePrefix: "acme",
  bucketNames: { "us-east-1": "old-name" },
  gcpRegions: [findRegion("gcp", "us-central1")!] as const,
  awsRegions: [findRegion("aws", "us-east-1")!],
  imageStores: [store],
  publicUrls: { "us-central1": "https://g.example.org", "us-east-1": "https://a.example.org" },
  storage: { gcsEndpoint: undefined, s3Endpoint: undefined, s3UsePathStyle: false },
  cloudflareEndpoint: undefined,
  computeEndpoint: undefined,
};

it("without CDNs to purge the stores are as they were", () => {
  assert.equal(storageSettings({ ...stack, cdnPurge: {} }), stack.storage);
});

it("each CDN has its bucket, its address, its API, and the name of its token", () => {
  const { purges, ...storage } = storageSettings({
    ...stack,
    cdnPurge: {
      "us-central1": { by: "google", urlMap: "cdn" },
      "us-east-1": { by: "http" },
      r2: { by: "cloudflare", zoneId, token: "CDN_TOKEN" },
    },
  });
  assert.deepEqual(storage, stack.storage);
  assert.deepEqual(purges, [
    {
      kind: "gcs",
      bucket: "acme-artifacts-us-central1",
      region: "us-central1",
      url: "https://g.example.org",
      by: "google",
      api: "https://compute.googleapis.com/compute/v1/projects/acme-prod/global/urlMaps/cdn/invalidateCache",
    },
    { kind: "s3", bucket: "old-name", region: "us-east-1", url: "https://a.example.org", by: "http" },
    {
      kind: "s3",
      bucket: "acme-images",
      region: "auto",
      endpoint: "https://a.r2.cloudflarestorage.com",
      keys: "R2",
      url: "https://i.example.org",
      by: "cloudflare",
      api: `https://api.cloudflare.com/client/v4/zones/${zoneId}/purge_cache`,
      token: "CDN_TOKEN",
    },
  ]);
});

it("Google's API is where the provider's setting says", () => {
  for (const computeEndpoint of ["http://127.0.0.1:1/compute/v1/", "http://127.0.0.1:1/compute/v1"]) {
    const cdnPurge = { "us-central1": { by: "google", urlMap: "cdn" } } as const;
    const { purges } = storageSettings({ ...stack, computeEndpoint, cdnPurge });
    assert.deepEqual(
      purges?.map(({ api }) => api),
      ["http://127.0.0.1:1/compute/v1/projects/acme-prod/global/urlMaps/cdn/invalidateCache"],
    );
  }
});

it("Cloudflare's API is where the provider's setting says, and a URL map may be in another project", () => {
  const { purges } = storageSettings({
    ...stack,
    cloudflareEndpoint: "http://127.0.0.1:1/v4/",
    cdnPurge: {
      "us-central1": { by: "google", urlMap: "cdn", project: "acme-cdn" },
      r2: { by: "cloudflare", zoneId, token: "CDN_TOKEN" },
    },
  });
  assert.deepEqual(
    purges?.map(({ api }) => api),
    [
      "https://compute.googleapis.com/compute/v1/projects/acme-cdn/global/urlMaps/cdn/invalidateCache",
      `http://127.0.0.1:1/v4/zones/${zoneId}/purge_cache`,
    ],
  );
});
