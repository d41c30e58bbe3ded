import { gunzipSync, gzipSync } from "node:zlib";

/**
 * The listing: everything in production as text for grep and for the page's search. One line for each digest of an image and each file, fields
 * separated by tabs:
 *
 *     image <project> <repository> sha256:<hex> <tag> <tag> ...
 *     file  <project> <path>       sha256:<hex>
 *
 * Divided into parts (see listing-parts.ts), each sorted by project; within a project images by name and newest first, then files.
 */

/** The line of one digest of an image. */
export function imageListingLine(project: string, repository: string, digest: string, tags: readonly string[]): string {
  return `${["image", project, repository, digest, ...tags].join("\t")}\n`;
}

/** The line of one file; `sha256` in hexadecimal digits. */
export function fileListingLine(project: string, path: string, sha256: string): string {
  return `${["file", project, path, `sha256:${sha256}`].join("\t")}\n`;
}

/** Compresses lines for storage. */
export function packListing(listing: string): Buffer {
  return gzipSync(listing, { level: 9 });
}

/** Decompresses lines; undefined if the bytes are not gzip. */
export function unpackListing(bytes: Uint8Array): string | undefined {
  try {
    return gunzipSync(bytes, { maxOutputLength: 512 * 1024 * 1024 }).toString("utf8");
  } catch {
    return undefined;
  }
}
