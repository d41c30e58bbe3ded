/** What the real providers take without doing what it says: the program gives them no occasion. */
import assert from "node:assert/strict";
import { before, describe, it } from "mocha";
import type { Declared } from "../../local/graph/record-program.ts";
import { everything, manifests } from "../support/graph/fixtures.ts";
import { declare } from "../support/graph/program.ts";

/** A provider takes any text as the policy, and one that it does not know protects nothing. */
function unknownPolicies(resources: readonly Declared[]): string[] {
  return resources
    .filter(({ inputs }) => inputs["deletionPolicy"] !== undefined)
    .filter(({ inputs }) => !["DELETE", "PREVENT", "ABANDON"].includes(String(inputs["deletionPolicy"])))
    .map(({ name, inputs }) => `${name}: ${String(inputs["deletionPolicy"])}`);
}

/** An update to another service leaves what was set for the one before. Where the name tells the service, another one is another resource. */
function unnamedServices(resources: readonly Declared[]): string[] {
  return resources
    .filter(({ type }) => type.endsWith(":IAMAuditConfig"))
    .filter(({ name, inputs }) => !name.endsWith(`-${String(inputs["service"]).replace(".googleapis.com", "")}`))
    .map(({ name, inputs }) => `${name}: ${String(inputs["service"])}`);
}

describe("what the providers take without doing what it says", () => {
  let resources: readonly Declared[];
  before(async () => {
    resources = await declare({ ...everything, "artifacts:protection": true }, manifests);
  });
  const changed = (which: RegExp, inputs: Record<string, unknown>) =>
    resources.map((one) =>
      which.test(`${one.type} ${one.name}`) ? { ...one, inputs: { ...one.inputs, ...inputs } } : one,
    );

  it("a deletion policy is one that there is", () => {
    const kept = resources.filter(({ inputs }) => inputs["deletionPolicy"] === "PREVENT");
    assert.ok(kept.length >= 6, `${kept.length}`);
    assert.deepEqual(unknownPolicies(resources), []);
    const [found] = unknownPolicies(changed(/:Repository images-us-central1$/, { deletionPolicy: "PREVNET" }));
    assert.equal(found, "images-us-central1: PREVNET");
  });

  it("what is logged of a service stands under the service's name", () => {
    const configs = resources.filter(({ type }) => type.endsWith(":IAMAuditConfig"));
    assert.ok(configs.length >= 2, `${configs.length}`);
    assert.deepEqual(unnamedServices(resources), []);
    const [found] = unnamedServices(
      changed(/:IAMAuditConfig identities-audit-storage$/, { service: "iam.googleapis.com" }),
    );
    assert.equal(found, "identities-audit-storage: iam.googleapis.com");
  });
});
