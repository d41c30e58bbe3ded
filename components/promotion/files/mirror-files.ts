import { fileKey, filesPrefix } from "../../../redirector/object-paths.ts";
import { measure, readAll } from "../blobs/fan-out.ts";
import { WeightedSemaphore } from "../http/weighted-semaphore.ts";
import { type CircuitBreaker, GivenUpError } from "../run/circuit-breaker.ts";
import { fileLookups, fileMemory, leastFileMemory } from "../run/limits.ts";
import type { FailedPurge, StorageSettings } from "../run/request.ts";
import { Storages } from "../run/storages.ts";
import { type Bucket, BucketAbsent, type BucketAddress, chunkBytes, type Stored } from "../storage/bucket.ts";
import { openStorage } from "../storage/storage.ts";

/** One project's files in one bucket, as paths. */
export class MirrorFiles {
  readonly bucket: Bucket;
  readonly #prefix: string;
  readonly #breaker: CircuitBreaker;
  readonly #signal: AbortSignal;

  /** @param breaker the mirror's circuit breaker, which is informed how each request to the bucket ends. */
  constructor(bucket: Bucket, prefix: string, breaker: CircuitBreaker, signal: AbortSignal) {
    this.bucket = bucket;
    this.#prefix = prefix;
    this.#breaker = breaker;
    this.#signal = signal;
  }

  key(path: string): string {
    return fileKey(this.#prefix, path);
  }

  /** The object at a path, if any. */
  async stat(path: string): Promise<Stored | undefined> {
    return await this.attempt(() => statOf(this.bucket, this.key(path), this.#signal));
  }

  /** All objects of the project, or of a folder of it (`under`), by path. With `absentIsEmpty` a bucket that does not exist has none. */
  async list(options: ListOptions = {}): Promise<Map<string, Stored>> {
    const found = new Map<string, Stored>();
    await this.eachPage((page) => {
      for (const [path, object] of page) found.set(path, object);
    }, options);
    return found;
  }

  /** As {@link list}, page by page: of a large listing the caller keeps what it needs. */
  async eachPage(
    take: (page: readonly (readonly [path: string, Stored])[]) => void,
    { absentIsEmpty = false, under = "" }: ListOptions = {},
  ): Promise<void> {
    const prefix = filesPrefix(this.#prefix);
    await this.attempt(async () => {
      try {
        for await (const page of this.bucket.pages(prefix + under, this.#signal)) {
          // Consoles create placeholder objects for folders: these are not files, and no line could name them.
          const files = page.filter(({ key }) => key !== prefix);
          take(files.map((object) => [object.key.slice(prefix.length), object]));
        }
      } catch (error) {
        if (!absentIsEmpty || !(error instanceof BucketAbsent)) throw error;
      }
    });
  }

  /**
   * The object with the digest of its content: proved by its store, else computed by reading it.
   * @returns undefined if the object was removed in the meantime.
   */
  async identified(path: string, object: Stored): Promise<Identified | undefined> {
    if (object.sha256 !== undefined) return { ...object, sha256: object.sha256 };
    const asked = await this.stat(path); // a listing has fewer fields than a request for the object
    if (asked === undefined) return undefined;
    const sha256 = asked.sha256 ?? (await this.attempt(() => measured(this.bucket, asked, this.#signal))).sha256;
    return { ...asked, sha256 };
  }

  /** A version that was replaced or removed and has this content, if the bucket keeps it and may be asked: the last resort of a rollback. */
  async keptVersion(path: string, sha256: string): Promise<Stored | undefined> {
    try {
      for await (const version of this.bucket.versions(this.key(path), this.#signal))
        if (version.sha256 === sha256) return version;
    } catch {
      this.#signal.throwIfAborted(); // a mirror that cannot be asked is no source
    }
    return undefined;
  }

  /**
   * Runs work at this mirror.
   * @throws GivenUpError once the mirror is given up.
   */
  async attempt<T>(work: () => Promise<T>): Promise<T> {
    if (this.givenUp) throw this.givenUp;
    try {
      const result = await work();
      this.#breaker.succeeded();
      return result;
    } catch (error) {
      throw this.failed(error);
    }
  }

  /** Set once the mirror was given up. */
  get givenUp(): GivenUpError | undefined {
    const cause = this.#breaker.givenUp;
    return cause === undefined ? undefined : new GivenUpError(cause);
  }

  /** Counts a failure at this mirror, which {@link attempt} does by itself. @returns the error to report. */
  failed(error: unknown): unknown {
    this.#breaker.failed(error);
    return this.givenUp ?? error;
  }
}

interface ListOptions {
  readonly absentIsEmpty?: boolean;
  readonly under?: string;
}

/** An object whose content is known. */
export type Identified = Stored & { readonly sha256: string };

/** Looks up an object, within the limit that all projects share. */
export async function statOf(bucket: Bucket, key: string, signal: AbortSignal): Promise<Stored | undefined> {
  return await lookups.with(1, () => bucket.stat(key, signal));
}

/** Reads an object to its end and returns its hashes. */
export async function measured(
  bucket: Bucket,
  object: Stored,
  signal: AbortSignal,
): Promise<{ size: number; sha256: string; crc32c: string }> {
  return await withMemoryFor(object.size, () => measure(readAll(bucket, object, signal)));
}

/** Runs a copy or a read of so many bytes once there is memory for it, within the limit that all projects share. */
export async function withMemoryFor<T>(size: number, work: () => Promise<T>): Promise<T> {
  // Small objects count with a minimum, since the number of connections is limited.
  return await memory.with(Math.max(Math.min(size, 3 * chunkBytes(size)), leastFileMemory), work);
}

/** The bucket at an address; all projects of this process share the clients and their connections. */
export function openBucket(settings: StorageSettings, address: BucketAddress): Bucket {
  return storages.at(settings).open(address);
}

/** Purges from the CDNs of these stores what was replaced or removed. @returns those that it could not purge. */
export async function purgeCaches(settings: StorageSettings, signal: AbortSignal): Promise<readonly FailedPurge[]> {
  return await storages.at(settings).purge(signal);
}

// Belongs to the process, not to a request.
const storages = new Storages(openStorage);
const lookups = new WeightedSemaphore(fileLookups);
const memory = new WeightedSemaphore(fileMemory);
