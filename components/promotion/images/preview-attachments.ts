import { causeOf } from "../http/errors.ts";
import type { Digest } from "../oci/digest.ts";
import type { Manifest } from "../oci/manifest.ts";
import type { Remote } from "../oci/remote.ts";
import type { TrustSettings } from "../run/request.ts";
import { PolicyError } from "../trust/policy-error.ts";
import { claimOf, provenanceChanges, reportTrust } from "../trust/report.ts";
import { isRequired, unsatisfied } from "../trust/required.ts";
import type { AdmittedAttachment, RefusedAttachment } from "./admitted-attachments.ts";
import { type Attachment, ExcessError } from "./attachments.ts";
import { attachmentsAt, missingBy, stagedAttachments, verifier } from "./copy-image.ts";
import type { Copy } from "./plan.ts";
import { predecessor } from "./predecessor.ts";
import type { ImagesRun } from "./run.ts";
import type { ImageTree } from "./tree.ts";
import type { Verification } from "./verify-attachments.ts";

/** What a preview says of the attachments of one new digest. */
export interface AttachmentsPreview {
  /** `+ signature sha256:... of app:v1`, one for each that production gains. */
  readonly gained: readonly string[];
  /** Who signed it, what built it, what is missing under the project's policy. */
  readonly trust: readonly string[];
  /** Those that stay out, and why. */
  readonly warnings: readonly string[];
  readonly errors: readonly string[];
  /** Those that the run copies. */
  readonly manifests: readonly Manifest[];
}

/** Looks at what staging has attached to a digest that no mirror has yet: exactly that the run brings, as far as it is admitted. */
export async function previewAttachments(
  copy: Copy,
  tree: ImageTree,
  staging: Remote,
  run: ImagesRun,
): Promise<AttachmentsPreview> {
  const name = (subject: Digest) => subjectName(copy, tree, subject);
  try {
    const { admitted, refused } = await stagedAttachments(copy, tree, staging, run);
    const { trust: policy } = run.request;
    const verify = verifier(copy.digest, admitted, [staging], run);
    const verification = policy && (await verify(policy));
    const claims = new Map(verification?.attachments.map((each) => [each.attachment, claimOf(each)]));
    const warnings = refused.map((attachment) => run.failures.line(nameOf(copy), refusal(attachment, name))).sort();
    const missing = verification?.verdict.missing ?? [];
    const unproven = missing.length > 0 ? [run.failures.line(nameOf(copy), new PolicyError(missing).message)] : [];
    const changes = policy && verification ? await changedProvenance(copy, verification, run, policy) : [];
    warnings.push(...changes.map((change) => run.failures.line(nameOf(copy), change)));
    if (policy?.mode === "warn") warnings.push(...unproven);
    const isNew = isRequired(run.request) && !(await isInProduction(copy, run));
    const errors = isNew ? await unsatisfied(run.request, missingBy(verify)) : [];
    return {
      gained: admitted
        .filter((attachment) => !run.record.has(copy.image, copy.digest, attachment.digest)) // a repair: production had it
        .map((attachment) => gain(attachment, name) + (claims.get(attachment) ?? ""))
        .sort(),
      trust: verification ? reportTrust(name(copy.digest), verification.verdict) : [],
      warnings,
      errors: errors.map((error) => run.failures.line(nameOf(copy), error.message)),
      manifests: admitted.map(({ manifest }) => manifest),
    };
  } catch (error) {
    run.context.signal.throwIfAborted();
    const line = (what: string) => [run.failures.line(nameOf(copy), what)];
    const none = { gained: [], trust: [], manifests: [] };
    if (error instanceof ExcessError)
      return { ...none, warnings: [], errors: line(`${error.message}: remove some of them from staging`) };
    // Staging may be gone while a mirror has the digest: the run decides.
    const unread = line(`what is attached to it could not be read: ${causeOf(error)}`);
    const required = isRequired(run.request);
    return { ...none, warnings: required ? [] : unread, errors: required ? unread : [] };
  }
}

/** Whether mirrors have the digest already: a first run adopts what they have, which is not promoted, and no policy is asked. */
export async function isInProduction({ image, digest, mirrors, incomplete }: Copy, run: ImagesRun): Promise<boolean> {
  if (incomplete.length > 0) return true;
  const [first] = mirrors.map((name) => run.mirrors.get(name)!);
  if (first === undefined) return false;
  return run.siblings(first, image, digest).length > 0 || (await first.lookup(image).has(digest));
}

/** What built the version before, if that is known, and something else built this one. */
async function changedProvenance(
  copy: Copy,
  { verdict }: Verification,
  run: ImagesRun,
  policy: TrustSettings,
): Promise<string[]> {
  const before = predecessor(copy, run);
  const now = verdict.provenance[0]?.says;
  const [at] = before?.places ?? [];
  if (before === undefined || now === undefined || at === undefined) return [];
  const { admitted } = await attachmentsAt(before.digest, at, run);
  const old = (await verifier(before.digest, admitted, [at], run)(policy)).verdict.provenance[0]?.says;
  return provenanceChanges(old, now).map((change) => `${change}, compared with ${before.tag}`);
}

function gain({ kind, digest, subject }: AdmittedAttachment, name: (subject: Digest) => string): string {
  return `+ ${kind} ${digest} of ${name(subject)}`;
}

function refusal(attachment: RefusedAttachment, name: (subject: Digest) => string): string {
  const { digest, subject, refusal } = attachment;
  return `${wayOf(attachment)} ${digest} of ${name(subject)} stays out: ${refusal}`;
}

function wayOf({ tag }: Attachment): string {
  return tag === undefined ? "the referrer" : `the tag ${tag.slice(tag.lastIndexOf("."))} on`;
}

/** `app:v1` for the digest itself, `linux/arm64 of app:v1` for an image that it lists, the digest for anything else. */
function subjectName(copy: Copy, { root }: ImageTree, subject: Digest): string {
  const { image, digest, tags } = copy;
  const whole = tags.length > 0 ? `${image}:${tags[0]}` : `${image}@${digest}`;
  if (subject === digest) return whole;
  const platform = root.children.find((child) => child.digest === subject)?.platform;
  return `${platform ?? subject} of ${whole}`;
}

function nameOf({ image, digest, tags }: Copy): string {
  return tags.length > 0 ? `${image}:${tags[0]} ${digest}` : `${image}@${digest}`;
}
