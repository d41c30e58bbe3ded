import { buildTable } from "../../../redirector/cloud-ranges/build.ts";
import { type LoadedTable, loadTable } from "../../../redirector/cloud-ranges/table.ts";
import type { RedirectorConfigInput } from "../../../redirector/config.ts";

/** The table of requests that any redirector has to get right, with what ours answers. Shared by the tests of both runtimes. */

const H = "da86e6ba6ca197bf6bc5e9d900febd906b133eaa4750e6bed647b0fbe50ed43e";
const D = `sha256:${H}`;
const zeros = `sha256:${"0".repeat(64)}`;
const D512 = `sha512:${H}${H}`;

/** One request and what is to come back. */
export interface Case {
  readonly method: string;
  readonly target: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly expect: Expectation;
}

/** Either a redirect to a mirror, by name, and the path after its base; or a status with an OCI error code or a text. */
export type Expectation =
  | { readonly mirror: string; readonly path: string }
  | { readonly status: number; readonly location?: string; readonly code?: string; readonly text?: string };

/** The mirrors of the cases. Serving: europe-north1. `R` is its registry, `C` the canonical one, `def` the bucket near it. */
const registries = { "us-central1": [41.26, -95.86], "europe-north1": [60.57, 27.19] } as const;
const buckets = {
  "us-east-1": [39.04, -77.49],
  "us-west-2": [45.84, -119.69],
  "eu-north-1": [59.33, 18.07],
  "eu-west-3": [48.86, 2.35],
  "eu-central-1": [50.11, 8.68],
  "af-south-1": [-33.92, 18.42],
  "ap-east-1": [22.32, 114.17],
  "ap-northeast-2": [37.57, 126.98],
  "ap-southeast-3": [-6.21, 106.85],
  "me-central-1": [24.43, 54.65],
} as const;

/**
 * Whether a mirror holds the object at this address: a bucket only layers with the one digest of the cases, and the mirrors all but what is
 * of a project whose promotion they wait for.
 */
export function holds(url: string): boolean {
  if (url.includes("/binaries/late/")) return url.includes("files-us-central1");
  if (url.includes("/binaries/none/")) return false;
  return url.includes("/containers/images/") ? url.includes(H) : !url.includes("/late/");
}

/**
 * The configuration of the cases; `origin` is the scheme and host of a mirror, by its name. As archeio does, it sends clients outside of all
 * clouds to buckets too; ours in production does so only for clients inside AWS (`layerClients`), as the others are as near to a registry.
 */
export function caseConfig(origin: (name: string) => string): RedirectorConfigInput {
  return {
    host: "artifacts.example.dev",
    region: { name: "europe-north1", latitude: 60.57, longitude: 27.19 },
    layerClients: "outside-gcp",
    // The cases say where lists are redirected to; that they are answered: test/contract/reports/lists.test.ts.
    lists: { answered: false },
    imageMirrors: Object.entries(registries).map(([region, [latitude, longitude]]) => ({
      name: `images-${region}`,
      url: `${origin(`images-${region}`)}/v2/p/images`,
      cloud: "gcp",
      region,
      latitude,
      longitude,
    })),
    fileMirrors: [
      ...Object.entries(registries).map(([region, [latitude, longitude]]) => ({
        name: `files-${region}`,
        url: `${origin(`files-${region}`)}/files-${region}`,
        cloud: "gcp" as const,
        region,
        latitude,
        longitude,
      })),
      ...Object.entries(buckets).map(([region, [latitude, longitude]]) => ({
        name: `files-${region}`,
        url: `${origin(`files-${region}`)}/files-${region}`,
        cloud: "aws" as const,
        region,
        latitude,
        longitude,
        layers: true,
      })),
    ],
    cloudRegions: [
      { cloud: "aws", name: "me-south-1", latitude: 26.07, longitude: 50.56 },
      // Where China's networks are near to, not where Beijing is.
      { cloud: "aws", name: "cn-north-1", latitude: 22.5, longitude: 114.0 },
      { cloud: "azure", name: "eastus", latitude: 37.37, longitude: -79.82 },
    ],
    pages: { home: "https://example.dev/artifacts", privacy: "https://example.dev/privacy" },
    log: { sample: 0 },
    health: { intervalSeconds: 3600, timeoutSeconds: 5 },
  };
}

