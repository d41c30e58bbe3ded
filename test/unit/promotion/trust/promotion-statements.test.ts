import assert from "node:assert/strict";
import { describe, it } from "mocha";
import type { Verdict } from "../../../../components/promotion/trust/policy.ts";
import {
  approvalOf,
  type PromotedContent,
  promotionRecord,
  summaryWithRecord,
  verificationSummary,
} from "../../../../components/promotion/trust/promotion-statements.ts";

const env = { GITHUB_SHA: "c0ffee", GITHUB_REPOSITORY: "example/artifacts", GITHUB_RUN_ID: "7" };
const base = "https://github.com/example/artifacts";

describe("the approval of a promotion", () => {
  const subjects: readonly (readonly [subject: string, pullRequest: string | undefined])[] = [
    ["tool: promote v1 (#12)", `${base}/pull/12`],
    ["Merge pull request #345 from example/v1\n\ntool: promote v1", `${base}/pull/345`],
    ["tool: promote v1 (#12), again", undefined],
    ["tool\n\nreverts (#12)", undefined],
    ["Merge pull request #x", undefined],
  ];
  for (const [message, pullRequest] of subjects)
    it(`${JSON.stringify(message)}: ${pullRequest ?? "no pull request"}`, () =>
      assert.deepEqual(approvalOf(env, { head_commit: { message } }), {
        commit: "c0ffee",
        ...(pullRequest && { pullRequest }),
        run: `${base}/actions/runs/7`,
      }));

  it("nothing outside of GitHub, and no pull request of an event without a commit", () => {
    assert.deepEqual(approvalOf({}, undefined), {});
    for (const event of [undefined, null, {}, { head_commit: null }, { head_commit: { message: 1 } }])
      assert.deepEqual(approvalOf(env, event), { commit: "c0ffee", run: `${base}/actions/runs/7` });
  });
});

describe("the statements of a promotion", () => {
  const [index, amd64, policy, provenance] = ["1", "2", "3", "4"].map((digit) => digit.repeat(64)) as [
    string,
    string,
    string,
    string,
  ];
  const promotion: PromotedContent = {
    resourceUri: "oci://artifacts.example.org/tool/app",
    digests: [`sha256:${index}`, `sha256:${amd64}`],
    source: "oci://staging.example.org/tool/app",
    tags: ["v1"],
    project: "tool",
    time: new Date("2026-11-29T12:00:00.500Z"),
    host: "artifacts.example.org",
    repository: "example/artifacts",
    policy: { path: "manifests/tool/project.yaml", sha256: policy },
    approval: approvalOf(env, { head_commit: { message: "tool: promote v1 (#12)" } }),
    verdict: undefined,
    builtByNamed: false,
    attestations: [{ uri: "oci://artifacts.example.org/tool/app@sha256:4", sha256: provenance }],
  };
  const name = "artifacts.example.org/tool/app";
  const subject = [index, amd64].map((sha256) => ({ name, digest: { sha256 } }));
  const record = {
    project: "tool",
    source: promotion.source,
    tags: ["v1"],
    promotedOn: "2026-11-29T12:00:00Z",
    approvedBy: {
      repository: "https://github.com/example/artifacts",
      commit: "c0ffee",
      pullRequest: `${base}/pull/12`,
      run: `${base}/actions/runs/7`,
    },
  };
  const summary = {
    verifier: { id: "https://github.com/example/artifacts" },
    timeVerified: "2026-11-29T12:00:00Z",
    resourceUri: promotion.resourceUri,
    policy: { uri: `${base}/blob/c0ffee/manifests/tool/project.yaml`, digest: { sha256: policy } },
    inputAttestations: [{ uri: promotion.attestations[0]!.uri, digest: { sha256: provenance } }],
    verificationResult: "PASSED",
    verifiedLevels: ["SLSA_BUILD_LEVEL_UNEVALUATED"],
    slsaVersion: "1.1",
  };
  const _type = "https://in-toto.io/Statement/v1";

  it("the summary: what users pull, by which commit's policy, resting on which attestations", () => {
    const predicateType = "https://slsa.dev/verification_summary/v1";
    assert.deepEqual(verificationSummary(promotion), { _type, subject, predicateType, predicate: summary });
  });

  it("the record: who approved, by commit, pull request and run; from where; when", () => {
    const predicateType = "https://artifacts.example.org/promotion/v1";
    const predicate = { ...record, resourceUri: promotion.resourceUri };
    assert.deepEqual(promotionRecord(promotion), { _type, subject, predicateType, predicate });
  });

  it("both in one statement, for a file", () => {
    const predicate = { ...summary, "https://artifacts.example.org/promotion/v1": record };
    const predicateType = "https://slsa.dev/verification_summary/v1";
    assert.deepEqual(summaryWithRecord(promotion), { _type, subject, predicateType, predicate });
  });

  const says = { by: { signer: { key: "" }, logged: [] }, says: { builder: "https://builder.example.org" } };
  const verdict = (satisfied: boolean, provenance: Verdict["provenance"]): Verdict => ({
    satisfied,
    signatures: [],
    provenance,
    missing: satisfied ? [] : ["a signature"],
  });
  const levels: readonly (readonly [string, Verdict | undefined, boolean, string, string])[] = [
    ["no policy", undefined, false, "PASSED", "SLSA_BUILD_LEVEL_UNEVALUATED"],
    ["no policy, builders named", undefined, true, "PASSED", "SLSA_BUILD_LEVEL_UNEVALUATED"],
    ["signed, without provenance", verdict(true, []), true, "PASSED", "SLSA_BUILD_LEVEL_UNEVALUATED"],
    ["provenance of any builder", verdict(true, [says]), false, "PASSED", "SLSA_BUILD_LEVEL_1"],
    ["provenance of a named builder", verdict(true, [says]), true, "PASSED", "SLSA_BUILD_LEVEL_2"],
    ["something is missing", verdict(false, []), true, "FAILED", "FAILED"],
    ["something beside the provenance is missing", verdict(false, [says]), true, "FAILED", "FAILED"],
  ];
  for (const [what, said, builtByNamed, result, level] of levels)
    it(`${what}: ${result}, ${level}`, () => {
      const { predicate } = verificationSummary({ ...promotion, verdict: said, builtByNamed }) as {
        predicate: typeof summary;
      };
      assert.deepEqual([predicate.verificationResult, predicate.verifiedLevels], [result, [level]]);
    });
});
