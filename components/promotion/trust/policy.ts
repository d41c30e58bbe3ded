import { globMatcher } from "../text/glob-matcher.ts";
import { printable } from "../text/printable.ts";
import { type Provenance, readProvenance } from "./provenance.ts";
import { printSigner, type Signer } from "./signer.ts";
import type { Verified } from "./verify-bundle.ts";

/** What a project must prove of what it promotes. Plain data: it survives JSON. */
export interface TrustPolicy {
  /** `require`: what does not satisfy it is not promoted. `warn`: the preview says so. `off`: nothing is looked at. */
  readonly mode: "off" | "warn" | "require";
  /** Whose signatures count. */
  readonly signers: readonly SignerRule[];
  /** What SLSA provenance must say; undefined: it is not asked for. In each list one pattern must match, `*` standing for any characters. */
  readonly provenance?: ProvenanceRule | undefined;
  /** Predicate types of attestations that must be there. */
  readonly predicates: readonly string[];
}

/** One signer: an identity (whole, or a pattern with `*`) that an issuer vouches for, or a public key as PEM. */
export type SignerRule =
  | { readonly identity: string; readonly issuer: string }
  | { readonly identityPattern: string; readonly issuer: string }
  | { readonly key: string };

/** Patterns for the members of {@link Provenance}; an absent list admits anything. */
export interface ProvenanceRule {
  readonly builders?: readonly string[] | undefined;
  readonly sources?: readonly string[] | undefined;
  readonly refs?: readonly string[] | undefined;
  readonly buildTypes?: readonly string[] | undefined;
}

/** What a policy says of one digest. */
export interface Verdict {
  /** Nothing is missing. */
  readonly satisfied: boolean;
  /** Signatures of signers that the policy trusts. */
  readonly signatures: readonly Verified[];
  /** Provenance that satisfies the policy, or, if it asks for none, that a trusted signer signed. */
  readonly provenance: readonly { readonly by: Verified; readonly says: Provenance }[];
  /** What the policy asks for and nothing proves, one line each. */
  readonly missing: readonly string[];
}

/** The predicate of a statement that is only a signature, by cosign 3. */
const signaturePredicate = "https://sigstore.dev/cosign/sign/v1";

/** Whether it is a signature of the content, and no statement about it. */
export function isSignature({ statement }: Verified): boolean {
  return statement === undefined || statement.predicateType === signaturePredicate;
}

/** The public keys of a policy. */
export function keysOf({ signers }: TrustPolicy): string[] {
  return signers.flatMap((rule) => ("key" in rule ? [rule.key] : []));
}

/** Whether a policy trusts a signer. */
export function isTrusted(signer: Signer, signers: readonly SignerRule[]): boolean {
  return signers.some((rule) => {
    if ("key" in rule) return "key" in signer && signer.key === rule.key;
    if ("key" in signer || signer.issuer !== rule.issuer) return false;
    return "identity" in rule
      ? signer.identity === rule.identity
      : globMatcher([rule.identityPattern])(signer.identity);
  });
}

/** Judges what was verified of one digest. Pure. @param verified everything attached to it that verified, whoever signed it. */
export function judge(policy: TrustPolicy, verified: readonly Verified[]): Verdict {
  const trusted = verified.filter(({ signer }) => isTrusted(signer, policy.signers));
  const signatures = trusted.filter(isSignature);
  const missing: string[] = [];
  if (signatures.length === 0) missing.push(`a signature by ${signersOf(policy)}${others(verified, policy)}`);
  const provenances = trusted.flatMap((by) => {
    const says = by.statement && readProvenance(by.statement);
    return says ? [{ by, says }] : [];
  });
  const rule = policy.provenance;
  const reasons = rule && provenances.map(({ says }) => mismatch(rule, says));
  const fitting = reasons ? provenances.filter((_, index) => reasons[index] === undefined) : provenances;
  if (rule && fitting.length === 0) {
    const why = reasons?.find((reason) => reason !== undefined);
    missing.push(`SLSA provenance signed by ${signersOf(policy)}${why === undefined ? "" : `: ${why}`}`);
  }
  const there = new Set(trusted.map(({ statement }) => statement?.predicateType));
  for (const predicate of policy.predicates)
    if (!there.has(predicate)) missing.push(`an attestation of type ${predicate} signed by ${signersOf(policy)}`);
  return { satisfied: missing.length === 0, signatures, provenance: fitting, missing };
}

/** Why provenance does not satisfy a rule; undefined: it does. */
function mismatch(rule: ProvenanceRule, says: Provenance): string | undefined {
  const checks = [
    ["builder", rule.builders, says.builder],
    ["source", rule.sources, says.source],
    ["ref", rule.refs, says.ref],
    ["build type", rule.buildTypes, says.buildType],
  ] as const;
  for (const [what, patterns, value] of checks) {
    if (patterns === undefined || patterns.length === 0) continue;
    if (value === undefined) return `it names no ${what}`;
    if (!globMatcher(patterns)(value)) return `its ${what} is ${printable(value, 200)}`;
  }
  return undefined;
}

function signersOf({ signers }: TrustPolicy): string {
  const names = signers.map((rule) => {
    if ("key" in rule) return "a key of the policy";
    return printable("identity" in rule ? rule.identity : rule.identityPattern, 200);
  });
  return [...new Set(names)].join(" or ") || "anybody that the policy names (it names nobody)";
}

/** Whom somebody has verified signatures of, if nobody else. */
function others(verified: readonly Verified[], { signers }: TrustPolicy): string {
  const names = new Set(
    verified.filter(({ signer }) => !isTrusted(signer, signers)).map(({ signer }) => printSigner(signer)),
  );
  return names.size === 0 ? "" : ` (it is signed by ${[...names].slice(0, 3).join(", ")})`;
}
