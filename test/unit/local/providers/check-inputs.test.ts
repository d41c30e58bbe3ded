import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { unknown } from "../../../../components/plugin/properties.ts";
import { checkInputs } from "../../../../local/providers/check-inputs.ts";
import { typeFacts } from "../../../../local/providers/type-facts.ts";

/** What the real providers answered to one wrong thing at a time (facts of 2026-11-28, run). */
const cases: readonly (readonly [what: string, type: string, inputs: Record<string, unknown>, problems: string[]])[] = [
  ["a complete bucket", "gcp:storage/bucket:Bucket", { name: "b", location: "us", project: "p" }, []],
  [
    "an unknown property",
    "gcp:storage/bucket:Bucket",
    { name: "b", location: "us", versionning: { enabled: true } },
    ["versionning: Invalid or unknown key"],
  ],
  [
    "an unknown property of a list's element",
    "gcp:storage/bucket:Bucket",
    { name: "b", location: "us", lifecycleRules: [{ action: { type: "Delete", kind: "x" }, condition: { age: 1 } }] },
    ["lifecycleRules[0].action.kind: Invalid or unknown key"],
  ],
  [
    "Cloudflare takes unknown properties in silence",
    "cloudflare:index/dnsRecord:DnsRecord",
    { zoneId: "z", name: "x", type: "A", ttl: 1, content: "192.0.2.1", nonsense: 1 },
    [],
  ],
  [
    "a text in place of an object",
    "gcp:storage/bucket:Bucket",
    { name: "b", location: "us", versioning: "true" },
    ['versioning: expected an object, got string "true"'],
  ],
  [
    "a text in place of a list",
    "gcp:storage/bucket:Bucket",
    { name: "b", location: "us", cors: "*" },
    ['cors: expected a list, got string "*"'],
  ],
  [
    "a number in place of a text",
    "gcp:storage/bucket:Bucket",
    { name: 7, location: "us" },
    ["name: expected a string, got number 7"],
  ],
  [
    "a value that is not in the list",
    "gcp:compute/globalAddress:GlobalAddress",
    { name: "a", ipVersion: "IPV5" },
    ['ipVersion: expected to be one of ["" "IPV4" "IPV6"], got IPV5'],
  ],
  [
    "deletionPolicy is no enumeration: nobody refuses a misspelt PREVENT",
    "gcp:storage/bucket:Bucket",
    { name: "b", location: "us", deletionPolicy: "PREVNET" },
    [],
  ],
  [
    "a value that is not known yet",
    "gcp:compute/globalAddress:GlobalAddress",
    { name: unknown, ipVersion: unknown },
    [],
  ],
  [
    "none of several",
    "gcp:compute/uRLMap:URLMap",
    { name: "m" },
    ["one of `defaultRouteAction.weightedBackendServices,defaultService,defaultUrlRedirect` must be specified"],
  ],
  [
    "neither content nor source",
    "gcp:storage/bucketObject:BucketObject",
    { bucket: "b", name: "o" },
    ["one of `content,source` must be specified"],
  ],
  [
    "two that exclude each other",
    "cloudflare:index/dnsRecord:DnsRecord",
    { zoneId: "z", name: "x", type: "CAA", ttl: 1, content: "0 issue pki.goog", data: { tag: "issue" } },
    ["content conflicts with data"],
  ],
  [
    "a number out of range",
    "cloudflare:index/dnsRecord:DnsRecord",
    { zoneId: "z", name: "x", type: "MX", ttl: 1, priority: 70000, content: "mx" },
    ["priority: must be at most 65535, got 70000"],
  ],
  [
    "an objective that nobody can keep",
    "gcp:monitoring/slo:Slo",
    { service: "s", goal: 1, rollingPeriodDays: 28, basicSli: { availability: {} } },
    ['goal: "1" must be > 0 and <= 0.9999'],
  ],
  [
    "an automatic name with dashes is no id of a role",
    "gcp:projects/iAMCustomRole:IAMCustomRole",
    { roleId: "deploy-1a2b3c4", title: "t", permissions: ["run.services.get"] },
    ['roleId: "deploy-1a2b3c4" does not match ^[a-zA-Z0-9_\\.]{3,64}$'],
  ],
  [
    "a deleted account is no member",
    "gcp:storage/bucketIAMBinding:BucketIAMBinding",
    { bucket: "b", role: "roles/storage.objectViewer", members: ["deleted:serviceAccount:x@y?uid=1"] },
    [
      'members[0]: "deleted:serviceAccount:x@y?uid=1" invalid value for IAM member: must be allUsers, allAuthenticatedUsers or <kind>:<id>',
    ],
  ],
  [
    "the provider's project does not stand in for a grant on a project",
    "gcp:projects/iAMMember:IAMMember",
    { role: "roles/viewer", member: "group:x@example.org" },
    ["Missing required property 'project'"],
  ],
  [
    "a dashboard that is no JSON",
    "gcp:monitoring/dashboard:Dashboard",
    { dashboardJson: "{" },
    ['dashboardJson: "{" contains an invalid JSON'],
  ],
];

describe("what the real providers refuse in Check", () => {
  for (const [what, type, inputs, problems] of cases) {
    it(what, () => {
      const facts = typeFacts(type);
      assert.ok(facts);
      assert.deepEqual(checkInputs(facts, inputs, new Set(["region"])), problems);
    });
  }
});
