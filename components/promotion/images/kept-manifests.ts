import type { Digest } from "../oci/digest.ts";
import type { Remote } from "../oci/remote.ts";
import { listTags, type TagList } from "../oci/tags.ts";
import { findAttachments } from "./attachments.ts";
import { readRemains, readTree } from "./tree.ts";

/** The mirrors of a wanted digest. */
export interface Whereabouts {
  readonly digest: Digest;
  /** Whether any mirror has it, or a part of it. */
  readonly isPresent: boolean;
  /** Those of these mirrors that are not given up, complete ones first; all mirrors if none has it. */
  readonly mirrors: readonly Remote[];
}

/**
 * The manifests of one image that must stay, whatever is removed: those that wanted digests consist of, and their attachments. Also those of
 * a digest that could not be copied: its children may be in the mirrors only, and the next run then needs them.
 * @throws if they cannot be found for one of the digests.
 */
export async function keptManifests(
  wanted: readonly Whereabouts[],
  staging: Remote | undefined,
): Promise<ReadonlySet<Digest>> {
  const kept = new Set(wanted.map(({ digest }) => digest));
  const lists = new Map<Remote, Promise<TagList>>();
  const attachedAt = async (at: Remote, subjects: readonly Digest[]): Promise<Digest[]> => {
    const list = lists.get(at) ?? listTags(at);
    lists.set(at, list);
    return (await findAttachments(at, subjects, await list)).map(({ digest }) => digest);
  };
  await Promise.all(
    wanted.map(async ({ digest, isPresent, mirrors }) => {
      const parts = await partsOf(digest, isPresent, staging ? [...mirrors, staging] : mirrors);
      const attached = isPresent ? await firstResponse(mirrors, (at) => attachedAt(at, parts)) : [];
      for (const part of [...parts, ...attached]) kept.add(part);
    }),
  );
  return kept;
}

async function partsOf(digest: Digest, isPresent: boolean, sources: readonly Remote[]): Promise<readonly Digest[]> {
  if (isPresent) return (await readTree(sources, digest)).manifests.map((manifest) => manifest.digest);
  return certainRemains(sources, digest);
}

/**
 * What a promoted digest consists of, as far as the sources have it: what is not among it may be deleted.
 * @throws Error if a source that may have some of it cannot be read.
 */
export async function certainRemains(sources: readonly Remote[], digest: Digest): Promise<readonly Digest[]> {
  const { digests, isUncertain } = await readRemains(sources, digest);
  if (isUncertain) throw new Error(`cannot read the manifests of ${digest}, which is to be promoted`);
  return digests;
}

/** The response of the first mirror that gives one. Throws the first mirror's failure if none does. */
async function firstResponse(
  mirrors: readonly Remote[],
  ask: (at: Remote) => Promise<readonly Digest[]>,
): Promise<readonly Digest[]> {
  const failures: unknown[] = [];
  for (const at of mirrors) {
    try {
      return await ask(at);
    } catch (error) {
      at.signal.throwIfAborted();
      failures.push(error);
    }
  }
  if (failures.length > 0) throw failures[0];
  return [];
}