/** The published blocks that the cases' addresses are in, and those around them. */
export function caseRanges(): { ranges: LoadedTable; bytes: Uint8Array } {
  const aws = {
    prefixes: [
      { ip_prefix: "35.180.0.0/16", region: "eu-west-3" },
      { ip_prefix: "15.193.0.0/19", region: "GLOBAL" },
      { ip_prefix: "15.193.10.0/24", region: "af-south-1" },
      { ip_prefix: "35.55.0.0/17", region: "GLOBAL" },
      { ip_prefix: "35.55.18.0/24", region: "eu-central-1" },
      { ip_prefix: "157.175.0.0/16", region: "me-south-1" },
      { ip_prefix: "54.222.0.0/19", region: "cn-north-1" },
    ],
    ipv6_prefixes: [
      { ipv6_prefix: "2600:f0f0:1100::/40", region: "GLOBAL" },
      { ipv6_prefix: "2600:f0f0:1104::/48", region: "ap-northeast-2" },
      { ipv6_prefix: "2600:1f01:4874::/47", region: "us-west-2" },
      { ipv6_prefix: "2400:6500:0:9::1/128", region: "ap-southeast-3" },
    ],
  };
  const gcp = {
    prefixes: [
      { ipv4Prefix: "35.220.26.0/24", scope: "europe-north1" },
      { ipv6Prefix: "2600:1900:4000::/44", scope: "us-central1" },
    ],
  };
  const { bytes } = buildTable({
    aws: JSON.stringify(aws),
    gcp: JSON.stringify(gcp),
    azure: JSON.stringify({ eastus: ["20.42.0.0/17"] }),
  });
  return { ranges: loadTable(bytes), bytes };
}

/** A client whose address the load balancer wrote. */
function x(ip: string): [string, string][] {
  return [["X-Forwarded-For", `${ip},10.0.0.1`]];
}

const nobody: [string, string][] = [];
const R = (path: string): Expectation => ({ mirror: "images-europe-north1", path });
const C = (path: string): Expectation => ({ mirror: "images-us-central1", path });
const B = (region: string, digest = D): Expectation => ({
  mirror: `files-${region}`,
  path: `/containers/images/${digest}`,
});
const def = B("eu-north-1");
const J = (code: string, status = 400): Expectation => ({ status, code });
const notFound: Expectation = { status: 404, text: "not found\n" };

function get(target: string, headers: [string, string][], expect: Expectation, method = "GET"): Case {
  return { method, target, headers, expect };
}

const blob = `/v2/pause/blobs/${D}`;
const longName = "a".repeat(9000);
const longTag = "a".repeat(129);

