import type { Digest } from "../oci/digest.ts";
import type { Remote } from "../oci/remote.ts";
import type { TagList } from "../oci/tags.ts";
import { settleAll } from "../run/settle-all.ts";
import { findAttachments } from "./attachments.ts";
import type { At, RecordedInventory } from "./recorded-inventory.ts";

/** Of what is attached by tag the lists tell. */
const noTags: TagList = { tags: [], manifests: undefined, children: [], unknown: false, truncated: false };

/**
 * Finds referrers that nobody promoted and that all of Google's registries have: their lists do not say what a manifest refers to, so that one that is in
 * every mirror looks like an image of an index. Asks one mirror for the referrers of each manifest of these digests. What mirrors have differently is found
 * by their lists.
 * @param roots the digests to look at, all of which are wanted.
 * @param readOwners all manifests that wanted digests consist of. Called only for what is not recorded.
 * @param failed called with the error of a mirror that could not be asked.
 */
export async function findAlikeStrays(
  roots: readonly Digest[],
  mirrors: readonly At[],
  {
    parts,
    recorded,
    readOwners,
  }: {
    readonly parts: { of(digest: Digest, at: Remote): Promise<readonly Digest[]> };
    readonly recorded: RecordedInventory;
    readonly readOwners: () => Promise<ReadonlyMap<Digest, unknown>>;
  },
  markIncomplete: (mirror: string, digest: Digest) => void,
  failed: (mirror: string, error: unknown) => void,
): Promise<void> {
  const listed = mirrors.filter(({ holding }) => holding.listed !== undefined);
  await settleAll(
    roots.map(async (root) => {
      const asked = listed.find(({ holding }) => !holding.showsReferrers && holding.digests.has(root));
      if (asked === undefined) return;
      const { at } = asked.holding;
      try {
        for (const attachment of await findAttachments(at, await parts.of(root, at), noTags)) {
          if (!recorded.mayBeStray(attachment)) continue;
          if (!listed.every(({ holding }) => holding.listed!.all.has(attachment.digest))) continue;
          const holders = listed.filter(({ holding }) => holding.digests.has(root));
          if (!(await recorded.isStray(attachment, [root], holders, readOwners))) continue;
          for (const { name } of holders) markIncomplete(name, root);
        }
      } catch (error) {
        at.signal.throwIfAborted();
        failed(asked.name, error);
      }
    }),
  );
}
