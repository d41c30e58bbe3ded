import { hash } from "node:crypto";
import * as z from "zod/mini";
import { catalogueFolder, filesFolder } from "./object-paths.ts";

/**
 * The presence documents: which objects a promotion has put into which mirrors. Promotions write them to every file mirror, redirectors read
 * them in place of a HEAD for each object. One document for each project, more for a large one, named by the digest of its content, and one index.
 *
 * An object is a key of 48 bits, which no document can be turned back from: a document names no address, so a forged one cannot lead a client
 * anywhere but to a configured mirror.
 */

/** The index. Mutable. */
export const presenceIndexKey = `${catalogueFolder}presence.json`;

/** Prefix of the keys of the documents. */
export const presenceFolder = `${catalogueFolder}presence/`;

/** The key of the document with this SHA-256 in hexadecimal digits. Immutable. */
export function presenceDocumentKey(sha256: string): string {
  return `${presenceFolder}${sha256}.json`;
}

/** Version of both formats. A reader ignores documents of another one. */
export const presenceVersion = 1;

const bytesPerKey = 6;
/** A key has twelve hexadecimal digits of a digest, or eight characters in a document: base64url without padding. */
const hexDigits = 2 * bytesPerKey;
const half = 2 ** 24;

/** The key of a text: the first 48 bits of its SHA-256. */
function keyOfText(text: string): number {
  return Number.parseInt(hash("sha256", text).slice(0, hexDigits), 16);
}

/** The key of what a repository has by digest: a manifest, or a blob of an image. */
export function keyOfDigest(repository: string, digest: string): number {
  return mix(keyOfText(repository), digest);
}

/** The key of a blob of something that is attached to an image. Buckets that hold only layers do not have it. */
export function keyOfAttachedBlob(repository: string, digest: string): number {
  return mix(keyOfText(`${repository}@`), digest);
}

/** The key of a tag. */
export function keyOfTag(repository: string, tag: string): number {
  return keyOfText(`${repository}:${tag}`);
}

/** The key of a repository: mirrors that have anything of it have its lists. */
export function keyOfRepository(repository: string): number {
  return keyOfText(`${repository}:`);
}

/** The key of a file, by its key in a bucket. */
export function keyOfFile(objectKey: string): number {
  return keyOfText(`/${objectKey}`);
}

/** Whether files with this key in a bucket are in the documents: those of projects are. */
export function isPublishedFile(objectKey: string): boolean {
  return objectKey.startsWith(filesFolder);
}

/** An exclusive or of both keys, which is as evenly distributed as they are. */
function mix(key: number, digest: string): number {
  const start = digest.indexOf(":") + 1;
  const other = Number.parseInt(digest.slice(start, start + hexDigits), 16);
  const high = Math.floor(key / half) ^ Math.floor(other / half);
  return high * half + ((key % half) ^ (other % half));
}

/** Keys as text, sorted, each once: the same keys give the same text. */
export function writeKeys(keys: Iterable<number>): string {
  const sorted = [...new Set(keys)].sort((a, b) => a - b);
  const bytes = Buffer.alloc(sorted.length * bytesPerKey);
  for (const [index, key] of sorted.entries()) bytes.writeUIntBE(key, index * bytesPerKey, bytesPerKey);
  return bytes.toString("base64url");
}

/** The keys of a text that {@link writeKeys} wrote, in its order. @throws Error if the text is anything else. */
export function readKeys(text: string): Float64Array {
  const bytes = Buffer.from(text, "base64url");
  // Node skips characters that are not of the alphabet.
  if (bytes.length % bytesPerKey !== 0 || bytes.toString("base64url") !== text) throw new Error("not a list of keys");
  const keys = new Float64Array(bytes.length / bytesPerKey);
  for (let index = 0; index < keys.length; index++) keys[index] = bytes.readUIntBE(index * bytesPerKey, bytesPerKey);
  return keys;
}

const keyText = z.string().check(z.regex(/^[\w-]*$/));
const sha256 = z.string().check(z.regex(/^[0-9a-f]{64}$/));
const version = z.literal(presenceVersion);

/** What one project has in production, or a part of it. */
const documentFormat = z.object({
  schemaVersion: version,
  project: z.string(),
  /** The keys of its repositories, tags and files. */
  keys: keyText,
  /** Of each repository and each of its promoted digests: the keys of all that the digest consists of, and of what is attached to it. */
  images: z.record(z.string(), z.record(z.string(), keyText)),
});

const indexFormat = z.object({
  schemaVersion: version,
  projects: z.record(
    z.string(),
    z.object({
      /** SHA-256 of its document. */
      document: sha256,
      /** Of a large project: SHA-256 of the other documents. */
      more: z.optional(z.array(sha256).check(z.maxLength(1024))),
      /** Names of the mirrors that hold everything in it. */
      mirrors: z.array(z.string()).check(z.maxLength(1024)),
      /** Names of the mirrors that hold a part of it, because they are filled: what is asked for is looked for there. */
      filling: z.optional(z.array(z.string()).check(z.maxLength(1024))),
    }),
  ),
});

/** A project's document, or one of them. */
export type PresenceDocument = z.output<typeof documentFormat>;
/** The index. */
export type PresenceIndex = z.output<typeof indexFormat>;

/** Reads a project's document. @throws Error if the text is not one. */
export function readPresenceDocument(text: string): PresenceDocument {
  return documentFormat.parse(JSON.parse(text));
}

/** Reads the index. @throws Error if the text is not one. */
export function readPresenceIndex(text: string): PresenceIndex {
  return indexFormat.parse(JSON.parse(text));
}
