/** The whole program with CDNs of its own: who reads them, who purges them, and what waits for them. */
import assert from "node:assert/strict";
import type { Resource } from "@pulumi/pulumi";
import { before, describe, it } from "mocha";
import { CloudCdn } from "../../components/serving/cloud-cdn.ts";
import type { Declared } from "../../local/graph/record-program.ts";
import { parseConfig, type RedirectorConfig } from "../../redirector/config.ts";
import { config, manifests } from "../support/graph/fixtures.ts";
import { declare } from "../support/graph/program.ts";

const hosts = { "us-central1": "cdn.example.org", "europe-west1": "cdn-eu.example.org" };
describe("the program with Cloud CDN", () => {
  let resources: readonly Declared[];
  let without: readonly Declared[];

  before(async () => {
    resources = await declare({ ...config, "artifacts:cloudCdn": hosts }, manifests);
    without = await declare(config, manifests);
  });

  const of = (type: string, all = resources) => all.filter((resource) => resource.type.endsWith(`:${type}`));

  /** The URLs of the file mirrors as a redirector has them. */
  function fileMirrors(service: Declared): string[] {
    const { containers } = service.inputs["template"] as { containers: { envs: { value: string }[] }[] };
    const parsed = parseConfig(containers[0]!.envs[0]!.value) as { config: RedirectorConfig };
    return parsed.config.fileMirrors.map(({ url }) => url);
  }

  it("each host leads to the bucket of its region alone", () => {
    const [map, ...others] = of("URLMap").filter(({ inputs }) => inputs["name"] === "artifacts-cdn");
    assert.ok(map && others.length === 0);
    const { hostRules, pathMatchers } = map.inputs as {
      hostRules: { hosts: string[]; pathMatcher: string }[];
      pathMatchers: { name: string; defaultService: string }[];
    };
    assert.deepEqual(
      hostRules.map(({ hosts: [host], pathMatcher }) => [
        host,
        pathMatchers.find(({ name }) => name === pathMatcher)?.defaultService,
      ]),
      Object.entries(hosts).map(([region, host]) => [host, `BackendBucket/cdn-${region}`]),
    );
    assert.deepEqual(
      of("BackendBucket")
        .map(({ inputs }) => inputs["bucketName"])
        .sort(),
      ["demo-artifacts-europe-west1", "demo-artifacts-us-central1"],
    );
  });

  it("redirectors send clients there, promotions and the catalogue purge it by its URL map", () => {
    for (const service of of("Service").filter(({ type }) => type.includes("cloudrunv2")))
      assert.deepEqual(fileMirrors(service).slice(0, 2), ["https://cdn.example.org", "https://cdn-eu.example.org"]);
    const purging = resources.filter(({ type, inputs }) => type.startsWith("promotion:index:") && "storage" in inputs);
    assert.ok(purging.length > 2);
    for (const { inputs } of purging) {
      const { purges = [] } = inputs["storage"] as {
        purges?: { url: string; bucket: string; by: string; api: string }[];
      };
      assert.deepEqual(
        purges.map(({ url, bucket, by }) => [url, bucket, by]),
        Object.entries(hosts).map(([region, host]) => [`https://${host}`, `demo-artifacts-${region}`, "google"]),
      );
      for (const { api } of purges)
        assert.match(api, /\/projects\/demo-project\/global\/urlMaps\/artifacts-cdn\/invalidateCache$/);
    }
  });

  it("its load balancer is apart: what the redirector consists of is the same, but for where it sends clients", () => {
    const key = ({ type, name }: Declared) => `${type} ${name}`;
    const now = new Map(resources.map((one) => [key(one), one]));
    const changed = without.filter((one) => JSON.stringify(now.get(key(one))) !== JSON.stringify(one));
    assert.deepEqual([...new Set(changed.map(({ type }) => type.split(":").at(-1)))].sort(), [
      "CatalogueEntry",
      "ProbedCanary",
      "PromotedFiles",
      "PromotedImages",
      "Service",
    ]);
  });

  it("a host's records wait for its own certificate and for the load balancer", () => {
    for (const host of Object.values(hosts))
      for (const suffix of ["a", "aaaa"]) {
        const { after = [] } = resources.find(({ name }) => name === `${host}-${suffix}`) ?? {};
        assert.deepEqual([...after].sort(), [`${host}-issued`, "cdn-https-ipv4", "cdn-https-ipv6"].sort());
      }
  });

  it("redirectors depend on the names that they send clients to: none is deleted while one of them could not be told", async () => {
    const { reachable } = CloudCdn.prototype;
    let used: unknown;
    CloudCdn.prototype.reachable = function (urls) {
      const reached = reachable.call(this, urls);
      used = reached;
      return reached;
    };
    try {
      await declare({ ...config, "artifacts:cloudCdn": hosts }, manifests);
    } finally {
      CloudCdn.prototype.reachable = reachable;
    }
    const on = await (used as { allResources(): Promise<ReadonlySet<Resource>> }).allResources();
    assert.deepEqual(
      [...on].map((one) => (one as unknown as { __name: string }).__name).sort(),
      Object.values(hosts)
        .flatMap((host) => ["a", "aaaa", "issued"].map((part) => `${host}-${part}`))
        .sort(),
    );
  });
});
