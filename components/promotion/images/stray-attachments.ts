import { deleteTagged } from "../oci/delete-tagged.ts";
import type { Digest } from "../oci/digest.ts";
import { deleteTag, headManifest } from "../oci/manifests.ts";
import { dropReferrer } from "../oci/referrers.ts";
import type { Remote } from "../oci/remote.ts";
import type { AdmittedAttachment, JudgedAttachments } from "./admitted-attachments.ts";
import { type AttachmentRecord, prefixOf, type RecordedAttachment } from "./attachment-record.ts";
import type { Attachment } from "./attachments.ts";
import { isProof } from "./promotion-proof.ts";

/** What mirrors and staging have attached to a digest, against what is recorded of it. */
export interface AgainstRecord {
  /** What production should have. */
  readonly admitted: readonly AdmittedAttachment[];
  /** Recorded, and in a mirror, though the project's rules do not admit it any more. It stays where it is. */
  readonly tolerated: readonly Attachment[];
  /** In a mirror, but no run brought it and staging does not have it. */
  readonly strays: readonly Attachment[];
  /** In a mirror, no run brought it, and staging did not say whether it has it: it is neither copied nor removed nor recorded. */
  readonly undecided: readonly Attachment[];
  /** Recorded, and nowhere any more. */
  readonly lost: readonly RecordedAttachment[];
}

/**
 * Compares attachments with the record. Pure. Of a digest whose record is not whole nothing is stray. A promotion's own proof never is: `artifacts attest`
 * signs without the stack's state.
 * @param inMirrors what was found in mirrors.
 * @param staged what was found in staging; undefined: staging was not asked, or could not be read.
 */
export function againstRecord(
  record: AttachmentRecord,
  { image, digest }: { readonly image: string; readonly digest: Digest },
  { admitted, refused }: JudgedAttachments,
  inMirrors: readonly Attachment[],
  staged: readonly Attachment[] | undefined,
): AgainstRecord {
  const entry = record.of(image, digest);
  if (entry === undefined) return { admitted, tolerated: [], strays: [], undecided: [], lost: [] };
  const isRecorded = (attachment: Attachment) => record.has(image, digest, attachment.digest);
  const [here, offered] = [inMirrors, staged ?? []].map((all) => new Set(all.map(placeOf)));
  const isStray = (attachment: Attachment) =>
    entry.isWhole && here!.has(placeOf(attachment)) && !isRecorded(attachment);
  const unknown = [
    ...admitted.filter((each) => isStray(each) && !offered!.has(placeOf(each)) && !isProof(each)),
    ...refused.filter((each) => each.isAbsent !== true && isStray(each)),
  ];
  const absent = new Set(refused.filter(({ isAbsent }) => isAbsent).map(placeOf));
  const out = new Set(unknown.map(placeOf));
  return {
    admitted: admitted.filter((each) => !out.has(placeOf(each))),
    tolerated: refused.filter((each) => each.isAbsent !== true && here!.has(placeOf(each)) && isRecorded(each)),
    ...(staged ? { strays: unknown, undecided: [] } : { strays: [], undecided: unknown }),
    lost: lostOf(
      record,
      { image, digest },
      [...inMirrors, ...(staged ?? [])].filter((each) => !absent.has(placeOf(each))),
    ),
  };
}

/** Whether one of the attachments that mirrors have may be stray: then staging has to be asked. Pure. */
export function mayHaveStrays(
  record: AttachmentRecord,
  { image, digest }: { readonly image: string; readonly digest: Digest },
  inMirrors: readonly Attachment[],
): boolean {
  return (
    record.of(image, digest)?.isWhole === true && inMirrors.some((each) => !record.has(image, digest, each.digest))
  );
}

/** What is recorded of a digest, and not among what was found. */
export function lostOf(
  record: AttachmentRecord,
  { image, digest }: { readonly image: string; readonly digest: Digest },
  found: readonly { readonly digest: Digest }[],
): readonly RecordedAttachment[] {
  const prefixes = new Set(found.map((each) => prefixOf(each.digest)));
  return record.of(image, digest)?.attachments.filter(({ prefix }) => !prefixes.has(prefix)) ?? [];
}

/** One attachment in one place: the same content may be under a tag and a referrer. */
export function placeOf({ tag, subject, digest }: Attachment): string {
  return `${tag ?? subject} ${digest}`;
}

/**
 * Removes what nobody promoted from one mirror. Called when what should be there is in place.
 * @param isKept whether a manifest stays, whatever it is attached to: a tag like `sha256-<hex>.sig` may have been put on a promoted image.
 */
export async function removeStrays(
  at: Remote,
  strays: readonly Attachment[],
  isKept: (digest: Digest) => boolean,
): Promise<void> {
  for (const { tag, subject, digest } of strays.toReversed()) {
    const isTagged = tag !== undefined && (await headManifest(at, tag))?.digest === digest;
    if (isKept(digest)) {
      if (isTagged) await deleteTag(at, tag);
      continue;
    }
    if (tag === undefined) await dropReferrer(at, subject, digest);
    await deleteTagged(at, digest, isTagged ? tag : undefined);
  }
}
