import { type EntryLines, entryLines } from "../../catalogue/entry.ts";
import type { CatalogueMirror } from "./catalogue-mirror.ts";
import { IncompleteEntry, readDetails } from "./entry-details.ts";
import { fromFirst } from "./from-first.ts";
import { readStoredProject } from "./stored-project.ts";

/**
 * Makes a project's lines anew from its documents, in the first mirror that has all of them.
 * @param mirrors the newest first.
 * @returns undefined if no mirror has all of them. @throws if a mirror cannot be read that may have them.
 */
export function readEntryLines(project: string, mirrors: readonly CatalogueMirror[]): Promise<EntryLines | undefined> {
  const find = async (mirror: CatalogueMirror): Promise<EntryLines | undefined> => {
    const stored = await readStoredProject(mirror, project);
    if (stored === undefined) return undefined;
    const { images, releases } = await readDetails(mirror, stored);
    return entryLines(project, images, releases);
  };
  return fromFirst(mirrors, find, (error) => error instanceof IncompleteEntry);
}
