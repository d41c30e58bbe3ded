import pLimit from "p-limit";
import { measure, readAll } from "../blobs/fan-out.ts";
import { causeOf } from "../http/errors.ts";
import { WeightedSemaphore } from "../http/weighted-semaphore.ts";
import { CircuitBreaker } from "../run/circuit-breaker.ts";
import type { StorageSettings } from "../run/request.ts";
import { type Bucket, BucketAbsent, type BucketAddress, chunkBytes, type Stored } from "../storage/bucket.ts";
import { openStorage, type Storage } from "../storage/storage.ts";
import { fileKey, filesPrefix } from "./plan.ts";

/** One project's files in one bucket, as paths. */
export class MirrorFiles {
  readonly name: string;
  readonly bucket: Bucket;
  readonly #prefix: string;
  readonly #signal: AbortSignal;
  readonly #health = new CircuitBreaker();
  #lost: MirrorLost | undefined;

  constructor(name: string, bucket: Bucket, prefix: string, signal: AbortSignal) {
    this.name = name;
    this.bucket = bucket;
    this.#prefix = prefix;
    this.#signal = signal;
  }

  key(path: string): string {
    return fileKey(this.#prefix, path);
  }

  /** The object at a path, if any. */
  async stat(path: string): Promise<Stored | undefined> {
    return await this.attempt(() => statOf(this.bucket, this.key(path), this.#signal));
  }

  /** All objects of the project, by path. With `absentIsEmpty` a bucket that does not exist holds none. */
  async list({ absentIsEmpty = false }: { readonly absentIsEmpty?: boolean } = {}): Promise<Map<string, Stored>> {
    const prefix = filesPrefix(this.#prefix);
    return await this.attempt(async () => {
      const found = new Map<string, Stored>();
      try {
        for await (const object of this.bucket.list(prefix, this.#signal)) {
          // The folder may be an object of its own, made by a console: it is no file, and no line could name it.
          if (object.key !== prefix) found.set(object.key.slice(prefix.length), object);
        }
      } catch (error) {
        if (!absentIsEmpty || !(error instanceof BucketAbsent)) throw error;
      }
      return found;
    });
  }

  /**
   * The object with the digest of its content: as its store proves it, else by reading it.
   * @returns undefined if the object has gone meanwhile.
   */
  async identified(path: string, object: Stored): Promise<Identified | undefined> {
    if (object.sha256 !== undefined) return { ...object, sha256: object.sha256 };
    const asked = await this.stat(path); // a listing tells less than a look at the object
    if (asked === undefined) return undefined;
    const sha256 = asked.sha256 ?? (await this.attempt(() => measured(this.bucket, asked, this.#signal))).sha256;
    return { ...asked, sha256 };
  }

  /**
   * Runs one piece of work with this mirror. A mirror at which many pieces in a row have failed, each after its repetitions, is given
   * up for this run, so that a dead region costs minutes and not hours.
   * @throws {@link MirrorLost} once it is given up.
   */
  async attempt<T>(work: () => Promise<T>): Promise<T> {
    if (this.#lost !== undefined) throw this.#lost;
    try {
      const result = await work();
      this.succeeded();
      return result;
    } catch (error) {
      throw this.failed(error);
    }
  }

  /** Set once the mirror is given up. */
  get lost(): MirrorLost | undefined {
    return this.#lost;
  }

  /** Counts a piece of work that has succeeded, which {@link attempt} does by itself: what fails later is not in a row with what failed before. */
  succeeded(): void {
    this.#health.succeeded();
  }

  /** Counts a failure at this mirror, which {@link attempt} does by itself. @returns what to say of it. */
  failed(error: unknown): unknown {
    if (this.#health.isLost(error)) this.#lost ??= new MirrorLost(causeOf(error));
    return this.#lost ?? error;
  }
}

/** An object whose content is known. */
export type Identified = Stored & { readonly sha256: string };

/** A mirror that is not asked any more in this run. The message is its last failure's. */
export class MirrorLost extends Error {}

/** One look at an object, within the limit that all projects share. */
export async function statOf(bucket: Bucket, key: string, signal: AbortSignal): Promise<Stored | undefined> {
  return await looks(() => bucket.stat(key, signal));
}

/** Reads an object to its end and says what it is. */
export async function measured(
  bucket: Bucket,
  object: Stored,
  signal: AbortSignal,
): Promise<{ size: number; sha256: string; crc32c: string }> {
  return await withMemoryFor(object.size, () => measure(readAll(bucket, object, signal)));
}

/** Runs a copy or a reading of so many bytes when there is memory for it; the memory is that of all projects together. */
export async function withMemoryFor<T>(size: number, work: () => Promise<T>): Promise<T> {
  // Small objects are not for nothing: connections are limited too.
  return await memory.with(Math.max(Math.min(size, 3 * chunkBytes(size)), 4 * 1024 * 1024), work);
}

/** The bucket at an address; all projects of this process share the clients and their connections. */
export function openBucket(settings: StorageSettings, address: BucketAddress): Bucket {
  const { gcsEndpoint, s3Endpoint, s3UsePathStyle } = settings;
  const key = JSON.stringify([gcsEndpoint, s3Endpoint, s3UsePathStyle]);
  let storage = storages.get(key);
  if (storage === undefined) {
    storage = openStorage(settings);
    storages.set(key, storage);
  }
  return storage.open(address);
}

// Of the process, not of a request: the quotas of the stores and this process's memory are shared by all projects.
const storages = new Map<string, Storage>();
const looks = pLimit(64);
const memory = new WeightedSemaphore(256 * 1024 * 1024);
