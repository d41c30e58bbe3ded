import type { Digest } from "../oci/digest.ts";
import { RegistryError } from "../oci/errors.ts";
import { deleteManifest } from "../oci/manifests.ts";
import type { Remote } from "../oci/remote.ts";
import { listTags } from "../oci/tags.ts";
import { findAttachments } from "./attachments.ts";
import { readRemains } from "./tree.ts";

/**
 * Deletes what is left of indexes that are gone. Google's registries delete an index before what it lists, so that a run that dies between the
 * two leaves manifests that nothing names any more but their list of all that has no tag. Other registries have no such list, and need none.
 * @param keep what stays, by {@link keptManifests}.
 * @param present what else the repository has that is not wanted: what belongs to it is for its own removal to delete, or to leave.
 */
export async function deleteOrphans(at: Remote, keep: ReadonlySet<Digest>, present: readonly Digest[]): Promise<void> {
  const { manifests } = await listTags(at);
  if (!manifests) return;
  const spoken = new Set([...keep, ...present]);
  for (const digest of present) {
    const { digests: parts } = await readRemains([at], digest);
    const attached = await findAttachments(at, parts, undefined);
    for (const part of [...parts, ...attached.map((attachment) => attachment.digest)]) spoken.add(part);
  }
  let orphans = [...manifests].filter(([digest, { tags }]) => tags.length === 0 && !spoken.has(digest));
  for (let before = orphans.length + 1; orphans.length > 0 && orphans.length < before; ) {
    before = orphans.length;
    const refused: typeof orphans = [];
    for (const orphan of orphans) if (!(await deleteUnlessListed(at, orphan[0]))) refused.push(orphan);
    orphans = refused;
  }
}

/** Whether a manifest is gone; false: an index there lists it, so that it has to stay as long as that. */
export async function deleteUnlessListed(at: Remote, digest: Digest): Promise<boolean> {
  try {
    await deleteManifest(at, digest);
    return true;
  } catch (error) {
    if (error instanceof RegistryError && error.code.includes("DANGLING_PARENT")) return false;
    throw error;
  }
}
