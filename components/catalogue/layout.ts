import { createHash } from "node:crypto";

/** Prefix of all objects of the catalogue, in every file mirror. */
export const cataloguePrefix = "catalog/";

/** The index: a summary of everything in production. Mutable. */
export const indexKey = `${cataloguePrefix}index.json`;

/** The listing: everything in production as text, gzipped (see listing.ts). Mutable. */
export const listingKey = `${cataloguePrefix}all.tsv.gz`;

/** The digests of platforms as text, gzipped (see platform-lines.ts). Mutable. */
export const platformsKey = `${cataloguePrefix}platforms.tsv.gz`;

/** The document of one project. Mutable. */
export function projectKey(project: string): string {
  return `${cataloguePrefix}projects/${project}.json`;
}

/** A document that is named by the digest of its content. Immutable. */
export function detailsKey(text: string): string {
  return `${cataloguePrefix}details/${createHash("sha256").update(text).digest("hex")}.json`;
}

/** Prefix of a project's files, with a slash at the end. */
export function filesPrefix(filePrefix: string): string {
  return filePrefix === "" ? "binaries/" : `binaries/${filePrefix}/`;
}

/** Serializes a document. The same value gives the same bytes. */
export function writeDocument(value: unknown): string {
  return `${JSON.stringify(value)}\n`;
}

/** Whether an object is immutable. */
export function isLasting(key: string): boolean {
  return key.startsWith(`${cataloguePrefix}details/`);
}
