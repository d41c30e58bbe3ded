import { createHash } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import {
  keyOfFile,
  keyOfRepository,
  keyOfTag,
  type PresenceDocument,
  type PresenceIndex,
  presenceDocumentKey,
  presenceVersion,
  writeKeys,
} from "../../redirector/presence-format.ts";
import type { ImageDetails, ReleaseDetails } from "./formats.ts";
import { writeDocument } from "./layout.ts";
import { dividePresence, type PresenceItem } from "./presence-parts.ts";

/** Of each repository and each of its digests: the keys of all that it consists of and of what is attached to it, as a document has them. */
export type DigestKeys = PresenceDocument["images"];

/** The SHA-256 of a project's presence documents, in hexadecimal digits. */
export interface PresenceNames {
  /** Of the first document. */
  readonly sha256: string;
  /** Of the others, if the project is divided. */
  readonly more?: readonly string[];
}

/** A project's presence documents, ready to be written. */
export interface ProjectPresence extends PresenceNames {
  /** Texts by key; the first document comes first. */
  readonly documents: ReadonlyMap<string, string>;
}

/** The index of an empty catalogue. */
export const emptyPresence: PresenceIndex = { schemaVersion: presenceVersion, projects: {} };

/**
 * Composes a project's presence documents. Of a digest without keys only its tags are in them. The same input gives the same bytes.
 * @param releases in which all paths are in one folder, the release's.
 */
export function projectPresence(
  project: string,
  images: readonly Pick<ImageDetails, "repository" | "versions">[],
  releases: readonly Pick<ReleaseDetails, "release" | "files">[],
  known: DigestKeys,
): ProjectPresence {
  const items = [
    ...images.flatMap((image) => itemsOfImage(image, known)),
    ...releases.flatMap(({ release, files }) =>
      files.map(({ path }): Item => itemOf(`file ${release}`, path, { keys: [keyOfFile(path)] })),
    ),
  ];
  const texts = dividePresence(items).map((part) => writeDocument(documentOf(project, part)));
  const documents = new Map(texts.map((text) => [createHash("sha256").update(text).digest("hex"), text]));
  const [sha256 = "", ...more] = documents.keys();
  return {
    sha256,
    ...(more.length > 0 && { more }),
    documents: new Map([...documents].map(([name, text]) => [presenceDocumentKey(name), text])),
  };
}

/** A part of what a document has. */
interface Item extends PresenceItem {
  readonly keys: readonly number[];
  readonly repository?: string;
  /** Of a digest: itself, and the keys of all that it consists of. */
  readonly digest?: readonly [digest: string, keys: string];
}

function itemOf(group: string, name: string, has: Omit<Item, keyof PresenceItem>): Item {
  const ofDigest = has.digest === undefined ? 0 : has.digest.join().length + quotes;
  return { group, name, size: has.keys.length * charactersOfKey + ofDigest, ...has };
}

/** A digest's quotes, colon and comma in a document. */
const quotes = 6;
const charactersOfKey = 8;

function itemsOfImage(
  { repository, versions }: Pick<ImageDetails, "repository" | "versions">,
  known: DigestKeys,
): Item[] {
  const digests = Object.hasOwn(known, repository) ? known[repository]! : {};
  const group = `image ${repository}`;
  return [
    itemOf(group, "", { repository, keys: [keyOfRepository(repository)] }),
    ...versions.map(({ digest, tags }) =>
      itemOf(group, digest, {
        repository,
        keys: tags.map((tag) => keyOfTag(repository, tag)),
        ...(Object.hasOwn(digests, digest) && { digest: [digest, digests[digest]!] as const }),
      }),
    ),
  ];
}

function documentOf(project: string, items: readonly Item[]): PresenceDocument {
  const images = new Map<string, [string, string][]>();
  for (const { repository, digest } of items) {
    if (repository === undefined) continue;
    const own = images.get(repository) ?? [];
    images.set(repository, own);
    if (digest !== undefined) own.push([...digest]);
  }
  const sorted = <Value>(entries: Iterable<[string, Value]>) => [...entries].sort(([a], [b]) => (a < b ? -1 : 1));
  return {
    schemaVersion: presenceVersion,
    project,
    keys: writeKeys(items.flatMap(({ keys }) => keys)),
    images: Object.fromEntries(sorted([...images].map(([name, own]) => [name, Object.fromEntries(sorted(own))]))),
  };
}

/**
 * Replaces one project in the index; removes it if `presence` is undefined. Projects are sorted by name.
 * @returns the same index if nothing changes.
 * @param held names of the mirrors that hold all of it, and of those that hold a part; undefined: as before, or none.
 */
export function replacePresence(
  index: PresenceIndex,
  project: string,
  presence: PresenceNames | undefined,
  held: { readonly mirrors: readonly string[]; readonly filling?: readonly string[] | undefined } | undefined,
): PresenceIndex {
  const projects = new Map(Object.entries(index.projects));
  const before = projects.get(project);
  const { mirrors } = held ?? before ?? { mirrors: [] };
  const filling = held?.filling ?? before?.filling ?? [];
  projects.delete(project);
  if (presence !== undefined && mirrors.length > 0)
    projects.set(project, {
      document: presence.sha256,
      ...(presence.more !== undefined && { more: [...presence.more] }),
      mirrors: [...mirrors],
      ...(filling.length > 0 && { filling: [...filling] }),
    });
  if (isDeepStrictEqual(projects.get(project), before)) return index;
  return { ...index, projects: Object.fromEntries([...projects].sort(([a], [b]) => (a < b ? -1 : 1))) };
}
