import { layerKey } from "../../../redirector/object-paths.ts";
import type { Digest } from "../oci/digest.ts";
import { KeyedLock } from "../run/keyed-lock.ts";
import type { Bucket } from "../storage/bucket.ts";
import { createEmpty } from "../storage/small-object.ts";
import { hexOf } from "../text/oci-grammar.ts";

/** A promoted digest that needs a layer in an S3 mirror. */
export interface LayerUse {
  readonly project: string;
  readonly image: string;
  /** What the manifest promotes: the index, not the platform's manifest in it. */
  readonly digest: Digest;
}

/** The prefix of the references: which digest needs which layer. */
export const referencesPrefix = "containers/references/";

/** Serializes the projects of one process. Two processes (an `up` and `npm run sync`) are detected by `drop`. */
const locks = new KeyedLock();

/**
 * Layers are shared by all images of all projects, so an S3 mirror holds, beside each layer, one empty object for each promoted
 * digest that needs it, its reference: `containers/references/<layer hex>/<project>/<image>/<digest hex>`. It is written before the layer
 * and deleted after it, and a layer is deleted only with its last reference. So a removal needs to know of no other project, and whenever a
 * run is killed, each layer has a reference: a refresh finds all that the run left unfinished.
 */
export class LayerReferences {
  readonly #bucket: Bucket;
  readonly #signal: AbortSignal;

  constructor(bucket: Bucket, signal: AbortSignal) {
    this.#bucket = bucket;
    this.#signal = signal;
  }

  /** Adds a reference to a layer. */
  async add(layer: Digest, use: LayerUse): Promise<void> {
    await this.#locked(layer, () => createEmpty(this.#bucket, referenceKey(layer, use), this.#signal));
  }

  /**
   * Deletes a reference; if it is the last one, deletes the layer first.
   * @throws if another process added a reference meanwhile and may have seen the layer there. One that adds it later sees that it is gone.
   */
  async drop(layer: Digest, use: LayerUse): Promise<void> {
    await this.#locked(layer, async () => {
      const reference = referenceKey(layer, use);
      if (!(await this.#hasReferencesBut(reference, layer))) {
        await this.#remove(layerKey(layer));
        if (await this.#hasReferencesBut(reference, layer)) {
          const what = `${this.#bucket.url}/${layerKey(layer)} was removed while another process began to need it`;
          throw new Error(`${what}: \`pulumi refresh\` finds that, and the next run brings it back`);
        }
      }
      await this.#remove(reference);
    });
  }

  async #hasReferencesBut(reference: string, layer: Digest): Promise<boolean> {
    for await (const { key } of this.#bucket.list(`${referencesPrefix}${hexOf(layer)}/`, this.#signal)) {
      if (key !== reference) return true;
    }
    return false;
  }

  /** The layers that a digest has references to. Lists all references: for a digest whose manifest no registry has any more. */
  async layersOf(use: LayerUse): Promise<Digest[]> {
    const end = referenceKey("sha256:", use).slice(referencesPrefix.length);
    const layers: Digest[] = [];
    for await (const { key } of this.#bucket.list(referencesPrefix, this.#signal)) {
      if (key.endsWith(end)) layers.push(`sha256:${key.slice(referencesPrefix.length).split("/", 1)[0]}`);
    }
    return layers;
  }

  async #remove(key: string): Promise<void> {
    const stored = await this.#bucket.stat(key, this.#signal);
    if (stored) await this.#bucket.remove(stored, this.#signal);
  }

  #locked<T>(layer: Digest, work: () => Promise<T>): Promise<T> {
    return locks.with(`${this.#bucket.url} ${layer}`, work);
  }
}

/** Each project's references: which layers its images need (`use`: `image@digest`). Keys that are not references are left out. */
export function readReferences(keys: readonly string[]): ReadonlyMap<string, { layer: Digest; use: string }[]> {
  const references = new Map<string, { layer: Digest; use: string }[]>();
  for (const key of keys) {
    const [, layer, project, image, hex] = referencePattern.exec(key.slice(referencesPrefix.length)) ?? [];
    if (project === undefined) continue;
    const its = references.get(project) ?? [];
    references.set(project, its);
    its.push({ layer: `sha256:${layer}`, use: `${image!.replace(/^_(?=\/)/, "")}@sha256:${hex}` });
  }
  return references;
}

const referencePattern = /^([0-9a-f]{64})\/([^/]+)\/(.+)\/([0-9a-f]{64})$/;

/**
 * The key of a reference. An image's name from the root starts with `/`, and not every store keeps two slashes apart from one: `_/` in the key.
 * @internal
 */
export function referenceKey(layer: Digest, { project, image, digest }: LayerUse): string {
  const name = image.startsWith("/") ? `_${image}` : image;
  return `${referencesPrefix}${hexOf(layer)}/${project}/${name}/${hexOf(digest)}`;
}
