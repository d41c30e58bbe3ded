import type { Blob } from "../oci/blobs.ts";

/** A target that a blob is copied to: a repository of a registry, or an S3 bucket. */
export interface BlobTarget {
  /** The mirror's name, for messages and counts. */
  readonly mirror: string;
  /** Mounts the blob if possible. @returns whether there is nothing to send: the target has the blob, or has mounted it. */
  mountOrExists(blob: Blob): Promise<boolean>;
  /** Stores a blob from memory. */
  put(blob: Blob, bytes: Buffer): Promise<void>;
  /** Starts the upload of a streamed blob. */
  begin(blob: Blob): Promise<BlobWriter>;
}

/** A streamed upload of a blob. The blob is not visible before `write` has returned. */
export interface BlobWriter {
  /** How many bytes the target has; 0 at first. */
  offset(): Promise<number>;
  /** Writes the rest of the stream and commits. May be called again after a failure. An aborted signal ends it at once. */
  write(from: number, chunks: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<void>;
  /** Cancels the upload. Never throws. */
  abandon(): Promise<void>;
}
