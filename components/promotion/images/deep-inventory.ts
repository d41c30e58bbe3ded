import { headBlob } from "../oci/blobs.ts";
import type { Digest } from "../oci/digest.ts";
import type { Descriptor } from "../oci/manifest.ts";
import { getManifest } from "../oci/manifests.ts";
import { settleAll } from "../run/settle-all.ts";
import { addAttached } from "./attachments.ts";
import type { Holding } from "./holding.ts";
import { readRemains } from "./tree.ts";

/** A blob that a mirror has not, or not of the size that the manifest says, though it has a digest that needs it. */
export interface LostBlob {
  readonly root: Digest;
  readonly blob: Digest;
  readonly mirror: string;
  /** "is missing", or the size that it has. */
  readonly what: string;
}

/**
 * Asks the mirrors of an image for every blob of its digests and of what is attached to them. A registry's lists name manifests only: one
 * that has lost a layer looks whole until somebody pulls. A foreign layer is needed where another mirror has it.
 * @param roots the digests to look at, all of which are wanted.
 * @param failed called with the error of a mirror that could not be asked.
 */
export async function findLostBlobs(
  roots: readonly Digest[],
  mirrors: readonly { readonly name: string; readonly holding: Holding }[],
  failed: (mirror: string, error: unknown) => void,
): Promise<LostBlob[]> {
  const blobs = new Map<Digest, Promise<readonly Descriptor[]>>();
  const found = await settleAll(
    mirrors.map(async ({ name, holding }) => {
      try {
        const asked = new Map<Digest, ReturnType<typeof headBlob>>();
        const head = (digest: Digest) => {
          const known = asked.get(digest) ?? headBlob(holding.at, digest);
          asked.set(digest, known);
          return known;
        };
        const present = roots.filter((root) => holding.digests.has(root));
        const lost = await settleAll(
          present.map(async (root) => {
            const read = blobs.get(root) ?? blobsOf(root, holding);
            blobs.set(root, read);
            const needed = await read;
            const heads = await settleAll(needed.map(({ digest }) => head(digest)));
            return needed.map((blob, index) => ({ root, blob, mirror: name, has: heads[index] }));
          }),
        );
        return lost.flat();
      } catch (error) {
        holding.at.signal.throwIfAborted();
        failed(name, error);
        return [];
      }
    }),
  );
  const all = found.flat();
  const carried = new Set(all.filter(({ has }) => has !== undefined).map(({ blob }) => blob.digest));
  return all.flatMap(({ root, blob, mirror, has }): LostBlob[] => {
    if (has === undefined && blob.isForeign && !carried.has(blob.digest)) return [];
    if (has !== undefined && (has.size === undefined || has.size === blob.size)) return [];
    const what = has === undefined ? "is missing" : `has ${has.size} of its ${blob.size} bytes`;
    return [{ root, blob: blob.digest, mirror, what }];
  });
}

/** Config and layers of all manifests of a digest, and of those attached to it. What is lost of the manifests is found by the lists. */
async function blobsOf(root: Digest, { at, attached }: Holding): Promise<readonly Descriptor[]> {
  const { manifests } = await readRemains([at], root);
  const subjects = new Set(manifests.map(({ digest }) => digest));
  addAttached(subjects, attached);
  const own = new Set(manifests.map(({ digest }) => digest));
  const others = [...subjects].filter((digest) => !own.has(digest));
  const attachments = await settleAll(others.map((digest) => getManifest(at, digest)));
  const all = [...manifests, ...attachments.filter((manifest) => manifest !== undefined)];
  return [
    ...new Map(all.flatMap(({ blobs, foreign }) => [...blobs, ...foreign]).map((blob) => [blob.digest, blob])).values(),
  ];
}
