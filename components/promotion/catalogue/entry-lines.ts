import { type EntryLines, entryLines } from "../../catalogue/entry.ts";
import { readDocument } from "../../catalogue/formats.ts";
import { projectKey } from "../../catalogue/layout.ts";
import { BucketAbsent } from "../storage/bucket.ts";
import type { CatalogueMirror } from "./catalogue-mirror.ts";
import { IncompleteEntry, readDetails } from "./entry-details.ts";

/**
 * Makes a project's lines anew from its documents, in the first mirror that has all of them.
 * @param mirrors the newest first.
 * @returns undefined if no mirror has all of them. @throws if a mirror cannot be read that may have them.
 */
export async function readEntryLines(
  project: string,
  mirrors: readonly CatalogueMirror[],
): Promise<EntryLines | undefined> {
  let failure: unknown;
  for (const mirror of mirrors) {
    try {
      const document = readDocument("project", String((await mirror.read(projectKey(project))) ?? ""));
      if (document === undefined) continue;
      const { images, releases } = await readDetails(mirror, document);
      return entryLines(project, images, releases);
    } catch (error) {
      if (!(error instanceof IncompleteEntry || error instanceof BucketAbsent)) failure ??= error;
    }
  }
  if (failure !== undefined) throw failure;
  return undefined;
}
