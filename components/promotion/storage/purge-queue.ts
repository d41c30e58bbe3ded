import { randomUUID } from "node:crypto";
import { z } from "zod";
import { causeOf } from "../http/errors.ts";
import type { CdnPurge, FailedPurge } from "../run/request.ts";
import { countOf } from "../text/count-of.ts";
import { type Bucket, BucketAbsent, type Stored } from "./bucket.ts";
import { createSmall } from "./small-object.ts";

/** Prefix of the keys of records of what is to be purged. They are beside what clients read, and only promotions read them. */
const purgesPrefix = "containers/purges/";

/** ms that a purge may keep a run waiting, retries included. */
const longestPurge = 60_000;
/** A CDN that could not be purged is left alone for so many times as long as that took: its API is out for all projects of a run. */
const rest = 10;
/** Bytes of a record that are read. */
const largestRecord = 8 * 1024 * 1024;
/** Bytes of records that one sweep reads: whoever can write to the bucket cannot fill the memory of a run. */
const mostRead = 4 * largestRecord;

/** A record's content: the keys. */
const recordSchema = z
  .string()
  .transform((text, context): unknown => {
    try {
      return JSON.parse(text);
    } catch {
      context.addIssue("is not JSON");
      return z.NEVER;
    }
  })
  // Half of a surrogate pair is in no URL: it would keep the CDN from being purged of anything, in each run.
  .pipe(z.array(z.string().refine((key) => key.isWellFormed())));

/** Objects that change at the same time, with one record of them in the bucket. */
interface Batch {
  readonly record: string;
  readonly keys: Set<string>;
  /** Changes under way. */
  running: number;
}

/** Purges objects from the CDN. */
type SendPurge = (purge: CdnPurge, keys: readonly string[], signal: AbortSignal) => Promise<void>;

/**
 * What a bucket's CDN is to forget. Each object is recorded in the bucket before it is replaced or removed, and the record is removed once the
 * object is purged after that. So whoever comes after a run that was killed, or whose purge failed, purges what it left.
 */
export class PurgeQueue {
  readonly #purge: CdnPurge;
  readonly #bucket: Bucket;
  readonly #send: SendPurge;
  readonly #batches = new Set<Batch>();
  /** The batch that has no record yet. */
  #open: { readonly batch: Batch; readonly recorded: Promise<void> } | undefined;
  #recording: Promise<unknown> = Promise.resolve();
  #sweeping: Promise<unknown> = Promise.resolve();
  #hasLooked = false;
  #failed: { readonly why: FailedPurge; readonly until: number } | undefined;

  /** @param bucket whose changes do not come back here. */
  constructor(purge: CdnPurge, bucket: Bucket, send: SendPurge) {
    this.#purge = purge;
    this.#bucket = bucket;
    this.#send = send;
  }

  /** Runs a change of an object that the CDN may keep. Nothing is changed that is not recorded. */
  async changing<T>(key: string, signal: AbortSignal, change: () => Promise<T>): Promise<T> {
    this.#open ??= this.#begin(signal);
    const { batch, recorded } = this.#open;
    batch.keys.add(key);
    batch.running++;
    try {
      await recorded;
      return await change();
    } finally {
      batch.running--;
    }
  }

  /** Purges what has changed here, and what others left. @returns why it could not; undefined if it could, or there was nothing. */
  async sweep(signal: AbortSignal): Promise<FailedPurge | undefined> {
    const now = this.#sweeping.then(() => this.#sweep(signal));
    // An aborted one says nothing of the next.
    this.#sweeping = now.catch(() => {});
    return await now;
  }

  #begin(signal: AbortSignal): { batch: Batch; recorded: Promise<void> } {
    const batch: Batch = { record: `${purgesPrefix}${randomUUID()}`, keys: new Set(), running: 0 };
    this.#batches.add(batch);
    // Whatever is changed while the last record is written shares the next one.
    const recorded = this.#recording.then(async () => {
      this.#open = undefined;
      try {
        await createSmall(this.#bucket, batch.record, Buffer.from(JSON.stringify([...batch.keys])), signal);
      } catch (error) {
        this.#batches.delete(batch); // nothing of it is changed
        throw error;
      }
    });
    this.#recording = recorded.catch(() => {});
    return { batch, recorded };
  }

  async #sweep(signal: AbortSignal): Promise<FailedPurge | undefined> {
    if (this.#failed && performance.now() < this.#failed.until) return this.#failed.why;
    const keys = new Set<string>();
    const started = performance.now();
    const bounded = AbortSignal.any([signal, AbortSignal.timeout(longestPurge)]);
    try {
      const ended = [...this.#batches].filter(({ running }) => running === 0);
      const { found: left, unread } = this.#hasLooked ? { found: [] } : await this.#others(bounded);
      for (const batch of [...ended, ...left]) for (const key of batch.keys) keys.add(key);
      if (keys.size > 0) await this.#send(this.#purge, [...keys], bounded);
      for (const { record } of [...ended, ...left]) await this.#forget(record, bounded);
      for (const batch of ended) this.#batches.delete(batch);
      keys.clear();
      if (unread !== undefined) throw unread;
      this.#hasLooked = true;
      this.#failed = undefined;
      return undefined;
    } catch (error) {
      signal.throwIfAborted();
      const what = keys.size === 0 ? "what is to be purged is unknown" : `${countOf(keys.size, "object")} not purged`;
      const line = `${this.#bucket.url}: the CDN ${this.#purge.url} may serve what was replaced or removed: ${what}: ${causeOf(error)}; the next run tries again`;
      const now = performance.now();
      const why = { cdn: this.#purge.url, line };
      this.#failed = { why, until: now + rest * (now - started) };
      return why;
    }
  }

  /**
   * The records of other processes. One that is still running loses its record here, but purges by itself all the same: only if it is killed too is
   * what it changed in between seen late.
   * @returns those that could be read, and why one could not.
   */
  async #others(signal: AbortSignal): Promise<{ found: Pick<Batch, "record" | "keys">[]; unread?: unknown }> {
    const own = new Set([...this.#batches].map(({ record }) => record));
    const found: Pick<Batch, "record" | "keys">[] = [];
    let unread: unknown;
    let read = 0;
    try {
      for await (const stored of this.#bucket.list(purgesPrefix, signal)) {
        if (own.has(stored.key)) continue;
        if (read >= mostRead) {
          unread ??= new Error("there are more records than are read at once");
          break;
        }
        read += Math.min(stored.size, largestRecord);
        try {
          found.push({ record: stored.key, keys: await this.#keysIn(stored, signal) });
        } catch (error) {
          signal.throwIfAborted();
          unread ??= error;
        }
      }
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof BucketAbsent)) unread ??= error;
    }
    return { found, unread };
  }

  async #keysIn(stored: Stored, signal: AbortSignal): Promise<Set<string>> {
    const tooLarge = () => new Error(`${stored.key} is too large: remove it by hand`);
    if (stored.size > largestRecord) throw tooLarge();
    const parts: Uint8Array[] = [];
    let left = stored.size;
    for await (const part of await this.#bucket.read(stored, 0, signal)) {
      left -= part.length;
      if (left < 0) throw tooLarge(); // whatever its store says of it
      parts.push(part);
    }
    const { success, data } = recordSchema.safeParse(Buffer.concat(parts).toString("utf8"));
    if (!success) throw new Error(`${stored.key} is no record of a purge: remove it by hand`);
    return new Set(data);
  }

  async #forget(record: string, signal: AbortSignal): Promise<void> {
    const stored = await this.#bucket.stat(record, signal);
    if (stored) await this.#bucket.remove(stored, signal);
  }
}
