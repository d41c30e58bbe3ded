import { hexOf } from "../text/oci-grammar.ts";
import type { Verdict } from "./policy.ts";

/** What was promoted, and how. */
export interface PromotedContent {
  /** What users pull: `oci://artifacts.example.org/tool/app`, `https://artifacts.example.org/binaries/tool/v1/tool`. */
  readonly resourceUri: string;
  /** Digests that it has, `sha256:<hex>`: of an image the index first, then the images of its platforms. */
  readonly digests: readonly string[];
  /** Where it came from. */
  readonly source: string;
  /** Names under which it is promoted. */
  readonly tags: readonly string[];
  readonly project: string;
  readonly time: Date;
  /** The host that users pull from. */
  readonly host: string;
  /** Who verified: the stack's repository. */
  readonly repository: string;
  readonly policy: { readonly path: string; readonly sha256: string };
  readonly approval: Approval;
  /** What the policy says; undefined: the project has none. */
  readonly verdict: Verdict | undefined;
  /** Whether the policy names the builders: then provenance is not only what a project says of itself. */
  readonly builtByNamed: boolean;
  /** The attestations that the verdict rests on: where each is, and its hex digest. */
  readonly attestations: readonly { readonly uri: string; readonly sha256: string }[];
}

/** Who let it in: what GitHub says of the run, as far as there is one. */
export interface Approval {
  readonly commit?: string;
  readonly pullRequest?: string;
  readonly run?: string;
}

/** The predicate type of a promotion record, which docs/verifying.md describes. An organisation names it by the host that it owns. */
export function promotionRecordType(host: string): string {
  return `https://${host}/promotion/v1`;
}

/** Who verifies, in a verification summary: the stack's repository, `owner/name`. */
export function verifierOf(repository: string): string {
  return `https://github.com/${repository}`;
}

/** The predicate type of a verification summary. */
export const summaryType = "https://slsa.dev/verification_summary/v1";

/** A SLSA Verification Summary (slsa.dev/spec/v1.1/verification_summary) as an in-toto statement. */
export function verificationSummary(promotion: PromotedContent): object {
  return statement(promotion, summaryType, summaryOf(promotion));
}

/**
 * A verification summary with the promotion record inside, under the record's type as an extension field (in-toto/attestation, spec/v1, "Parsing
 * rules"): a file has one bundle of one statement beside it, because tools read one from a file.
 */
export function summaryWithRecord(promotion: PromotedContent): object {
  const { resourceUri, ...record } = recordOf(promotion);
  return statement(promotion, summaryType, { ...summaryOf(promotion), [promotionRecordType(promotion.host)]: record });
}

function summaryOf(promotion: PromotedContent) {
  const { repository, policy, approval, verdict, resourceUri, time, attestations } = promotion;
  const isPassed = verdict?.satisfied !== false;
  return {
    verifier: { id: verifierOf(repository) },
    timeVerified: timestamp(time),
    resourceUri,
    policy: {
      uri: `https://github.com/${repository}/blob/${approval.commit ?? "HEAD"}/${policy.path}`,
      digest: { sha256: policy.sha256 },
    },
    inputAttestations: attestations.map(({ uri, sha256 }) => ({ uri, digest: { sha256 } })),
    verificationResult: isPassed ? "PASSED" : "FAILED",
    verifiedLevels: isPassed ? levels(promotion) : ["FAILED"],
    slsaVersion: "1.1",
  };
}

/** What was promoted from where, when, and by whose approval, as an in-toto statement. */
export function promotionRecord(promotion: PromotedContent): object {
  return statement(promotion, promotionRecordType(promotion.host), recordOf(promotion));
}

function recordOf({ project, source, resourceUri, tags, time, approval, repository }: PromotedContent) {
  return {
    project,
    source,
    resourceUri,
    ...(tags.length > 0 && { tags }),
    promotedOn: timestamp(time),
    approvedBy: { repository: `https://github.com/${repository}`, ...approval },
  };
}

/**
 * Only what was verified. Provenance that one of the policy's signers signed, of one of the builders that the policy names, is level 2: a hosted
 * builder signed it. Without named builders it is level 1.
 */
function levels({ verdict, builtByNamed }: PromotedContent): string[] {
  if (verdict === undefined || verdict.provenance.length === 0) return ["SLSA_BUILD_LEVEL_UNEVALUATED"];
  return [builtByNamed ? "SLSA_BUILD_LEVEL_2" : "SLSA_BUILD_LEVEL_1"];
}

function statement({ digests, resourceUri }: PromotedContent, predicateType: string, predicate: object): object {
  const name = resourceUri.replace(/^[a-z]+:\/\//, "");
  return {
    _type: "https://in-toto.io/Statement/v1",
    subject: digests.map((digest) => ({ name, digest: { sha256: hexOf(digest) } })),
    predicateType,
    predicate,
  };
}

/** RFC 3339, in seconds. */
export function timestamp(time: Date): string {
  return `${time.toISOString().slice(0, 19)}Z`;
}

/**
 * What GitHub's environment says of the run. The pull request is the one that the commit's subject names, `(#12)` or `Merge pull request #12`.
 * @param event the JSON of the event that started the workflow.
 */
export function approvalOf(env: Readonly<Record<string, string | undefined>>, event: unknown): Approval {
  const { GITHUB_SHA, GITHUB_RUN_ID, GITHUB_REPOSITORY, GITHUB_SERVER_URL = "https://github.com" } = env;
  if (GITHUB_SHA === undefined || GITHUB_REPOSITORY === undefined) return {};
  const base = `${GITHUB_SERVER_URL}/${GITHUB_REPOSITORY}`;
  const commit = (event as { head_commit?: { message?: unknown } } | null | undefined)?.head_commit;
  const subject = typeof commit?.message === "string" ? commit.message.split("\n")[0]! : "";
  const number = /^Merge pull request #(\d{1,9})\b/.exec(subject)?.[1] ?? /\(#(\d{1,9})\)$/.exec(subject)?.[1];
  return {
    commit: GITHUB_SHA,
    ...(number !== undefined && { pullRequest: `${base}/pull/${number}` }),
    ...(GITHUB_RUN_ID !== undefined && { run: `${base}/actions/runs/${GITHUB_RUN_ID}` }),
  };
}
