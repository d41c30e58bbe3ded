import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { planChange } from "../../../../local/providers/plan-change.ts";
import { typeFacts } from "../../../../local/providers/type-facts.ts";

const update = (...changed: string[]) => ({ changed, replaces: [] });
const replace = (...changed: string[]) => ({ changed, replaces: changed });
const nothing = update();

type Values = Record<string, unknown>;

/** What the real providers planned for one change at a time (facts of 2026-11-28, run). */
const cases: readonly (readonly [what: string, type: string, olds: Values, news: Values, plan: object])[] = [
  [
    "the same",
    "gcp:storage/bucket:Bucket",
    { name: "b", labels: { a: "1" } },
    { labels: { a: "1" }, name: "b" },
    nothing,
  ],
  ["a label", "gcp:storage/bucket:Bucket", { labels: { a: "1" } }, { labels: { a: "2" } }, update("labels")],
  ["a location", "gcp:storage/bucket:Bucket", { location: "us" }, { location: "eu" }, replace("location")],
  ["a record's name", "cloudflare:index/dnsRecord:DnsRecord", { name: "a" }, { name: "b" }, update("name")],
  ["a record's type", "cloudflare:index/dnsRecord:DnsRecord", { type: "A" }, { type: "AAAA" }, replace("type")],
  [
    "a backend's load balancing scheme",
    "gcp:compute/backendService:BackendService",
    { loadBalancingScheme: "EXTERNAL" },
    { loadBalancingScheme: "EXTERNAL_MANAGED" },
    update("loadBalancingScheme"),
  ],
  [
    "early data of TLS",
    "gcp:compute/targetHttpsProxy:TargetHttpsProxy",
    { tlsEarlyData: "DISABLED" },
    { tlsEarlyData: "STRICT" },
    replace("tlsEarlyData"),
  ],
  [
    "a label of a metric's descriptor, two levels down",
    "gcp:logging/metric:Metric",
    { metricDescriptor: { labels: [{ key: "a", valueType: "STRING" }] } },
    { metricDescriptor: { labels: [{ key: "b", valueType: "STRING" }] } },
    replace("metricDescriptor"),
  ],
  ["an objective's service", "gcp:monitoring/slo:Slo", { service: "a" }, { service: "b" }, replace("service")],
  ["versioning left out stays on", "gcp:storage/bucket:Bucket", { versioning: { enabled: true } }, {}, nothing],
  [
    "rules of the edge left out stay",
    "gcp:compute/securityPolicy:SecurityPolicy",
    { rules: [{ priority: 1, action: "deny(403)" }] },
    {},
    nothing,
  ],
  [
    "access to a service left out stays",
    "gcp:cloudrunv2/service:Service",
    { ingress: "INGRESS_TRAFFIC_ALL" },
    {},
    nothing,
  ],
  ["labels left out go", "gcp:storage/bucket:Bucket", { labels: { a: "1" } }, {}, update("labels")],
  [
    "a default that an import does not give back",
    "gcp:storage/bucket:Bucket",
    { name: "b" },
    { name: "b", forceDestroy: false, storageClass: "STANDARD" },
    nothing,
  ],
  [
    "a set in another order",
    "gcp:projects/iAMCustomRole:IAMCustomRole",
    { permissions: ["b", "a"] },
    { permissions: ["a", "b"] },
    nothing,
  ],
  [
    "detectMd5hash is no change",
    "gcp:storage/bucketObject:BucketObject",
    { detectMd5hash: "a" },
    { detectMd5hash: "b" },
    nothing,
  ],
];

describe("what the real providers plan", () => {
  for (const [what, type, olds, news, plan] of cases) {
    it(what, () => {
      const facts = typeFacts(type);
      assert.ok(facts);
      assert.deepEqual(planChange(facts, olds, news), plan);
    });
  }
});
