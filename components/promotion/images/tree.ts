import { causeOf } from "../http/errors.ts";
import type { FailureKind } from "../http/failure-kind.ts";
import type { Blob } from "../oci/blobs.ts";
import type { Digest } from "../oci/digest.ts";
import type { Manifest } from "../oci/manifest.ts";
import { getManifest } from "../oci/manifests.ts";
import type { Remote } from "../oci/remote.ts";
import { TreeLimits } from "./tree-limits.ts";

/** A manifest with everything below it. */
export interface ImageTree {
  readonly root: Manifest;
  /** All manifests, each after those that it lists: the order in which a registry takes them. */
  readonly manifests: readonly Manifest[];
  /** Config and layers of all manifests, each once. */
  readonly blobs: readonly Blob[];
}

/** No source has a digest, as far as they can be read. */
export class AbsentError extends Error {
  readonly digest: Digest;
  /** A source that may have it could not be read. */
  readonly isUncertain: boolean;

  constructor(digest: Digest, why: string, isUncertain: boolean) {
    super(why);
    this.name = "AbsentError";
    this.digest = digest;
    this.isUncertain = isUncertain;
  }

  get failureKind(): FailureKind {
    return this.isUncertain ? "transient" : "permanent";
  }
}

/**
 * Reads a manifest and those that it lists, each from the first source that has it: a child that has expired in staging may still be in a
 * mirror. All are verified by their digests, so every source is as good as any other.
 * @throws AbsentError if a manifest is in no source, or the failure of a source that may have it.
 */
export async function readTree(sources: readonly Remote[], digest: Digest): Promise<ImageTree> {
  const { manifests, blobs } = await read(sources, digest, (absent) => {
    throw absent;
  });
  return { root: manifests.at(-1)!, manifests, blobs };
}

/** What is left of a manifest and those that it lists; its blobs are with the foreign layers, which may have been carried. */
export interface Remains extends Omit<ImageTree, "root"> {
  /** The manifests that no source has; what they list is unknown. */
  readonly lost: readonly Digest[];
  /** The lost and the found, each once. */
  readonly digests: readonly Digest[];
  /** A source that may have one of the lost could not be read. */
  readonly isUncertain: boolean;
}

/** As {@link readTree}, but continues without the manifests that no source has. */
export async function readRemains(sources: readonly Remote[], digest: Digest): Promise<Remains> {
  const absent: AbsentError[] = [];
  const found = await read(sources, digest, (error) => void absent.push(error));
  const lost = absent.map((error) => error.digest);
  return {
    ...found,
    blobs: [...found.blobs, ...found.manifests.flatMap(({ foreign }) => foreign)],
    lost,
    digests: [...new Set([...lost, ...found.manifests.map((manifest) => manifest.digest)])],
    isUncertain: absent.some((error) => error.isUncertain),
  };
}

async function read(
  sources: readonly Remote[],
  digest: Digest,
  leave: (absent: AbsentError) => void,
): Promise<Omit<ImageTree, "root">> {
  const manifests = new Map<Digest, Manifest>();
  const blobs = new Map<Digest, Blob>();
  const limits = new TreeLimits(digest);
  const visit = async (current: Digest, depth: number, parent?: Digest): Promise<void> => {
    limits.admit(1, depth);
    let manifest: Manifest;
    try {
      manifest = await readFromAny(sources, current, parent);
    } catch (error) {
      if (error instanceof AbsentError) return leave(error);
      throw error;
    }
    await Promise.all(manifest.children.map((child) => visit(child.digest, depth + 1, current)));
    manifests.set(current, manifest); // after its children
    for (const blob of manifest.blobs) blobs.set(blob.digest, blob);
  };
  await visit(digest, 0);
  return { manifests: [...manifests.values()], blobs: [...blobs.values()] };
}

async function readFromAny(sources: readonly Remote[], digest: Digest, parent?: Digest): Promise<Manifest> {
  let failure: unknown;
  for (const source of sources) {
    try {
      const manifest = await getManifest(source, digest);
      if (manifest) return manifest;
    } catch (error) {
      source.signal.throwIfAborted();
      failure ??= error;
    }
  }
  const whose = parent === undefined ? "" : `, which ${parent} lists,`;
  const where = sources.map(({ repository }) => `${repository.host}/${repository.name}`).join(", ") || "any place";
  if (failure !== undefined)
    throw new AbsentError(digest, `${digest}${whose} could not be read: ${causeOf(failure)}`, true);
  throw new AbsentError(digest, `${digest}${whose} is not in ${where}`, false);
}
