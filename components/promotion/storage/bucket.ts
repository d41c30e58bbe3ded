/**
 * One small interface over the object stores that hold release files and, for clients inside AWS, image layers.
 *
 * Writing is create-only: nothing here can replace an object's content, except the catalogue's own documents, tags and lists of images, and files that
 * are declared mutable. Callers may rely only on what the store itself proves about an object (see {@link Stored.sha256}).
 */

import { createHash } from "node:crypto";
import { catalogueFolder, isReplaceableKey } from "../../../redirector/object-paths.ts";
import type { FailureKind } from "../http/failure-kind.ts";
import { crc32c, encodeCrc32c } from "./crc32c.ts";

/** The address of a bucket. */
export interface BucketAddress {
  readonly kind: "gcs" | "s3";
  readonly bucket: string;
  /** The cloud's name of the region; S3 needs it for its signatures. */
  readonly region?: string;
  /** Of a store with S3's interface that is not Amazon's: its API. */
  readonly endpoint?: string | undefined;
  /** Its keys are the environment's `<keys>_ACCESS_KEY_ID` and `<keys>_SECRET_ACCESS_KEY`; undefined: those of AWS. */
  readonly keys?: string | undefined;
  /** Days for which it must let nobody remove what was written, see {@link Bucket.lockedDays}. */
  readonly lock?: number | undefined;
}

/** An object's description by its store. */
export interface Stored {
  readonly key: string;
  /** Bytes. */
  readonly size: number;
  /** The condition of a guarded read or removal: the generation (GCS) or the ETag (S3). */
  readonly version: string;
  /**
   * Hex digest of the content, only when the store proves it: its own SHA-256 of the whole object, or the one recorded when the
   * object was written together with a CRC32C that still equals the store's. Undefined = unknown here: `stat`, or download and hash.
   */
  readonly sha256?: string;
  /** The store's own CRC32C of the whole content, base64 of four big-endian bytes, when it has one. */
  readonly crc32c?: string;
  /**
   * The store's own MD5 of the whole content, hex, when it has one. To recognise in one store, without a request for each object, what another one has:
   * where both are written by this program only. Never to prove content.
   */
  readonly md5?: string;
  /** Of an object in GCS: the ETag, without quotes, that S3 gave the same content when it was sent there in parts ({@link Bucket.recordPartsEtag}). */
  readonly partsEtag?: string;
  /** The project that wrote it, if recorded. */
  readonly project?: string;
  /** `Content-Type`, if the store gives it: a listing does not. */
  readonly contentType?: string;
  /** `Content-Encoding`, if there is one: most clients then receive other bytes than are stored. */
  readonly encoding?: string;
  /** Names of other headers that it is served with, if any (GCS): those that nothing here writes. */
  readonly otherHeaders?: readonly string[];
  /** `Cache-Control`, if the store gives it: a listing of S3 does not. */
  readonly cacheControl?: string;
  /** Of a version that {@link Bucket.versions} found in S3: its id, by which it is read. */
  readonly versionId?: string;
}

/** What is known of the content before it is written. */
export interface Content {
  /** Bytes. */
  readonly size: number;
  /** Hex. */
  readonly sha256: string;
  /** Base64. The store refuses other content, and can later prove that {@link Stored.sha256} belongs to the content. */
  readonly crc32c?: string;
}

/** Metadata of a new object. */
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
  /** The ETag, without quotes, that S3 gave an object that was sent in parts: no MD5 of its content. Set once `finish` has succeeded. */
  readonly partsEtag?: string | undefined;
  /** Drops what was written so far. Never throws: what stays behind is invisible and expires. */
  abort(): Promise<void>;
}

/** A slice of an object, shared by all mirrors that it is sent to. */
export interface Chunk {
  readonly bytes: Uint8Array;
  /** Its offset in the object. */
  readonly offset: number;
  /** Its CRC32C, base64, computed once for all mirrors. */
  readonly crc32c: string;
}

/**
 * One bucket. Errors of all methods name the bucket's URL and quote the store's message; an aborted signal rejects with
 * its reason.
 */
