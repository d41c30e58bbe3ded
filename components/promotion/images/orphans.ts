import type { Digest } from "../oci/digest.ts";
import { RegistryError } from "../oci/errors.ts";
import { deleteManifest } from "../oci/manifests.ts";
import type { Remote } from "../oci/remote.ts";
import { listTags } from "../oci/tags.ts";
import { findAttachments } from "./attachments.ts";
import { readRemains } from "./tree.ts";

/**
 * Deletes what is left of deleted indexes. Google's registries delete an index before its children, so a run that is killed between the two
 * leaves manifests that only the registry's list of untagged manifests names. Other registries have no such list, and do not need it.
 * @param keep what stays, by {@link keptManifests}.
 * @param present what else the repository has that is not wanted: its own removal deletes, or leaves, what belongs to it.
 */
export async function deleteOrphans(at: Remote, keep: ReadonlySet<Digest>, present: readonly Digest[]): Promise<void> {
  const { manifests } = await listTags(at);
  if (!manifests) return;
  const owned = new Set([...keep, ...present]);
  for (const digest of present) {
    const { digests: parts } = await readRemains([at], digest);
    const attached = await findAttachments(at, parts, undefined);
    for (const part of [...parts, ...attached.map((attachment) => attachment.digest)]) owned.add(part);
  }
  let orphans = [...manifests].filter(([digest, { tags }]) => tags.length === 0 && !owned.has(digest));
  for (let before = orphans.length + 1; orphans.length > 0 && orphans.length < before; ) {
    before = orphans.length;
    const refused: typeof orphans = [];
    for (const orphan of orphans) if (!(await deleteUnlessListed(at, orphan[0]))) refused.push(orphan);
    orphans = refused;
  }
}

/** Whether a manifest was deleted; false: an index there lists it, so it stays as long as that. */
export async function deleteUnlessListed(at: Remote, digest: Digest): Promise<boolean> {
  try {
    await deleteManifest(at, digest);
    return true;
  } catch (error) {
    if (error instanceof RegistryError && error.code.includes("DANGLING_PARENT")) return false;
    throw error;
  }
}
