import type { CatalogueIndex } from "../../catalogue/formats.ts";
import { indexEntryOf } from "../../catalogue/index-document.ts";
import { projectKey } from "../../catalogue/layout.ts";
import type { CatalogueMirror } from "./catalogue-mirror.ts";

/** A mirror and the index in it; undefined: it has none. */
export interface IndexedMirror {
  readonly mirror: CatalogueMirror;
  readonly index: CatalogueIndex | undefined;
}

/** The mirrors that could be read, the newest index first and those without one last, and why the others could not be. */
export interface MirrorsByAge {
  readonly read: readonly IndexedMirror[];
  readonly unread: readonly { readonly mirror: CatalogueMirror; readonly error: unknown }[];
}

/** Reads the index of every mirror. Mirrors with the same revision, or without one, are in the given order. */
export async function mirrorsByAge(mirrors: readonly CatalogueMirror[]): Promise<MirrorsByAge> {
  const read: IndexedMirror[] = [];
  const unread: { mirror: CatalogueMirror; error: unknown }[] = [];
  const indexes = await Promise.allSettled(mirrors.map((mirror) => mirror.index()));
  for (const [at, result] of indexes.entries()) {
    const mirror = mirrors[at]!;
    if (result.status === "fulfilled") read.push({ mirror, index: result.value });
    else unread.push({ mirror, error: result.reason });
  }
  const ageOf = ({ index }: IndexedMirror): number => (index === undefined ? -1 : (index.revision ?? 0));
  return { read: read.sort((a, b) => ageOf(b) - ageOf(a)), unread };
}

/**
 * All mirrors in the order in which a project is read: first those that have the document that the newest index names, then by the age of their index. A
 * mirror that could not be written has an older document, maybe beside a new index. Those whose index cannot be read come last, or behind the others that have
 * the document.
 */
export async function newestFirst(project: string, mirrors: readonly CatalogueMirror[]): Promise<CatalogueMirror[]> {
  const { read, unread } = await mirrorsByAge(mirrors);
  const all = [...read, ...unread].map(({ mirror }) => mirror);
  const { sha256 } = indexEntryOf(read[0]?.index, project) ?? {};
  if (sha256 === undefined) return all; // an earlier version wrote the index
  const has = await Promise.all(all.map((mirror) => mirror.holds(projectKey(project), sha256).catch(() => false)));
  return [...all.filter((_, at) => has[at]), ...all.filter((_, at) => !has[at])];
}
