import { createHash } from "node:crypto";

/** Below it lies the whole catalogue, in every file mirror. */
export const cataloguePrefix = "catalog/";

/** Everything in production, in short. Changes. */
export const indexKey = `${cataloguePrefix}index.json`;

/** Everything in production as text, gzipped (see listing.ts). Changes. */
export const listingKey = `${cataloguePrefix}all.tsv.gz`;

/** The platforms' own digests as text, gzipped (see platform-lines.ts). Changes. */
export const platformsKey = `${cataloguePrefix}platforms.tsv.gz`;

/** One project. Changes. */
export function projectKey(project: string): string {
  return `${cataloguePrefix}projects/${project}.json`;
}

/** A document whose name is its content. Never changes. */
export function detailsKey(text: string): string {
  return `${cataloguePrefix}details/${createHash("sha256").update(text).digest("hex")}.json`;
}

/** Where a project's files are, with a slash at the end. */
export function filesPrefix(filePrefix: string): string {
  return filePrefix === "" ? "binaries/" : `binaries/${filePrefix}/`;
}

/** A document as it is written: the same value gives the same bytes. */
export function writeDocument(value: unknown): string {
  return `${JSON.stringify(value)}\n`;
}

/** Whether an object's content never changes. */
export function isLasting(key: string): boolean {
  return key.startsWith(`${cataloguePrefix}details/`);
}
