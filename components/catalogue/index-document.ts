import { type CatalogueIndex, type IndexEntry, schemaVersion } from "./formats.ts";

/** The index of a catalogue in which nothing is published. */
export const emptyIndex: CatalogueIndex = { schemaVersion, projects: [] };

/** The index with one project's entry replaced; without an entry it is gone. Projects are in order of name. */
export function replaceEntry(index: CatalogueIndex, project: string, entry: IndexEntry | undefined): CatalogueIndex {
  const others = index.projects.filter(({ name }) => name !== project);
  const projects = entry === undefined ? others : [...others, entry];
  return { ...index, projects: projects.sort((a, b) => (a.name < b.name ? -1 : 1)) };
}
