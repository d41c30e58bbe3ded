import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { sdkVersion } from "../../components/plugin/sdk-version.ts";
import { checkInputs } from "../../local/providers/check-inputs.ts";
import { providerFacts, typeFacts } from "../../local/providers/type-facts.ts";
import { everything, manifests } from "../support/graph/fixtures.ts";
import { declare } from "../support/graph/program.ts";

/** Types that the emulation takes as they come, and why. */
const withoutFacts: Readonly<Record<string, string>> = {};

describe("the program against the facts about the real providers", () => {
  it("every type that the program declares has facts, and its inputs pass the real Check", async () => {
    const declared = (await declare(everything, manifests)).filter(
      ({ component, type }) => !component && /^(gcp|aws|cloudflare):/.test(type),
    );
    assert.ok(declared.length > 100);
    const settings = new Set(["region"]);
    const problems = declared.flatMap(({ type, name, inputs }) => {
      const facts = typeFacts(type);
      if (facts === undefined) return type in withoutFacts ? [] : [`${type}: no facts in local/providers/facts`];
      // Mocks do not fill in the name that the engine gives.
      const automatic = Object.keys(facts.properties).includes("name") && inputs["name"] === undefined;
      return checkInputs(facts, automatic ? { ...inputs, name: unnamed } : inputs, settings).map(
        (problem) => `${type} ${name}: ${problem}`,
      );
    });
    assert.deepEqual([...new Set(problems)], []);
  });

  for (const provider of ["gcp", "aws", "cloudflare"]) {
    it(`the facts about ${provider} are of the version that the program uses`, () => {
      assert.equal(
        providerFacts(provider).sdk,
        sdkVersion(provider),
        "measure the new version, then say so in the facts",
      );
    });
  }
});

const unnamed = "automatic";
