import { createHash } from "node:crypto";
import { catalogueFolder } from "../../../redirector/object-paths.ts";
import { presenceIndexKey } from "../../../redirector/presence-format.ts";
import { type CatalogueIndex, type ListingDocument, readDocument, schemaVersion } from "../../catalogue/formats.ts";
import { indexKey, isLasting, listingKey } from "../../catalogue/layout.ts";
import { readAll } from "../blobs/fan-out.ts";
import { type Bucket, BucketAbsent, type ObjectHeaders } from "../storage/bucket.ts";
import { ReadOnce } from "./read-once.ts";

/** A newer version of this program wrote the catalogue. */
export class NewerCatalogue extends Error {}

/**
 * The catalogue in one file mirror. Lists the mirror once and then tracks its own writes and removals. A mirror that could not be read is not asked again for
 * a while, so that not each project waits for its retries.
 */
export class CatalogueMirror {
  readonly name: string;
  readonly #bucket: Bucket;
  readonly #signal: AbortSignal;
  /** Every object of the catalogue, with the SHA-256 of its content where the store lists it. */
  readonly #objects: ReadOnce<Map<string, string | undefined>>;
  readonly #index: ReadOnce<CatalogueIndex | undefined>;
  readonly #listing: ReadOnce<ListingDocument | undefined>;

  /** @param now milliseconds of a clock: for its tests. */
  constructor(name: string, bucket: Bucket, signal: AbortSignal, now?: () => number) {
    this.name = name;
    this.#bucket = bucket;
    this.#signal = signal;
    this.#objects = new ReadOnce(() => this.#readList(), now);
    this.#index = new ReadOnce(() => this.#readIndex(), now);
    this.#listing = new ReadOnce(() => this.#readListing(), now);
  }

  /** The bucket's URL, for messages. */
  get url(): string {
    return this.#bucket.url;
  }

  /** An object's content, undefined if the object does not exist. */
  async read(key: string): Promise<Buffer | undefined> {
    const object = await this.#bucket.stat(key, this.#signal);
    if (object === undefined) return undefined;
    return Buffer.concat(await Array.fromAsync(readAll(this.#bucket, object, this.#signal)));
  }

  /** Whether an object exists. Throws if the mirror cannot be listed. */
  async has(key: string): Promise<boolean> {
    return (await this.#objects.get()).has(key);
  }

  /**
   * The index in this mirror; undefined if there is none, or a damaged one. Read once, because every project is compared with it. A mirror that does not
   * exist has none.
   * @throws {@link NewerCatalogue}, or if it cannot be read.
   */
  index(): Promise<CatalogueIndex | undefined> {
    return this.#index.get();
  }

  async #readIndex(): Promise<CatalogueIndex | undefined> {
    try {
      const text = String((await this.read(indexKey)) ?? "");
      const index = readDocument("index", text);
      if (index === undefined && versionOf(text) > schemaVersion)
        throw new NewerCatalogue(`${this.url}/${indexKey} is of a newer version of this program: update this program`);
      return index;
    } catch (error) {
      if (error instanceof BucketAbsent) return undefined;
      throw error;
    }
  }

  /** Writes the index unless the mirror already has it. */
  async writeIndex(index: CatalogueIndex, bytes: Uint8Array): Promise<void> {
    await this.write(indexKey, bytes);
    this.#index.set(index);
  }

  /** The names of the parts of all lines in this mirror. Read once, as the index is. */
  listing(): Promise<ListingDocument | undefined> {
    return this.#listing.get();
  }

  async #readListing(): Promise<ListingDocument | undefined> {
    return readDocument("listing", String((await this.read(listingKey)) ?? ""));
  }

  /** Keys of the objects in a folder. Throws if the mirror cannot be listed. */
  async keys(folder: string): Promise<string[]> {
    return [...(await this.#objects.get()).keys()].filter((key) => key.startsWith(folder));
  }

  /** Whether an object exists with this content. Throws if the mirror cannot be listed. */
  async holds(key: string, sha256: string): Promise<boolean> {
    const objects = await this.#objects.get();
    if (!objects.has(key)) return false;
    // Not every store lists digests.
    const proven = objects.get(key) ?? (await this.#bucket.stat(key, this.#signal))?.sha256;
    objects.set(key, proven);
    return proven === sha256;
  }

  /** Writes an object unless it already has this content. */
  async write(key: string, bytes: Uint8Array): Promise<void> {
    const sha256 = createHash("sha256").update(bytes).digest("hex");
    if (isLasting(key) ? await this.has(key) : await this.holds(key, sha256)) return;
    await this.#bucket.replace(key, bytes, headersOf(key), this.#signal);
    (await this.#objects.get()).set(key, sha256);
    if (key === indexKey) this.#index.forget();
    if (key === listingKey) this.#listing.forget();
  }

  /** An object is damaged: it counts as absent, so that the next write replaces it. */
  async discard(key: string): Promise<void> {
    (await this.#objects.get()).delete(key);
  }

  /** Removes an object if it exists. A bucket that does not exist holds nothing. */
  async remove(key: string): Promise<void> {
    try {
      const objects = await this.#objects.get();
      if (!objects.has(key)) return;
      const object = await this.#bucket.stat(key, this.#signal);
      if (object !== undefined) await this.#bucket.remove(object, this.#signal);
      objects.delete(key);
    } catch (error) {
      if (!(error instanceof BucketAbsent)) throw error;
    }
  }

  async #readList(): Promise<Map<string, string | undefined>> {
    const objects = new Map<string, string | undefined>();
    for await (const { key, sha256 } of this.#bucket.list(catalogueFolder, this.#signal)) objects.set(key, sha256);
    return objects;
  }
}

/** The version of the format in which a document is written; 0 if it is none. */
function versionOf(text: string): number {
  try {
    const { schemaVersion: of } = JSON.parse(text) as { schemaVersion?: unknown };
    return typeof of === "number" ? of : 0;
  } catch {
    return 0;
  }
}

/**
 * Caches keep immutable documents for ever and revalidate the others after a minute (304 if unchanged). Redirectors must not learn of a removal later than
 * they ask: Cloud Storage itself caches public objects for as long as they allow.
 */
function headersOf(key: string): ObjectHeaders {
  return {
    contentType: key.endsWith(".gz")
      ? "application/gzip"
      : key.endsWith(".atom")
        ? "application/atom+xml"
        : "application/json",
    cacheControl: isLasting(key)
      ? "public, max-age=31536000, immutable"
      : key === presenceIndexKey
        ? "no-cache"
        : "public, max-age=60",
  };
}
