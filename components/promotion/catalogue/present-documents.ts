import { type PresenceIndex, presenceIndexKey, readPresenceIndex } from "../../../redirector/presence-format.ts";
import {
  type CatalogueIndex,
  type ListingDocument,
  type RecentDocument,
  readDocument,
} from "../../catalogue/formats.ts";
import { emptyIndex } from "../../catalogue/index-document.ts";
import { indexKey, type LineKind, listingKey, recentKey, undividedKeys } from "../../catalogue/layout.ts";
import { unpackListing } from "../../catalogue/listing.ts";
import { joinParts } from "../../catalogue/listing-parts.ts";
import { emptyPresence } from "../../catalogue/presence.ts";
import { BucketAbsent } from "../storage/bucket.ts";
import { type CatalogueMirror, NewerCatalogue } from "./catalogue-mirror.ts";
import { type IndexedMirror, mirrorsByAge } from "./newest-first.ts";
import { noRecent } from "./recent-document.ts";

/** The lines of all projects, as a version wrote them that did not divide them: each project's lines by its name. */
export type UndividedLines = Readonly<Record<LineKind, ReadonlyMap<string, string>>>;

/** The documents that all projects share, as earlier runs have left them. */
export interface PresentDocuments {
  readonly index: CatalogueIndex;
  /** The parts of all lines. */
  readonly parts: Pick<ListingDocument, LineKind>;
  /** Lines that are in no part yet, because an earlier version wrote them; "lost": there are neither lines nor parts. */
  readonly undivided?: UndividedLines | "lost" | undefined;
  readonly recent: RecentDocument;
  readonly presence: PresenceIndex;
}

const noParts: PresentDocuments["parts"] = { listing: [], platforms: [] };

const nothing: PresentDocuments = {
  index: emptyIndex,
  parts: noParts,
  recent: noRecent,
  presence: emptyPresence,
};

/**
 * Reads the documents from the newest of the mirrors: one that could not be written in an earlier run has older ones. Mirrors that cannot be read are left
 * out, as long as one can. New mirrors are empty.
 * @throws if no mirror can be read, or what is there cannot be understood: to begin anew would lose all projects.
 */
export async function readPresent(mirrors: readonly CatalogueMirror[]): Promise<PresentDocuments> {
  const { read, unread } = await mirrorsByAge(mirrors);
  const newer = unread.find(({ error }) => error instanceof NewerCatalogue);
  if (newer !== undefined) throw newer.error;
  const [newest] = read;
  if (newest?.index === undefined) {
    if (unread[0] !== undefined) throw unread[0].error;
    for (const { mirror } of read) if (await isThere(mirror, indexKey)) throw damaged(mirror, indexKey);
    return nothing;
  }
  const { mirror, index } = newest;
  const [presence, lines, recent] = await Promise.all([
    mirror.read(presenceIndexKey),
    readLines(read, index),
    readRecent(read),
  ]);
  return { index, ...lines, recent, presence: presenceIn(presence) };
}

async function isThere(mirror: CatalogueMirror, key: string): Promise<boolean> {
  try {
    return await mirror.has(key);
  } catch (error) {
    if (error instanceof BucketAbsent) return false;
    throw error;
  }
}

/** The lines are those of the index only in mirrors with the same revision. */
async function readLines(
  mirrors: readonly IndexedMirror[],
  { revision }: CatalogueIndex,
): Promise<Pick<PresentDocuments, "parts" | "undivided">> {
  for (const { mirror } of mirrors.filter(({ index }) => index !== undefined && index.revision === revision)) {
    const bytes = await mirror.read(listingKey);
    if (bytes === undefined) {
      const undivided = await readUndivided(mirror);
      if (undivided !== undefined) return { parts: noParts, undivided };
      continue;
    }
    const parts = readDocument("listing", bytes.toString());
    if (parts === undefined) throw damaged(mirror, listingKey);
    return { parts };
  }
  return { parts: noParts, undivided: "lost" };
}

/** Undefined: there is none. One without platform lines gets them with each entry. */
async function readUndivided(mirror: CatalogueMirror): Promise<UndividedLines | undefined> {
  const [listing, platforms] = await Promise.all(
    (["listing", "platforms"] as const).map(async (kind) => {
      const bytes = await mirror.read(undividedKeys[kind]);
      const text = bytes && unpackListing(bytes);
      if (bytes !== undefined && text === undefined) throw damaged(mirror, undividedKeys[kind]);
      return text;
    }),
  );
  if (listing === undefined) return undefined;
  return { listing: joinParts([listing]), platforms: joinParts([platforms ?? ""]) };
}

/** The newest history that is whole. Without one it begins anew: nothing depends on it. */
async function readRecent(mirrors: readonly IndexedMirror[]): Promise<RecentDocument> {
  for (const { mirror } of mirrors.filter(({ index }) => index !== undefined)) {
    const recent = readDocument("recent", String((await mirror.read(recentKey)) ?? ""));
    if (recent !== undefined) return recent;
  }
  return noRecent;
}

/** A damaged one is begun anew: it promises less until each project has been written again. */
function presenceIn(bytes: Buffer | undefined): PresenceIndex {
  if (bytes === undefined) return emptyPresence;
  try {
    return readPresenceIndex(bytes.toString("utf8"));
  } catch {
    return emptyPresence;
  }
}

function damaged(mirror: CatalogueMirror, key: string): Error {
  return new Error(
    `${mirror.url}/${key} is damaged, or a newer version of this program wrote it: update this program, or remove the object if it is damaged`,
  );
}
