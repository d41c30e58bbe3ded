import type { Blob } from "../oci/blobs.ts";

/** One place that a blob is copied to: a repository of a registry, or an S3 bucket. */
export interface BlobTarget {
  /** The mirror's name, for messages and counts. */
  readonly mirror: string;
  /** Whether there is nothing to send: it has the blob, or can take it from a neighbour without us. */
  mountOrExists(blob: Blob): Promise<boolean>;
  /** Stores a blob that is at hand. */
  put(blob: Blob, bytes: Buffer): Promise<void>;
  /** Begins to store a blob that comes in pieces. */
  begin(blob: Blob): Promise<BlobWriter>;
}

/** A blob that is being stored in pieces. It is not to be seen before `write` has returned. */
export interface BlobWriter {
  /** How many bytes are there already; 0 after a beginning. */
  offset(): Promise<number>;
  /** Takes the rest, to its end, and commits. May be called again after it has failed. An aborted signal ends it at once. */
  write(from: number, chunks: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<void>;
  /** Gives the upload up. Never throws. */
  abandon(): Promise<void>;
}
