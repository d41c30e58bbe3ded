import { printable } from "../text/printable.ts";
import type { Verdict } from "./policy.ts";
import { type Provenance, readProvenance } from "./provenance.ts";
import { printSigner } from "./signer.ts";
import type { Verified } from "./verify-bundle.ts";

/** The answer to a reviewer's question about something new, one line each: who signed it, built by what from what, and what is missing. */
export function reportTrust(name: string, verdict: Verdict): string[] {
  const lines = verdict.signatures.map((signature) => `${name}: signed by ${signedBy(signature)}`);
  for (const { by, says } of verdict.provenance)
    lines.push(`${name}: built ${builtBy(says)}; says ${printSigner(by.signer)}${when(by)}`);
  return [...new Set(lines), ...verdict.missing.map((what) => `${name}: missing: ${what}`)];
}

/** One signature or statement for people: `signed by ...`, `built by ...`, `https://spdx.dev/Document, says ...`. */
export function printVerified(verified: Verified): string {
  const { statement } = verified;
  if (statement === undefined) return `signed by ${signedBy(verified)}`;
  const says = readProvenance(statement);
  if (says !== undefined) return `built ${builtBy(says)}; says ${signedBy(verified)}`;
  return `${printable(statement.predicateType, 200)}, says ${signedBy(verified)}`;
}

/** `by <identity>`, or why it is not verified, for the line of an attachment. */
export function claimOf({
  verified,
  refusals,
}: {
  readonly verified: readonly Verified[];
  readonly refusals: readonly string[];
}): string {
  const [first] = verified;
  if (first !== undefined) return ` by ${printSigner(first.signer)}`;
  return `, not verified: ${refusals[0] ?? "it has no content"}`;
}

/** What changed in the provenance against the version before; nothing where one of them has none. */
export function provenanceChanges(before: Provenance | undefined, now: Provenance | undefined): string[] {
  if (before === undefined || now === undefined) return [];
  const changes = [
    ["builder", before.builder, now.builder],
    ["repository", before.source, now.source],
    ["workflow", before.workflow, now.workflow],
  ] as const;
  return changes
    .filter(([, old, fresh]) => old !== fresh)
    .map(([what, old, fresh]) => `another ${what}: ${shown(fresh)} in place of ${shown(old)}`);
}

function signedBy(signature: Verified): string {
  const { signer } = signature;
  if ("key" in signer) return `${printSigner(signer)}${when(signature)}`;
  const { repository, commit, ref, run } = signer.build;
  const from = repository === undefined ? "" : `, from ${shown(repository)}${at(ref, commit)}`;
  return `${printSigner(signer)}${from}${run === undefined ? "" : `, run ${shown(run)}`}${when(signature)}`;
}

function builtBy({ builder, source, ref, commit, workflow }: Provenance): string {
  const parts = [
    `by ${shown(builder)}`,
    ...(workflow === undefined ? [] : [`with ${shown(workflow)}`]),
    `from ${shown(source)}${at(ref, commit)}`,
  ];
  return parts.join(" ");
}

function at(ref: string | undefined, commit: string | undefined): string {
  return `${ref === undefined ? "" : ` ${shown(ref)}`}${commit === undefined ? "" : ` (${shown(commit)})`}`;
}

function when({ time, logged }: Verified): string {
  const at = time === undefined ? "" : ` at ${time.toISOString().replace(".000Z", "Z")}`;
  return `${at}${logged.length === 0 ? ", in no log" : `, logged in ${logged.map((log) => printable(log, 100)).join(", ")}`}`;
}

function shown(text: string | undefined): string {
  return text === undefined ? "(not said)" : printable(text, 200);
}
