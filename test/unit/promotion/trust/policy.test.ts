import assert from "node:assert/strict";
import { describe, it } from "mocha";
import {
  isTrusted,
  judge,
  keysOf,
  type SignerRule,
  type TrustPolicy,
} from "../../../../components/promotion/trust/policy.ts";
import { readProvenance } from "../../../../components/promotion/trust/provenance.ts";
import type { Signer } from "../../../../components/promotion/trust/signer.ts";
import type { Verified } from "../../../../components/promotion/trust/verify-bundle.ts";

const issuer = "https://token.actions.githubusercontent.com";
const workflow = "https://github.com/example/tool/.github/workflows/release.yml@refs/tags/v1";
const signer: Signer = { identity: workflow, issuer, build: {} };
const stranger: Signer = {
  identity: "https://github.com/evil/tool/.github/workflows/release.yml@refs/tags/v1",
  issuer,
  build: {},
};
const byKey: Signer = { key: "KEY" };

const signed = (by: Signer): Verified => ({ signer: by, logged: [] });
const stated = (by: Signer, predicateType: string, predicate: Record<string, unknown> = {}): Verified => ({
  signer: by,
  logged: [],
  statement: { predicateType, predicate },
});
const provenance = (
  by: Signer,
  source = "https://github.com/example/tool",
  builder = "https://github.com/actions/runner",
) =>
  stated(by, "https://slsa.dev/provenance/v1", {
    buildDefinition: {
      buildType: "https://actions.github.io/buildtypes/workflow/v1",
      externalParameters: {
        workflow: { repository: source, ref: "refs/tags/v1", path: ".github/workflows/release.yml" },
      },
      resolvedDependencies: [{ uri: `git+${source}@refs/tags/v1`, digest: { gitCommit: "c0ffee" } }],
    },
    runDetails: { builder: { id: builder } },
  });
const policy = (more: Partial<TrustPolicy> = {}): TrustPolicy => ({
  mode: "require",
  signers: [{ identity: workflow, issuer }],
  predicates: [],
  ...more,
});

describe("whether a signer is trusted", () => {
  const cases: [string, Signer, SignerRule, boolean][] = [
    ["the identity", signer, { identity: workflow, issuer }, true],
    ["another identity", stranger, { identity: workflow, issuer }, false],
    ["another issuer", signer, { identity: workflow, issuer: "https://accounts.google.com" }, false],
    ["a pattern", signer, { identityPattern: "https://github.com/example/tool/*@refs/tags/*", issuer }, true],
    [
      "a pattern of another repository",
      stranger,
      { identityPattern: "https://github.com/example/tool/*", issuer },
      false,
    ],
    [
      "a pattern is anchored",
      { ...signer, identity: `x${workflow}` },
      { identityPattern: "https://github.com/example/*", issuer },
      false,
    ],
    ["an identity is no pattern", signer, { identity: "https://github.com/example/*", issuer }, false],
    ["a key", byKey, { key: "KEY" }, true],
    ["another key", byKey, { key: "OTHER" }, false],
    ["an identity is no key", signer, { key: "KEY" }, false],
    ["a key is no identity", byKey, { identity: workflow, issuer }, false],
  ];
  for (const [name, who, rule, is] of cases) it(name, () => assert.equal(isTrusted(who, [rule]), is));

  it("no signer, if none is named", () => assert.equal(isTrusted(signer, []), false));
});

