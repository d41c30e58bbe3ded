import { hasBlob } from "../oci/blobs.ts";
import type { Digest } from "../oci/digest.ts";
import type { Manifest } from "../oci/manifest.ts";
import type { Remote } from "../oci/remote.ts";
import type { ImageTree } from "./tree.ts";

/**
 * The tree with those foreign layers among its blobs that a source has: clients that find them in a mirror need no other server, and some
 * servers that `urls` name are gone. Registries take a manifest without them.
 * @param decisive the source whose failure is thrown; that of another counts as not having the layer.
 */
export async function carryForeignLayers(
  tree: ImageTree,
  sources: readonly Remote[],
  decisive: Remote | undefined,
): Promise<ImageTree> {
  const foreign = new Map(tree.manifests.flatMap((manifest) => manifest.foreign.map((layer) => [layer.digest, layer])));
  if (foreign.size === 0) return tree;
  const found = await Promise.all([...foreign.keys()].map((digest) => isInAny(digest, sources, decisive)));
  const carried = new Set([...foreign.keys()].filter((_, index) => found[index]));
  const whole = new Map<Manifest, Manifest>();
  for (const manifest of tree.manifests) {
    const layers = manifest.foreign.filter(({ digest }) => carried.has(digest));
    whole.set(manifest, layers.length === 0 ? manifest : { ...manifest, blobs: [...manifest.blobs, ...layers] });
  }
  return {
    root: whole.get(tree.root)!,
    manifests: [...whole.values()],
    blobs: [...tree.blobs, ...[...carried].map((digest) => foreign.get(digest)!)],
  };
}

async function isInAny(digest: Digest, sources: readonly Remote[], decisive: Remote | undefined): Promise<boolean> {
  for (const source of sources) {
    try {
      if (await hasBlob(source, { digest })) return true;
    } catch (error) {
      source.signal.throwIfAborted();
      if (source === decisive) throw error;
    }
  }
  return false;
}
