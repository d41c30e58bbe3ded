/**
 * One small interface over the object stores that hold release files and, for clients inside AWS, image layers.
 *
 * Writing is create-only: nothing here can replace an object's content, but for the catalogue's own documents. What a caller may believe of an object is what the store
 * itself proves (see {@link Stored.sha256}).
 */

import { createHash } from "node:crypto";
import { catalogueFolder } from "../../../redirector/object-paths.ts";
import { crc32c, encodeCrc32c } from "./crc32c.ts";

/** Where a bucket is. */
export interface BucketAddress {
  readonly kind: "gcs" | "s3";
  readonly bucket: string;
  /** The cloud's name of the region; S3 needs it for its signatures. */
  readonly region?: string;
}

/** An object as its store describes it. */
export interface Stored {
  readonly key: string;
  /** Bytes. */
  readonly size: number;
  /** What a guarded read or removal names: the generation (GCS) or the ETag (S3). */
  readonly version: string;
  /**
   * Hex digest of the content, only when the store proves it: its own SHA-256 of the whole object, or the one recorded when the
   * object was written together with a CRC32C that still equals the store's. Undefined = unknown here: `stat`, or download and hash.
   */
  readonly sha256?: string;
  /** The store's own CRC32C of the whole content, base64 of four big-endian bytes, when it has one. */
  readonly crc32c?: string;
  /** The project that wrote it, when recorded. */
  readonly project?: string;
  /** `Content-Encoding`, when there is one: what is stored is then not what most clients get. */
  readonly encoding?: string;
}

/** What is known of a content before it is written. */
export interface Content {
  /** Bytes. */
  readonly size: number;
  /** Hex. */
  readonly sha256: string;
  /** Base64; lets the store refuse other content, and prove later that {@link Stored.sha256} belongs to it. */
  readonly crc32c?: string;
}

/** What is recorded with a new object. */
export interface ObjectHeaders {
  readonly contentType: string;
  readonly cacheControl: string;
  /** The project that owns the object. */
  readonly project?: string;
}

/** An object that is being written. It is invisible until `finish` has succeeded. */
export interface Upload {
  /** Writes a chunk of exactly {@link chunkBytes}; chunks come in order, the next one after the promise of the last. */
  write(chunk: Chunk): Promise<void>;
  /** Writes the rest (0 to {@link chunkBytes} bytes) and makes the object visible. Throws {@link ObjectExists} if the key is taken. */
  finish(last: Chunk): Promise<void>;
  /** Drops what was written so far. Never throws: what stays behind is invisible and expires. */
  abort(): Promise<void>;
}

/** A piece of an object, shared by all the mirrors that it goes to. */
export interface Chunk {
  readonly bytes: Uint8Array;
  /** Where it starts in the object. */
  readonly offset: number;
  /** Its CRC32C, base64, computed once for all mirrors. */
  readonly crc32c: string;
}

/** One bucket. All methods throw with the bucket's URL and the store's own words; an aborted signal rejects with its reason. */
export interface Bucket {
  /** `gs://name` or `s3://name`, for messages. */
  readonly url: string;
  /** The object, or undefined if there is none. */
  stat(key: string, signal: AbortSignal): Promise<Stored | undefined>;
  /** All objects whose key starts with the prefix, in order of keys, page by page. Throws {@link BucketAbsent}. */
  list(prefix: string, signal: AbortSignal): AsyncIterable<Stored>;
  /**
   * What lies directly below a prefix, in order, page by page: keys, and the prefixes, up to the next `/`, of all that lies deeper. Throws
   * {@link BucketAbsent}.
   */
  entries(prefix: string, signal: AbortSignal): AsyncIterable<string>;
  /** The stored bytes (never decompressed) of exactly this version, from an offset to the end. */
  read(object: Stored, from: number, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>>;
  /** Begins to write an object that does not exist. */
  create(key: string, content: Content, headers: ObjectHeaders, signal: AbortSignal): Promise<Upload>;
  /**
   * Writes a small document of the catalogue, whatever was there. Throws for any other key: what is published never changes.
   */
  replace(key: string, bytes: Uint8Array, headers: ObjectHeaders, signal: AbortSignal): Promise<void>;
  /** Removes the object if it is still this version. Absent is fine; another version throws {@link ObjectChanged}. */
  remove(object: Stored, signal: AbortSignal): Promise<void>;
  /** Whether what is removed stays recoverable for a while (versioning, soft delete); undefined = we may not ask. */
  keepsRemoved(signal: AbortSignal): Promise<boolean | undefined>;
}

/** The content and the one chunk of a document that is to be replaced. Throws for a key outside of the catalogue: nothing else may be. */
export function replacement(key: string, bytes: Uint8Array): { readonly content: Content; readonly chunk: Chunk } {
  if (!key.startsWith(catalogueFolder)) throw new Error(`${key} may not be replaced: what is published never changes`);
  const sum = encodeCrc32c(crc32c(bytes));
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  return { content: { size: bytes.length, sha256, crc32c: sum }, chunk: { bytes, offset: 0, crc32c: sum } };
}

/** A MiB of 1024 x 1024 bytes. */
const mebibyte = 1024 * 1024;

/**
 * Bytes of a chunk. A multiple of 256 KiB (GCS resumable uploads) and at least 5 MiB (parts of S3 multipart uploads); an object of
 * at most this size is verified in memory and written by a single request.
 */
export function chunkBytes(size: number): number {
  // S3 takes at most 10,000 parts (Amazon S3 multipart upload limits).
  return Math.max(8, Math.ceil(size / 9_000 / mebibyte)) * mebibyte;
}

/** An answer of a store that no repetition changes and that the caller may expect. */
export class StorageAnswer extends Error {}

/** The bucket does not exist (yet). */
export class BucketAbsent extends StorageAnswer {}

/** We lack the right, or have nothing to show who we are; asking for other objects of the bucket will be answered alike. */
export class Denied extends StorageAnswer {}

/** The key already holds an object. */
export class ObjectExists extends StorageAnswer {}

/** The object is no longer the version that was looked at. */
export class ObjectChanged extends StorageAnswer {}

/** The store may have forgotten an upload under way (GCS 404/410 of a session): begin the object again. */
export class UploadLost extends StorageAnswer {}

/** The client of one store. */
export interface StoreClient {
  bucket(name: string): Bucket;
  close(): Promise<void>;
}

/** `gs://name` or `s3://name`. */
export function bucketUrl(address: BucketAddress): string {
  return `${address.kind === "gcs" ? "gs" : "s3"}://${address.bucket}`;
}