describe("what a policy finds missing", () => {
  const cases: [string, TrustPolicy, Verified[], RegExp[]][] = [
    ["nothing, of a signature by the signer", policy(), [signed(signer)], []],
    [
      "nothing, of a statement that signs (cosign 3)",
      policy(),
      [stated(signer, "https://sigstore.dev/cosign/sign/v1")],
      [],
    ],
    [
      "a signature, when there is none",
      policy(),
      [],
      [/^a signature by https:\/\/github\.com\/example\/tool\/.*@refs\/tags\/v1$/],
    ],
    [
      "a signature, when somebody else signed",
      policy(),
      [signed(stranger)],
      [/\(it is signed by https:\/\/github\.com\/evil\/tool/],
    ],
    [
      "a signature, when only an attestation is signed",
      policy(),
      [stated(signer, "https://spdx.dev/Document")],
      [/^a signature by/],
    ],
    [
      "a predicate",
      policy({ predicates: ["https://spdx.dev/Document"] }),
      [signed(signer), stated(stranger, "https://spdx.dev/Document")],
      [/^an attestation of type https:\/\/spdx\.dev\/Document signed by/],
    ],
    [
      "nothing, of a predicate that the signer signed",
      policy({ predicates: ["https://spdx.dev/Document"] }),
      [signed(signer), stated(signer, "https://spdx.dev/Document")],
      [],
    ],
    ["provenance", policy({ provenance: {} }), [signed(signer)], [/^SLSA provenance signed by .*v1$/]],
    ["nothing, of any provenance by the signer", policy({ provenance: {} }), [signed(signer), provenance(signer)], []],
    [
      "provenance by somebody else",
      policy({ provenance: {} }),
      [signed(signer), provenance(stranger)],
      [/^SLSA provenance/],
    ],
    [
      "provenance of another source",
      policy({ provenance: { sources: ["https://github.com/example/*"] } }),
      [signed(signer), provenance(signer, "https://github.com/evil/tool")],
      [/: its source is https:\/\/github\.com\/evil\/tool$/],
    ],
    [
      "provenance of another builder",
      policy({ provenance: { builders: ["https://github.com/actions/runner"] } }),
      [signed(signer), provenance(signer, undefined, "https://evil.example")],
      [/: its builder is https:\/\/evil\.example$/],
    ],
    [
      "provenance that names no ref",
      policy({ provenance: { refs: ["refs/tags/*"] } }),
      [signed(signer), stated(signer, "https://slsa.dev/provenance/v1", {})],
      [/: it names no ref$/],
    ],
    [
      "nothing, of one provenance among several that fits",
      policy({ provenance: { sources: ["https://github.com/example/tool"], refs: ["refs/tags/*"] } }),
      [signed(signer), provenance(signer, "https://github.com/evil/tool"), provenance(signer)],
      [],
    ],
    [
      "everything, when nobody is trusted",
      policy({ signers: [] }),
      [signed(signer)],
      [/^a signature by anybody that the policy names/],
    ],
  ];
  for (const [name, given, verified, missing] of cases)
    it(name, () => {
      const verdict = judge(given, verified);
      assert.equal(verdict.missing.length, missing.length, verdict.missing.join("\n"));
      for (const [index, line] of missing.entries()) assert.match(verdict.missing[index]!, line);
      assert.equal(verdict.satisfied, missing.length === 0);
    });

  it("includes the keys of its signers", () =>
    assert.deepEqual(keysOf(policy({ signers: [{ key: "A" }, { key: "B" }] })), ["A", "B"]));
});

describe("provenance", () => {
  it("v1", () =>
    assert.deepEqual(readProvenance(provenance(signer).statement!), {
      builder: "https://github.com/actions/runner",
      buildType: "https://actions.github.io/buildtypes/workflow/v1",
      source: "https://github.com/example/tool",
      ref: "refs/tags/v1",
      commit: "c0ffee",
      workflow: ".github/workflows/release.yml",
    }));
  it("v0.2", () => {
    const predicate = {
      builder: { id: "https://github.com/slsa-framework/slsa-github-generator/x@refs/tags/v1.9.0" },
      buildType: "https://github.com/slsa-framework/slsa-github-generator/generic@v1",
      invocation: {
        configSource: {
          uri: "git+https://github.com/example/tool@refs/tags/v1",
          digest: { sha1: "c0ffee" },
          entryPoint: ".github/workflows/release.yml",
        },
      },
    };
    assert.deepEqual(readProvenance({ predicateType: "https://slsa.dev/provenance/v0.2", predicate }), {
      builder: predicate.builder.id,
      buildType: predicate.buildType,
      source: "https://github.com/example/tool",
      ref: "refs/tags/v1",
      commit: "c0ffee",
      workflow: ".github/workflows/release.yml",
    });
  });
  it("none for a statement of another type", () =>
    assert.equal(readProvenance({ predicateType: "https://spdx.dev/Document", predicate: {} }), undefined));
});