export const cases: readonly Case[] = [
  get("/", nobody, { status: 307, location: "https://example.dev/artifacts" }),
  get("/", nobody, { status: 307, location: "https://example.dev/artifacts" }, "HEAD"),
  get("/privacy", nobody, { status: 307, location: "https://example.dev/privacy" }),
  get("/privacyXYZ", nobody, notFound),
  get("/healthz", nobody, { status: 200, text: "ok\n" }),
  get("/readyz", nobody, { status: 200, text: "ready\n" }),
  get("/robots.txt", nobody, { status: 200, text: "User-agent: *\nDisallow: /v2/\nDisallow: /binaries/\n" }),
  get("/metrics", nobody, notFound),
  get("/v1/_ping", nobody, notFound),
  get("/v2/", nobody, { status: 200, text: "{}" }),
  get("/v2", nobody, { status: 200 }, "HEAD"),
  get("/v2/?x=1", nobody, { status: 200, text: "{}" }),
  get("/V2/", nobody, notFound),
  get("//evil.example/v2/a/manifests/b", nobody, notFound),
  get("http://evil.example/v2/pause/manifests/x", nobody, R("/pause/manifests/x")),
  get("HTTPS://evil.example", nobody, { status: 307, location: "https://example.dev/artifacts" }),
  get("/v2/", nobody, J("UNSUPPORTED", 405), "POST"),
  get("/v2/pause/manifests/3.9", nobody, J("UNSUPPORTED", 405), "DELETE"),
  get("/v2/pause/manifests/3.9", nobody, J("UNSUPPORTED", 405), "OPTIONS"),
  get(
    "/binaries/x",
    nobody,
    { status: 405, text: "only GET and HEAD are supported: this registry is read-only\n" },
    "PUT",
  ),
  get("/v2/_catalog?n=10", nobody, J("UNSUPPORTED", 404)),
  get("/v2/_catalog", nobody, J("UNSUPPORTED", 404)),
  get("/v2/_catalog/", nobody, J("UNSUPPORTED", 404)),
  get("/v2/pause/manifests/3.9", [["X-Forwarded-For", "junk"]], R("/pause/manifests/3.9")),
  get("/v2/pause/manifests/3.9", nobody, R("/pause/manifests/3.9"), "HEAD"),
  get("/v2/pause/manifests/3.9?ns=registry.k8s.io", nobody, R("/pause/manifests/3.9?ns=registry.k8s.io")),
  get("/v2/pause/tags/list?n=2&last=3.1", nobody, C("/pause/tags/list?n=2&last=3.1")),
  get("/v2/pause/tags/list?a=%0d%0a&b=../..?c", nobody, C("/pause/tags/list?a=%0d%0a&b=../..?c")),
  get(`/v2/pause/referrers/${D}?artifactType=a/b`, nobody, C(`/pause/referrers/${D}?artifactType=a/b`)),
  get("/v2/pause/referrers/latest", nobody, J("DIGEST_INVALID")),
  get(`/v2/pause/manifests/${D}`, nobody, R(`/pause/manifests/${D}`)),
  // What the nearest mirror lacks comes from the canonical one; what the canonical one lacks, from the next.
  get(`/v2/late/manifests/${D}`, nobody, C(`/late/manifests/${D}`)),
  get(`/v2/late/manifests/${D}?ns=x`, nobody, C(`/late/manifests/${D}?ns=x`), "HEAD"),
  get("/v2/late/manifests/1.0", nobody, C("/late/manifests/1.0")),
  get("/v2/late/manifests/1.0", [["X-Client-Latlong", "40.7,-74.0"]], R("/late/manifests/1.0")),
  get(`/v2/late/manifests/sha256-${H}.sig`, nobody, R(`/late/manifests/sha256-${H}.sig`)),
  get(`/v2/late/blobs/${zeros}`, nobody, C(`/late/blobs/${zeros}`)),
  // Lists have no HEAD to ask by (OCI distribution spec, "Listing Tags", "Listing Referrers"): they are the canonical mirror's, which has them all.
  get("/v2/late/tags/list", nobody, C("/late/tags/list")),
  get(`/v2/late/referrers/${D}`, nobody, C(`/late/referrers/${D}`)),
  // Signatures are added to such a tag: the mirror that is written first has them all, others may lag.
  get(`/v2/pause/manifests/sha256-${H}.sig`, nobody, C(`/pause/manifests/sha256-${H}.sig`)),
  get(`/v2/pause/manifests/sha256-${H}.att`, nobody, C(`/pause/manifests/sha256-${H}.att`)),
  get(`/v2/pause/manifests/sha256-${H}.sbom`, nobody, C(`/pause/manifests/sha256-${H}.sbom`)),
  get(`/v2/pause/manifests/sha256-${H}`, nobody, C(`/pause/manifests/sha256-${H}`)),
  get(`/v2/pause/manifests/sha256-${H}.sigs`, nobody, R(`/pause/manifests/sha256-${H}.sigs`)),
  get("/v2/a/b.c/d__e/f--g/manifests/1", nobody, R("/a/b.c/d__e/f--g/manifests/1")),
  get("/v2/manifests/manifests/manifests", nobody, R("/manifests/manifests/manifests")),
  get("/v2foo/manifests/x", nobody, notFound),
  get("/v2/Pause/manifests/3.9", nobody, J("NAME_INVALID")),
  get("/v2/pause//manifests/3.9", nobody, J("NAME_INVALID")),
  get("/v2//manifests/3.9", nobody, J("NAME_INVALID")),
  get("/v2/manifests/3.9", nobody, J("NAME_INVALID")),
  get("/v2/tags/list", nobody, J("NAME_INVALID")),
  get("/v2/pause/tags/list/", nobody, J("UNSUPPORTED", 404)),
  get("/v2/pause", nobody, J("UNSUPPORTED", 404)),
  get("/v2/../../other/repo/manifests/t", nobody, J("NAME_INVALID")),
  get("/v2/../../../storage/x", nobody, J("NAME_INVALID")),
  get("/v2/./pause/manifests/3.9", nobody, J("NAME_INVALID")),
  get("/v2/pause/manifests/..", nobody, J("TAG_INVALID")),
  get("/v2/pause/../manifests/3.9", nobody, J("NAME_INVALID")),
  get("/v2/pause\\..\\x/manifests/3.9", nobody, J("NAME_INVALID")),
  get("/v2/%2e%2e/%2e%2e/other/manifests/t", nobody, J("NAME_INVALID")),
  get("/v2/pause/..%2f..%2f..%2fother/manifests/t", nobody, J("NAME_INVALID")),
  get("/v2/pause%2Fmanifests%2F3.9", nobody, J("NAME_INVALID")),
  get("/v2/pause/manifests/a%3Fb=c", nobody, J("TAG_INVALID")),
  get("/v2/pause/manifests/a%23b", nobody, J("TAG_INVALID")),
  get("/v2/pause/manifests/a%0d%0aX-Evil:%201", nobody, J("DIGEST_INVALID")),
  get("/v2/pause/manifests/a%0d%0aX-Evil", nobody, J("TAG_INVALID")),
  get("/v2/pause/manifests/%00", nobody, J("TAG_INVALID")),
  get("/v2/pause/manifests/%zz", nobody, J("NAME_INVALID")),
  get("/v2/pause/manifests/%25zz", nobody, J("TAG_INVALID")),
  get("/v2/pause/manifests/%c3%a9", nobody, J("TAG_INVALID")),
  get(`/v2/${longName}/manifests/x`, nobody, J("NAME_INVALID")),
  get(`/v2/${"a".repeat(13_000)}/manifests/x`, nobody, J("UNSUPPORTED", 414)),
  get(`/v2/pause/manifests/${longTag}`, nobody, J("MANIFEST_UNKNOWN", 404)),
  get(`/v2/pause/manifests/${longTag.slice(1)}`, nobody, R(`/pause/manifests/${longTag.slice(1)}`)),

  get(blob, nobody, def),
  get(blob, x("35.180.1.1"), B("eu-west-3")),
  get(blob, x("35.180.1.1"), B("eu-west-3"), "HEAD"),
  get(`${blob}?ns=x`, x("35.180.1.1"), B("eu-west-3")),
  get(`/v2/pause/blobs/sha256%3A${H}`, x("35.180.1.1"), B("eu-west-3")),
  get(`/v2/pause/blobs/${zeros}`, x("35.180.1.1"), R(`/pause/blobs/${zeros}`)),
  get(`/v2/pause/blobs/${zeros}?ns=x`, x("35.180.1.1"), R(`/pause/blobs/${zeros}?ns=x`)),
  get(`/v2/pause/blobs/${D}0`, x("35.180.1.1"), J("DIGEST_INVALID")),
  get(`/v2/pause/blobs/SHA256:${H}`, x("35.180.1.1"), J("DIGEST_INVALID")),
  get(`/v2/pause/blobs/sha256:${H.toUpperCase()}`, x("35.180.1.1"), J("DIGEST_INVALID")),
  get(`/v2/pause/blobs/${D512}`, x("35.180.1.1"), B("eu-west-3", D512)),
  get(`/v2/pause/blobs/sha512:${"0".repeat(128)}`, x("35.180.1.1"), R(`/pause/blobs/sha512:${"0".repeat(128)}`)),
  get(`/v2/pause/blobs/sha256:${H}%3Fz1:a`, x("35.180.1.1"), J("DIGEST_INVALID")),
  get(`/v2/../blobs/${D}`, x("35.180.1.1"), J("NAME_INVALID")),
  get("/v2/pause/blobs/uploads/", nobody, J("UNSUPPORTED", 404)),
  get("/v2/pause/blobs/uploads/", nobody, J("UNSUPPORTED", 405), "POST"),
  get(blob, x("35.220.26.1"), R(`/pause/blobs/${D}`)),
  // This address is in us-central1, so the registry there is the client's own, which is also C.
  get(blob, x("2600:1900:4000::1"), C(`/pause/blobs/${D}`)),
  get(blob, x("20.42.0.1"), B("us-east-1")),
  get(blob, x("8.8.8.8"), def),
  get(blob, x("15.193.10.1"), B("af-south-1")),
  get(blob, x("35.55.18.1"), B("eu-central-1")),
  get(blob, x("2600:f0f0:1104::1"), B("ap-northeast-2")),
  get(blob, x("15.193.31.1"), def),
  get(blob, x("2600:1f01:4874::47"), B("us-west-2")),
  get(blob, x("2400:6500:0:9::1"), B("ap-southeast-3")),
  get(blob, x("2400:6500:0:9::100"), def),
  get(blob, x("157.175.0.1"), B("me-central-1")),
  get(blob, x("54.222.0.1"), B("ap-east-1")),
  get(blob, x("::ffff:35.180.1.1"), B("eu-west-3")),
  get(blob, x("35.180.1.1:443"), B("eu-west-3")),
  get(blob, x("[2600:1f01:4874::47]"), B("us-west-2")),
  get(blob, x("[2600:1f01:4874::47]:443"), B("us-west-2")),
  get(blob, x("035.180.001.001"), def),
  get(blob, [["X-Forwarded-For", "35.180.1.1"]], def),
  get(blob, [["X-Forwarded-For", "1.2.3.4, 35.220.26.1, 35.180.1.1, 10.0.0.1"]], B("eu-west-3")),
  get(
    blob,
    [
      ["X-Forwarded-For", "35.180.1.1,10.0.0.1"],
      ["X-Forwarded-For", "35.220.26.1,10.0.0.2"],
    ],
    R(`/pause/blobs/${D}`),
  ),
  get(blob, [["X-Forwarded-For", "35.180.1.1\t,\t10.0.0.1"]], B("eu-west-3")),
  get(blob, [["X-Real-IP", "35.180.1.1"]], def),
  get(blob, [["Forwarded", "for=35.180.1.1"]], def),
  // Where the load balancer says, unless the client is in a cloud region whose place is known.
  get(blob, [["X-Client-Latlong", "-33.9,18.4"]], B("af-south-1")),
  get(blob, [...x("35.180.1.1"), ["X-Client-Latlong", "-33.9,18.4"]], B("eu-west-3")),
  get(blob, [["X-Client-Latlong", ","]], def),
  get(blob, [["X-Client-Latlong", "91,0"]], def),
  get("/v2/pause/manifests/3.9", [["X-Client-Latlong", "40.7,-74.0"]], C("/pause/manifests/3.9")),
  get("/v2/pause/manifests/3.9", x("20.42.0.1"), C("/pause/manifests/3.9")),
  get("/v2/pause/manifests/3.9", x("35.180.1.1"), R("/pause/manifests/3.9")),

  get("/binaries/kops/1.0/f", x("35.180.1.1"), { mirror: "files-eu-west-3", path: "/binaries/kops/1.0/f" }),
  get("/binaries/kops/1.0/f", x("35.220.26.1"), { mirror: "files-europe-north1", path: "/binaries/kops/1.0/f" }),
  get("/binaries/kops/1.0/f", nobody, { mirror: "files-europe-north1", path: "/binaries/kops/1.0/f" }),
  get("/binaries/kops/1.0/f?versionId=x", nobody, { mirror: "files-europe-north1", path: "/binaries/kops/1.0/f" }),
  get("/binaries/%2e%2e/%2e%2e/b/x", nobody, { status: 400 }),
  get("/binaries/../../b/x", nobody, { status: 400 }),
  get("/binaries/a/./b", nobody, { status: 400 }),
  get("/binaries/a//b", nobody, { status: 400 }),
  get("/binaries/a%2fb", nobody, { status: 400 }),
  get("/binaries/a%5c..%5cb", nobody, { status: 400 }),
  get("/binaries/a\\..\\b", nobody, { status: 400 }),
  get("/binaries/a%0d%0ab", nobody, { status: 400 }),
  get("/binaries/%00", nobody, { status: 400 }),
  get("/binaries/%zz", nobody, { status: 400 }),
  get("/binaries/%ff", nobody, { status: 400 }),
  get("/binaries/a%20b", nobody, { mirror: "files-europe-north1", path: "/binaries/a%20b" }),
  get("/binaries/a%2Bb", nobody, { mirror: "files-europe-north1", path: "/binaries/a%2Bb" }),
  get("/binaries/v1.30.0+k3s1/k3s", nobody, { mirror: "files-europe-north1", path: "/binaries/v1.30.0%2Bk3s1/k3s" }),
  get("/binaries/%E2%82%AC", nobody, { mirror: "files-europe-north1", path: "/binaries/%E2%82%AC" }),
  get("/binaries/a%25b", nobody, { mirror: "files-europe-north1", path: "/binaries/a%25b" }),
  get('/binaries/"<>^`{|}', nobody, { mirror: "files-europe-north1", path: "/binaries/%22%3C%3E%5E%60%7B%7C%7D" }),
  get("/binaries/late/x", nobody, { mirror: "files-us-central1", path: "/binaries/late/x" }),
  get("/binaries/late/x", x("35.180.1.1"), { mirror: "files-us-central1", path: "/binaries/late/x" }),
  get("/binaries/none/x", nobody, { status: 404, text: "not found: no mirror has this file\n" }),
  get("/binaries/none/x", x("35.180.1.1"), { status: 404, text: "not found: no mirror has this file\n" }, "HEAD"),
  get("/binaries", nobody, notFound),
  get("/binaries/", nobody, notFound),
  get("/binaries/a/", nobody, notFound),
  get("/binariesx", nobody, notFound),
];
