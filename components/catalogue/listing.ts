import { gunzipSync, gzipSync } from "node:zlib";

/**
 * The listing: everything in production as text for grep and for the page's search. One line for each digest of an image and each file, fields
 * separated by tabs:
 *
 *     image <project> <repository> sha256:<hex> <tag> <tag> ...
 *     file  <project> <path>       sha256:<hex>
 *
 * Sorted by project; within a project images by name and newest first, then files.
 */

/** The line of one digest of an image. */
export function imageListingLine(project: string, repository: string, digest: string, tags: readonly string[]): string {
  return `${["image", project, repository, digest, ...tags].join("\t")}\n`;
}

/** The line of one file; `sha256` in hexadecimal digits. */
export function fileListingLine(project: string, path: string, sha256: string): string {
  return `${["file", project, path, `sha256:${sha256}`].join("\t")}\n`;
}

/** Replaces one project's lines in the listing or the platform lines; removes them if `lines` is empty. */
export function replaceLines(listing: string, project: string, lines: string): string {
  const kept = new Map<string, string[]>();
  for (const line of listing.split("\n")) {
    const owner = line.split("\t", 2)[1];
    if (owner === undefined || owner === project) continue;
    const group = kept.get(owner) ?? [];
    kept.set(owner, group);
    group.push(`${line}\n`);
  }
  if (lines !== "") kept.set(project, [lines]);
  return [...kept]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([, group]) => group)
    .join("");
}

/** One project's lines of the listing or the platform lines. */
export function projectLines(listing: string, project: string): string {
  const own = listing.split("\n").filter((line) => line.split("\t", 2)[1] === project);
  return own.map((line) => `${line}\n`).join("");
}

/** Compresses a listing for storage. */
export function packListing(listing: string): Buffer {
  return gzipSync(listing, { level: 9 });
}

/** Decompresses a listing; undefined if the bytes are not gzip. */
export function unpackListing(bytes: Uint8Array): string | undefined {
  try {
    return gunzipSync(bytes, { maxOutputLength: 512 * 1024 * 1024 }).toString("utf8");
  } catch {
    return undefined;
  }
}
