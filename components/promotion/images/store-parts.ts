import { LayerTarget } from "../blobs/layer-target.ts";
import type { Digest } from "../oci/digest.ts";
import { createEmpty } from "../storage/small-object.ts";
import { hexOf } from "../text/oci-grammar.ts";
import type { Store } from "./dependencies.ts";
import { LayerReferences } from "./layer-references.ts";

/** The prefix of the records of which manifests belong to a promoted digest. */
export const partsPrefix = "containers/parts/";

/** What belongs to a promoted digest. */
export interface PromotedParts {
  /** Its own, those that it lists, and those that are attached to it. */
  readonly manifests: readonly Digest[];
  readonly blobs: readonly Digest[];
}

/**
 * What a bucket that is an image mirror needs beyond a registry's interface. A registry deletes what nothing refers to, and cannot lose a part
 * of what it has; of a bucket a listing must tell. So it holds, beside the objects that clients read, one empty object for each blob that
 * a promoted digest needs (`layer-references.ts`) and one for each manifest: `containers/parts/<project>/<image>/<digest hex>/<manifest hex>`.
 * They are written before the parts and deleted after them.
 */
export class StoreParts {
  readonly target: LayerTarget;
  readonly references: LayerReferences;
  readonly #project: string;
  readonly #store: Store;
  readonly #signal: AbortSignal;

  constructor(name: string, project: string, store: Store, signal: AbortSignal) {
    this.target = new LayerTarget(name, store.bucket, signal, { verified: true });
    this.references = new LayerReferences(store.bucket, signal);
    this.#project = project;
    this.#store = store;
    this.#signal = signal;
  }

  /** Records what a digest will consist of, before it is written. */
  async note(image: string, digest: Digest, { manifests, blobs }: PromotedParts): Promise<void> {
    const use = { project: this.#project, image, digest };
    await Promise.all([
      ...manifests.map((part) => this.#add(`${this.#folder(image, digest)}${hexOf(part)}`)),
      ...blobs.map((blob) => this.references.add(blob, use)),
    ]);
  }

  /**
   * Forgets a digest whose manifests were deleted, and deletes the blobs that nothing else needs.
   * @param known what was found of the digest. If that is less than was recorded, as after a killed removal, the blobs are looked for.
   */
  async forget(image: string, digest: Digest, known: PromotedParts | undefined): Promise<void> {
    const use = { project: this.#project, image, digest };
    const folder = this.#folder(image, digest);
    const records = await Array.fromAsync(this.#store.bucket.list(folder, this.#signal));
    const found = new Set(known?.manifests.map((part) => `${folder}${hexOf(part)}`));
    const isAll = known !== undefined && records.every(({ key }) => found.has(key));
    const dropped = isAll ? known.blobs : await this.references.layersOf(use);
    await Promise.all([...new Set(dropped)].map((blob) => this.references.drop(blob, use)));
    for (const object of records) await this.#store.bucket.remove(object, this.#signal);
  }

  /** Brings the published lists of an image to what is there. @param name its name in production. */
  async publish(name: string): Promise<void> {
    await this.#store.registry.publish(name, this.#signal);
  }

  #folder(image: string, digest: Digest): string {
    return partsFolder(this.#project, image, digest);
  }

  #add(key: string): Promise<void> {
    return createEmpty(this.#store.bucket, key, this.#signal);
  }
}

/** Each recorded digest of a project (`image@digest`), with its manifests. Keys that are not records are left out. */
export function readParts(keys: readonly string[], project: string): ReadonlyMap<string, readonly Digest[]> {
  const parts = new Map<string, Digest[]>();
  const prefix = `${partsPrefix}${project}/`;
  for (const key of keys) {
    const [, image, hex, part] = recordPattern.exec(key.slice(prefix.length)) ?? [];
    if (image === undefined) continue;
    const use = `${image.replace(/^_(?=\/)/, "")}@sha256:${hex}`;
    const manifests = parts.get(use) ?? [];
    parts.set(use, manifests);
    manifests.push(`sha256:${part}`);
  }
  return parts;
}

const recordPattern = /^(.+)\/([0-9a-f]{64})\/([0-9a-f]{64})$/;

/** An image's name from the root starts with `/`, and not every store keeps two slashes apart from one: `_/` in the key. */
function partsFolder(project: string, image: string, digest: Digest): string {
  const name = image.startsWith("/") ? `_${image}` : image;
  return `${partsPrefix}${project}/${name}/${hexOf(digest)}/`;
}
