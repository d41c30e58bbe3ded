import { createHash } from "node:crypto";
import { catalogueFolder } from "../../redirector/object-paths.ts";
import { presenceFolder } from "../../redirector/presence-format.ts";

/** The index: a summary of everything in production. Mutable. */
export const indexKey = `${catalogueFolder}index.json`;

/** The listing: everything in production as text, gzipped (see listing.ts). Mutable. */
export const listingKey = `${catalogueFolder}all.tsv.gz`;

/** The digests of platforms as text, gzipped (see platform-lines.ts). Mutable. */
export const platformsKey = `${catalogueFolder}platforms.tsv.gz`;

/** What was promoted lately (see components/promotion/catalogue/recent-document.ts). Mutable. */
export const recentKey = `${catalogueFolder}recent.json`;

/** The same as an Atom feed. Mutable. */
export const recentFeedKey = `${catalogueFolder}recent.atom`;

/** The document of one project. Mutable. */
export function projectKey(project: string): string {
  return `${catalogueFolder}projects/${project}.json`;
}

/** A document that is named by the digest of its content. Immutable. */
export function detailsKey(text: string): string {
  return `${catalogueFolder}details/${createHash("sha256").update(text).digest("hex")}.json`;
}

/** Serializes a document. The same value gives the same bytes. */
export function writeDocument(value: unknown): string {
  return `${JSON.stringify(value)}\n`;
}

/** Whether an object is immutable. */
export function isLasting(key: string): boolean {
  return key.startsWith(`${catalogueFolder}details/`) || key.startsWith(presenceFolder);
}
