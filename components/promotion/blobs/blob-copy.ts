import { causeOf } from "../http/errors.ts";
import { type FailureKind, failureKind } from "../http/failure-kind.ts";
import type { WeightedSemaphore } from "../http/weighted-semaphore.ts";
import type { Blob } from "../oci/blobs.ts";
import type { Remote } from "../oci/remote.ts";
import type { BlobTarget } from "./blob-target.ts";
import type { BufferPool } from "./buffer-pool.ts";

/** What all copies of blobs in a process share. */
export interface CopyDependencies {
  /** Bytes of the blobs that are completely in memory. */
  readonly memory: WeightedSemaphore;
  /** The pool of that memory. */
  readonly pool: BufferPool;
  /** Large blobs that are copied at a time. */
  readonly streams: WeightedSemaphore;
  readonly signal: AbortSignal;
  /** Total ms for which one target may delay the others before it continues alone. */
  readonly maxLag: number;
  /** ms without accepting a byte after which a target counts as broken. */
  readonly stall: number;
}

/** One blob, its sources and its targets. */
export interface BlobCopy {
  readonly blob: Blob;
  /** In the order in which they are tried. */
  readonly sources: readonly Remote[];
  readonly targets: readonly BlobTarget[];
  /** Called with the number of bytes that a target has accepted. */
  received(target: BlobTarget, bytes: number): void;
}

/** The blob could not be read, so the target did not cause the failure. */
export class SourceError extends Error {
  constructor(cause: unknown) {
    super(causeOf(cause), { cause });
    this.name = "SourceError";
  }

  get failureKind(): FailureKind {
    return failureKind(this.cause);
  }
}

/** Why targets did not get a blob; a target without an entry has it. */
export type BlobFailures = Map<BlobTarget, unknown>;
