import { type ImageDetails, type ProjectDocument, type ReleaseDetails, readDocument } from "../../catalogue/formats.ts";
import type { CatalogueMirror } from "./catalogue-mirror.ts";

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
  { images, releases }: Pick<ProjectDocument, "images" | "releases">,
): Promise<EntryDetails> {
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
