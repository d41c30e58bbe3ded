import type { Digest } from "../oci/digest.ts";
import type { Remote } from "../oci/remote.ts";
import { listTags, type TagList } from "../oci/tags.ts";
import { findAttachments } from "./attachments.ts";
import { readRemains, readTree } from "./tree.ts";

/** Where a wanted digest is. */
export interface Whereabouts {
  readonly digest: Digest;
  /** Whether any mirror has it, or a part of it. */
  readonly isPresent: boolean;
  /** Those of these mirrors that can be asked, whole ones first; all mirrors if none has it. */
  readonly mirrors: readonly Remote[];
}

/**
 * The manifests of one image that stay, whatever else they belong to goes: those that wanted digests consist of, and what is attached
 * to them. Also of a digest that could not be copied: what it lists may be in the mirrors only, and the next run then needs it.
 * @throws if it can't be said of one of them.
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
      const attached = isPresent ? await firstAnswer(mirrors, (at) => attachedAt(at, parts)) : [];
      for (const part of [...parts, ...attached]) kept.add(part);
    }),
  );
  return kept;
}

async function partsOf(digest: Digest, isPresent: boolean, sources: readonly Remote[]): Promise<readonly Digest[]> {
  if (isPresent) return (await readTree(sources, digest)).manifests.map((manifest) => manifest.digest);
  const { digests, isUncertain } = await readRemains(sources, digest);
  if (isUncertain) throw new Error(`it could not be read what ${digest}, which is to be promoted, consists of`);
  return digests;
}

/** The answer of the first mirror that gives one. Throws the first one's failure if none does. */
async function firstAnswer(
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
