import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { type EffectiveTrust, trustSettings } from "../../../components/manifests/trust-settings.ts";
import type { DeclaredTrust, StackTrust } from "../../../components/stack/trust-format.ts";

const issuer = "https://token.actions.githubusercontent.com";
const ours = { identity: "https://github.com/example/tool", issuer };
const theirs = { identityPattern: "https://github.com/organisation/*", issuer };
const whole: EffectiveTrust = { mode: "warn", signers: [], predicates: [], trustedRoot: "" };

describe("the policy that holds for a project", () => {
  const cases: [string, DeclaredTrust | undefined, StackTrust | undefined, EffectiveTrust | undefined][] = [
    ["none, when nobody asks", undefined, undefined, undefined],
    ["its own", { mode: "require", signers: [ours] }, undefined, { ...whole, mode: "require", signers: [ours] }],
    ["off", { mode: "off", signers: [ours] }, undefined, undefined],
    ["the stack's, when it has none", undefined, { mode: "warn", signers: [theirs] }, { ...whole, signers: [theirs] }],
    [
      "the stack's mode, when its own asks for less",
      { mode: "off", signers: [ours] },
      { mode: "require" },
      { ...whole, mode: "require", signers: [ours] },
    ],
    [
      "its own mode, when that asks for more",
      { mode: "require" },
      { mode: "warn", signers: [theirs] },
      { ...whole, mode: "require", signers: [theirs] },
    ],
    [
      "the predicates of both, and the stack's roots",
      { mode: "warn", predicates: ["https://a.example", "https://b.example"] },
      { mode: "warn", predicates: ["https://a.example"], trustedRoot: "root.json" },
      { ...whole, predicates: ["https://a.example", "https://b.example"], trustedRoot: "root.json" },
    ],
    [
      "the stack's provenance, when it asks for none",
      { mode: "warn" },
      { mode: "off", provenance: { refs: ["refs/tags/*"] } },
      { ...whole, provenance: { refs: ["refs/tags/*"] } },
    ],
  ];
  for (const [name, project, stack, trust] of cases)
    it(name, () => assert.deepEqual(trustSettings(project ? { trust: project } : {}, stack), trust ? { trust } : {}));
});
