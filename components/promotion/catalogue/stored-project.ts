import { type ProjectDocument, readDocument } from "../../catalogue/formats.ts";
import { projectKey } from "../../catalogue/layout.ts";
import type { CatalogueMirror } from "./catalogue-mirror.ts";

/** A project's document in a mirror. */
export interface StoredProject {
  /** With the releases of all parts that could be read. */
  readonly document: ProjectDocument;
  /** Keys of the parts of its releases that are missing or damaged. */
  readonly lost: readonly string[];
}

/** Reads a project's document and the parts of its releases in one mirror; undefined if there is none, or a damaged one. */
export async function readStoredProject(mirror: CatalogueMirror, project: string): Promise<StoredProject | undefined> {
  const document = readDocument("project", String((await mirror.read(projectKey(project))) ?? ""));
  if (document === undefined) return undefined;
  const { moreReleases = [] } = document;
  const parts = await Promise.all(
    moreReleases.map(async (key) => readDocument("releases", String((await mirror.read(key)) ?? ""))?.releases),
  );
  return {
    document: { ...document, releases: [...document.releases, ...parts.flatMap((part) => part ?? [])] },
    lost: moreReleases.filter((_, at) => parts[at] === undefined),
  };
}

/** Keys of the documents that a project's document refers to. */
export function documentsOf({ images, releases, moreReleases = [], ...document }: ProjectDocument): string[] {
  return [...[...images, ...releases].map(({ details }) => details), ...moreReleases, ...presenceKeysOf(document)];
}

/** Keys of a project's presence documents. */
export function presenceKeysOf({
  presence,
  morePresence = [],
}: Pick<ProjectDocument, "presence" | "morePresence">): string[] {
  return presence === undefined ? [] : [presence, ...morePresence];
}
