import { type ImageDetails, type ReleaseDetails, readDocument } from "../../catalogue/formats.ts";
import type { CatalogueMirror } from "./catalogue-mirror.ts";
import type { StoredProject } from "./stored-project.ts";

/** What a project's document refers to. */
export interface EntryDetails {
  readonly images: readonly ImageDetails[];
  readonly releases: readonly ReleaseDetails[];
}

/** A project's document, or something that it refers to, is missing or damaged. */
export class IncompleteEntry extends Error {}

/** Reads all that a project's document refers to. @throws {@link IncompleteEntry} if something of it is missing or damaged. */
export async function readDetails(
  mirror: CatalogueMirror,
  { document: { images, releases }, lost }: StoredProject,
): Promise<EntryDetails> {
  const [part] = lost;
  if (part !== undefined) throw new IncompleteEntry(`${mirror.url}/${part} is missing or damaged`);
  const read = async <Kind extends "image" | "release">(what: Kind, details: string) => {
    const found = readDocument(what, String((await mirror.read(details)) ?? ""));
    if (found === undefined) throw new IncompleteEntry(`${mirror.url}/${details} is missing or damaged`);
    return found;
  };
  const [ofImages, ofReleases] = await Promise.all([
    Promise.all(images.map(({ details }) => read("image", details))),
    Promise.all(releases.map(({ details }) => read("release", details))),
  ]);
  return { images: ofImages, releases: ofReleases };
}
