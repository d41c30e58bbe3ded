/** Leaving some inputs out changes nothing in the cloud: what was set stays set, or what was to go stays. */
import assert from "node:assert/strict";
import { before, describe, it } from "mocha";
import type { Declared } from "../../local/graph/record-program.ts";
import { typeFacts } from "../../local/providers/type-facts.ts";
import { everything, manifests } from "../support/graph/fixtures.ts";
import { declare } from "../support/graph/program.ts";

/** They say which resource it is; a change of them is another one. */
const identity = ["project", "location", "parent", "ipAddress", "ipVersion", "serviceId", "sloId", "type"];

/** What the program has never set, so that there is nothing to be left over: the clouds' defaults hold. */
const neverSet: readonly (readonly [resource: RegExp, ...inputs: string[]])[] = [
  [/:Repository images-/, "cleanupPolicyDryRun"],
  [/:DnsRecord .*-caa-/, "content"], // theirs is `data`
  [/storage.*:Bucket redirector-source$/, "softDeletePolicy"],
  [/storage.*:Bucket (mirrors-logs|staging-.*|fill)$/, "softDeletePolicy", "versioning"],
];

/** Inputs that the provider keeps as they are when the program does not set them, and that it does not set. */
function leftOut(resources: readonly Declared[]): string[] {
  return resources.flatMap((resource) => {
    const { type, name, inputs } = resource;
    const never = neverSet.flatMap(([which, ...names]) => (which.test(`${type} ${name}`) ? names : []));
    return (typeFacts(type)?.removalIgnored ?? [])
      .filter((input) => ![...identity, ...never].includes(input) && inputs[input] === undefined)
      .map(
        (input) =>
          `${type.slice(type.lastIndexOf(":") + 1)} ${name}: ${input} must be set: leaving it out changes nothing`,
      );
  });
}

describe("inputs that stay as they are when they are left out", () => {
  let resources: readonly Declared[];
  before(async () => {
    resources = await declare(everything, manifests);
  });

  it("are all set, so that another setting is a change", () => {
    assert.ok(resources.some(({ type }) => (typeFacts(type)?.removalIgnored ?? []).includes("versioning")));
    assert.deepEqual(leftOut(resources), []);
  });

  for (const [type, name, input] of [
    ["gcp:storage/bucket:Bucket", "files-gcp-us-central1", "versioning"],
    ["gcp:storage/bucket:Bucket", "files-gcp-us-central1", "softDeletePolicy"],
    ["gcp:storage/bucket:Bucket", "staging-full", "publicAccessPrevention"],
    ["gcp:compute/securityPolicy:SecurityPolicy", "redirector", "rules"],
    ["gcp:cloudrunv2/service:Service", "redirector-us-central1", "ingress"],
  ] as const) {
    it(`${input} of ${name} is missed`, () => {
      const changed = resources.map((one) => {
        if (one.type !== type || one.name !== name) return one;
        const { [input]: _, ...inputs } = one.inputs;
        return { ...one, inputs };
      });
      const [missed, ...others] = leftOut(changed);
      assert.match(missed ?? "", new RegExp(` ${name}: ${input} must be set`));
      assert.deepEqual(others, []);
    });
  }

  it("a name that cannot be changed is in the logical name, so that another name is another resource", () => {
    const fixed = resources.filter(({ type }) => typeFacts(type)?.onChange?.["name"] === "update, then refused");
    assert.ok(fixed.length > 5);
    for (const { name, inputs } of fixed) assert.ok(name.endsWith(String(inputs["name"])), name);
  });
});