export interface Bucket {
  /** `gs://name` or `s3://name`, for messages. */
  readonly url: string;
  /** The object, or undefined if there is none. */
  stat(key: string, signal: AbortSignal): Promise<Stored | undefined>;
  /** All objects whose key starts with the prefix, in order of keys, page by page. Throws {@link BucketAbsent}. */
  list(prefix: string, signal: AbortSignal): AsyncIterable<Stored>;
  /** As {@link list}, with all objects of a page at once: what is asked for hundreds of thousands at a time. */
  pages(prefix: string, signal: AbortSignal): AsyncIterable<readonly Stored[]>;
  /**
   * The entries directly below a prefix, in order, page by page: keys, and for deeper keys their prefixes up to the next `/`. Throws
   * {@link BucketAbsent}.
   */
  entries(prefix: string, signal: AbortSignal): AsyncIterable<string>;
  /** The stored bytes (never decompressed) of exactly this version, from an offset to the end. */
  read(object: Stored, from: number, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>>;
  /**
   * All versions of an object that can be read, newest first, as {@link stat} describes them: also what was replaced or removed, if the bucket
   * keeps it. {@link read} reads them.
   */
  versions(key: string, signal: AbortSignal): AsyncIterable<Stored>;
  /**
   * Starts to write an object that does not exist, or in the place of another. Readers find the old content until the new one is complete.
   * @param over the version that is replaced: if another one is there, `finish` throws {@link ObjectExists}. Throws if the headers promise that the
   * content never changes.
   */
  create(key: string, content: Content, headers: ObjectHeaders, signal: AbortSignal, over?: Stored): Promise<Upload>;
  /**
   * Copies an object of another bucket of the same store to a key that does not exist; its bytes stay in the store's own network. The copy's
   * checksum, computed by the store, must be the one that the store has of the source.
   * @param source the bucket's name.
   * @param object with the checksums that its store proves, and the SHA-256 that was proven with them.
   * @param copied is told the bytes of each step of a copy that takes several, when it is done.
   * @throws {@link ObjectExists} if the key is taken; {@link ObjectChanged} if the source is no longer there in this version; {@link CopyUnproven} if the
   * store does not prove the copy, which is then removed.
   */
  copyFrom(
    source: string,
    object: Stored & { readonly sha256: string },
    key: string,
    headers: ObjectHeaders,
    signal: AbortSignal,
    copied?: (bytes: number) => void,
  ): Promise<void>;
  /**
   * Records with an object in GCS which ETag S3 gave the same content when it was sent there in parts: so a listing of GCS says which objects of a listing
   * of S3 are as wanted. The content stays this version. In S3, whose listings show no metadata, it does nothing.
   */
  recordPartsEtag(object: Stored, etag: string, signal: AbortSignal): Promise<void>;
  /**
   * Writes a small document of the catalogue, or a tag or list of an image, and replaces an existing one. Throws for any other key,
   * because published content never changes.
   * @param over what must be there for it: this version, or nothing; else throws {@link ObjectChanged}. Undefined: anything.
   */
  replace(
    key: string,
    bytes: Uint8Array,
    headers: ObjectHeaders,
    signal: AbortSignal,
    over?: Stored | "nothing",
  ): Promise<void>;
  /** Removes the object if it is still this version. Absent is fine; another version throws {@link ObjectChanged}. */
  remove(object: Stored, signal: AbortSignal): Promise<void>;
  /**
   * Whether removed objects can be restored for a while (versioning, soft delete); undefined if reading the setting is
   * not permitted.
   */
  keepsRemoved(signal: AbortSignal): Promise<boolean | undefined>;
  /**
   * Days after its writing for which the store lets nobody remove a version of an object, by its default for new objects; 0: it does not. Undefined if
   * reading the setting is not permitted.
   */
  lockedDays(signal: AbortSignal): Promise<number | undefined>;
  /** Whether objects may be written; undefined if the store does not say. Writes nothing. */
  mayWrite(signal: AbortSignal): Promise<boolean | undefined>;
}

/**
 * The content and the only chunk of a document to write. Throws for a key of anything but the catalogue, tags and lists, since nothing else
 * may be replaced.
 */
export function replacement(key: string, bytes: Uint8Array): { readonly content: Content; readonly chunk: Chunk } {
  if (!key.startsWith(catalogueFolder) && !isReplaceableKey(key))
    throw new Error(`${key} cannot be replaced: published content never changes`);
  const content = contentOfBytes(bytes);
  return { content, chunk: { bytes, offset: 0, crc32c: content.crc32c } };
}

/** What is known of content that is held in memory. */
export function contentOfBytes(bytes: Uint8Array): Required<Content> {
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  return { size: bytes.length, sha256, crc32c: encodeCrc32c(crc32c(bytes)) };
}

/** Throws if an object with these headers is to replace another: caches that believe `immutable` never ask again. */
export function refuseImmutable(what: string, { cacheControl }: ObjectHeaders, over: Stored | undefined): void {
  if (over !== undefined && /\bimmutable\b/.test(cacheControl))
    throw new Error(`${what} cannot be replaced: it is served as immutable`);
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

/** A definite response of a store that callers may expect. Retrying does not change it. */
export class StorageResponse extends Error {
  readonly failureKind: FailureKind = "permanent";
}

/** The bucket does not exist (yet). */
export class BucketAbsent extends StorageResponse {}

/** Access is denied, or there are no credentials; requests for other objects of the bucket will fail in the same way. */
export class Denied extends StorageResponse {
  override readonly failureKind = "denied";
}

/** There already is an object at the key. */
export class ObjectExists extends StorageResponse {}

/** The object is no longer the version that was read before. */
export class ObjectChanged extends StorageResponse {
  override readonly failureKind = "transient";
}

/** The store has forgotten an upload in progress (GCS 404/410 of a session): start the object again. */
export class UploadLost extends StorageResponse {
  override readonly failureKind = "transient";
}

/** The store does not prove that its copy of an object has the object's content: send the content instead. */
export class CopyUnproven extends StorageResponse {}

/** The client of one store. */
export interface StoreClient {
  bucket(name: string): Bucket;
  close(): Promise<void>;
}

/** `gs://name` or `s3://name`. */
export function bucketUrl(address: BucketAddress): string {
  return `${address.kind === "gcs" ? "gs" : "s3"}://${address.bucket}`;
}
