import type { Digest } from "../oci/digest.ts";
import { headManifest } from "../oci/manifests.ts";
import { fallbackTag, listReferrers } from "../oci/referrers.ts";
import type { Remote } from "../oci/remote.ts";
import type { TagList } from "../oci/tags.ts";

/** Something that is attached to a digest and copied with it: a signature, an attestation, an SBOM. */
export interface Attachment {
  readonly subject: Digest;
  /** By cosign's convention a tag names the subject; undefined: an OCI referrer, which names its subject itself. */
  readonly tag?: string;
  readonly digest: Digest;
}

/** The tags that cosign derives from a digest: `sha256-<hex>.sig`. */
function cosignTags(digest: Digest): string[] {
  return [".sig", ".att", ".sbom"].map((suffix) => fallbackTag(digest) + suffix);
}

/** Adds to digests what is attached to them, and what is attached to that, in whatever order it is listed. */
export function addAttached(
  digests: Set<Digest>,
  attachments: Iterable<{ readonly subject: Digest | undefined; readonly digest: Digest }>,
): void {
  for (let before = -1; before !== digests.size; ) {
    before = digests.size;
    for (const { subject, digest } of attachments) {
      if (subject !== undefined && digests.has(subject)) digests.add(digest);
    }
  }
}

/** A digest has more attachments than are published. */
export class ExcessError extends Error {
  readonly failureKind = "permanent";
}

/** Attachments may have attachments (a signature of an SBOM); a longer chain is a mistake. */
const deepest = 16;
const mostAttachments = 1_000;

/**
 * Finds what is attached to digests in one repository, and to that in turn; attachments come after what they are attached to.
 * @param tags the repository's tags, if the list is complete: then no request is made for a tag that does not exist.
 * @throws ExcessError where a chain or the number is longer than the limit: nothing is left out silently.
 */
export async function findAttachments(
  at: Remote,
  subjects: readonly Digest[],
  tags: TagList | undefined,
): Promise<Attachment[]> {
  const known = tags && !tags.truncated ? new Set(tags.tags) : undefined;
  const found: Attachment[] = [];
  const seen = new Set<Digest>(subjects);
  let level = subjects;
  for (let depth = 0; level.length > 0; depth++) {
    // Tags can form a cycle; a subject is not an attachment of itself.
    const next = (await Promise.all(level.map((subject) => attachedTo(at, subject, known))))
      .flat()
      .filter(({ digest }) => !subjects.includes(digest));
    level = [...new Set(next.map(({ digest }) => digest))].filter((digest) => !seen.has(digest));
    for (const digest of level) seen.add(digest);
    found.push(...next);
    if (depth === deepest && level.length > 0)
      throw new ExcessError(`${level[0]} is in a chain of more than ${deepest} attachments of attachments`);
    if (found.length > mostAttachments)
      throw new ExcessError(`more than ${mostAttachments} signatures and attestations`);
  }
  return found;
}

async function attachedTo(at: Remote, subject: Digest, known: ReadonlySet<string> | undefined): Promise<Attachment[]> {
  const tagged = cosignTags(subject)
    .filter((tag) => known?.has(tag) ?? true)
    .map(async (tag): Promise<Attachment[]> => {
      const head = await headManifest(at, tag);
      return head ? [{ subject, tag, digest: head.digest }] : [];
    });
  const [byTag, referrers] = await Promise.all([Promise.all(tagged), listReferrers(at, subject, known)]);
  return [...byTag.flat(), ...referrers.map((digest) => ({ subject, digest }))];
}
