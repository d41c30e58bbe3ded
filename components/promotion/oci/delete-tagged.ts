import type { Digest } from "./digest.ts";
import { RegistryError } from "./errors.ts";
import { deleteManifest, deleteTag } from "./manifests.ts";
import type { Remote } from "./remote.ts";

/**
 * Deletes a manifest, then its tag: the other way round, a run that is killed between the two would leave a manifest that no tag leads to.
 * @param tag undefined: it has none.
 * @throws RegistryError
 */
export async function deleteTagged(at: Remote, digest: Digest, tag: string | undefined): Promise<void> {
  try {
    await deleteManifest(at, digest);
    if (tag !== undefined) await deleteTag(at, tag);
  } catch (error) {
    // Google's registries require the tags to be deleted first; there the list of untagged manifests leads to it.
    if (tag === undefined || !isTagged(error)) throw error;
    await deleteTag(at, tag);
    try {
      await deleteManifest(at, digest);
    } catch (again) {
      if (!isTagged(again)) throw again; // attached to another digest too, and deleted with that
    }
  }
}

function isTagged(error: unknown): boolean {
  return error instanceof RegistryError && error.code.includes("DANGLING_TAG");
}
