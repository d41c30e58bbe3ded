import { createHash } from "node:crypto";
import { catalogueFolder } from "../../redirector/object-paths.ts";
import { presenceFolder } from "../../redirector/presence-format.ts";

/** The index: a summary of everything in production. Mutable. */
export const indexKey = `${catalogueFolder}index.json`;

/** The names of the parts of the listing and of the platform lines. Mutable. */
export const listingKey = `${catalogueFolder}listing.json`;

/** What is divided into parts: the listing (see listing.ts), and the digests of platforms (see platform-lines.ts). */
export type LineKind = "listing" | "platforms";

/** Folders of the parts. */
export const partFolders: Readonly<Record<LineKind, string>> = {
  listing: `${catalogueFolder}listing/`,
  platforms: `${catalogueFolder}platforms/`,
};

/** Where all lines were in one object until version 0.3. */
export const undividedKeys: Readonly<Record<LineKind, string>> = {
  listing: `${catalogueFolder}all.tsv.gz`,
  platforms: `${catalogueFolder}platforms.tsv.gz`,
};

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

/** A part of the lines as gzipped text, named by the digest of the text: the same text may be compressed to other bytes. Immutable. */
export function partKey(kind: LineKind, text: string): string {
  return `${partFolders[kind]}${createHash("sha256").update(text).digest("hex")}.tsv.gz`;
}

/** Serializes a document. The same value gives the same bytes. */
export function writeDocument(value: unknown): string {
  return `${JSON.stringify(value)}\n`;
}

/** Whether an object is immutable. */
export function isLasting(key: string): boolean {
  return [`${catalogueFolder}details/`, presenceFolder, ...Object.values(partFolders)].some((folder) =>
    key.startsWith(folder),
  );
}
