import type { Digest } from "../oci/digest.ts";
import { subjectOfTag } from "../text/oci-grammar.ts";
import { addAttached } from "./attachments.ts";
import type { Holding } from "./holding.ts";

/**
 * A mirror that has lost a wanted digest still has its images, its signatures and their signatures. In that mirror alone they look like
 * something that nobody wants; the other mirrors, which have the digest, know whose they are. Takes them out of what the mirror has in
 * addition: the next run needs them, and a removal would take away what it has just completed.
 * @param wanted the wanted digests of the image.
 * @param readOwners all manifests that wanted digests consist of, by the mirrors that have them. Called only if something has to be claimed.
 */
export async function claimForOwners(
  mirrors: readonly { readonly holding: Holding }[],
  wanted: readonly Digest[],
  readOwners: () => Promise<ReadonlyMap<Digest, unknown>>,
): Promise<void> {
  const roots = new Set(wanted);
  const isExtra = (digest: Digest) => !roots.has(digest);
  if (!mirrors.some(({ holding }) => [...holding.digests.keys()].some(isExtra))) return;
  const owned = new Set<Digest>([...roots, ...(await readOwners()).keys()]);
  const attachments = mirrors.flatMap(({ holding }) => [
    ...holding.attached,
    ...[...holding.digests].flatMap(([digest, tags]) =>
      [...tags].map((tag) => ({ subject: subjectOfTag(tag), digest })),
    ),
  ]);
  addAttached(owned, attachments);
  for (const { holding } of mirrors) {
    for (const [digest, tags] of [...holding.digests].filter(([digest]) => isExtra(digest))) {
      for (const tag of tags) {
        const subject = subjectOfTag(tag);
        if (subject === undefined || !owned.has(subject)) continue;
        tags.delete(tag);
        // A tag without a suffix is the list of referrers.
        if (tag.includes(".")) holding.attached.push({ tag, digest, subject });
      }
      if (tags.size === 0 && owned.has(digest)) holding.digests.delete(digest);
    }
  }
}
