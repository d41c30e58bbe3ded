import { isDeepStrictEqual } from "node:util";
import { type CatalogueIndex, type IndexEntry, schemaVersion } from "./formats.ts";

/** The index of an empty catalogue. */
export const emptyIndex: CatalogueIndex = { schemaVersion, projects: [] };

/** What an index says of a project; undefined: it is not listed. */
export function indexEntryOf(index: CatalogueIndex | undefined, project: string): IndexEntry | undefined {
  return index?.projects.find(({ name }) => name === project);
}

/** Replaces one project's entry; removes it if `entry` is undefined. Projects are sorted by name. @returns the same index if nothing changes. */
export function replaceEntry(index: CatalogueIndex, project: string, entry: IndexEntry | undefined): CatalogueIndex {
  if (isDeepStrictEqual(indexEntryOf(index, project), entry)) return index;
  const others = index.projects.filter(({ name }) => name !== project);
  const projects = entry === undefined ? others : [...others, entry];
  return { ...index, projects: projects.sort((a, b) => (a.name < b.name ? -1 : 1)) };
}
