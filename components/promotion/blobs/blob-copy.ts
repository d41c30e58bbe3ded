import { causeOf } from "../http/errors.ts";
import type { WeightedSemaphore } from "../http/weighted-semaphore.ts";
import type { Blob } from "../oci/blobs.ts";
import type { Remote } from "../oci/remote.ts";
import type { BlobTarget } from "./blob-target.ts";
import type { BufferPool } from "./buffer-pool.ts";

/** What all copies of blobs in a process share. */
export interface CopyDependencies {
  /** Bytes of blobs that are in memory as a whole. */
  readonly memory: WeightedSemaphore;
  /** Where that memory comes from. */
  readonly pool: BufferPool;
  /** Large blobs under way at a time. */
  readonly streams: WeightedSemaphore;
  readonly signal: AbortSignal;
  /** ms that one target may keep the others waiting, in sum, before it has to go on alone. */
  readonly patience: number;
  /** ms without taking a byte after which a target has broken. */
  readonly stall: number;
}

/** One blob, where it can be read and where it goes. */
export interface BlobCopy {
  readonly blob: Blob;
  /** In the order in which they are asked. */
  readonly sources: readonly Remote[];
  readonly targets: readonly BlobTarget[];
  /** Told of bytes that a target has taken. */
  received(target: BlobTarget, bytes: number): void;
}

/** The blob could not be read: no fault of the target that was to get it. */
export class SourceError extends Error {
  constructor(cause: unknown) {
    super(causeOf(cause), { cause });
    this.name = "SourceError";
  }
}

/** Why targets did not get a blob; a target without an entry has it. */
export type BlobFailures = Map<BlobTarget, unknown>;
