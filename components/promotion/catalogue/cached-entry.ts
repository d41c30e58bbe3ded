import { readPresenceDocument } from "../../../redirector/presence-format.ts";
import { type ImageFacts, type ProjectDocument, readDocument } from "../../catalogue/formats.ts";
import { projectKey } from "../../catalogue/layout.ts";
import type { DigestKeys } from "../../catalogue/presence.ts";
import type { CatalogueMirror } from "./catalogue-mirror.ts";
import { documentsOf, presenceKeysOf, readStoredProject } from "./stored-project.ts";

/** What earlier runs wrote about a project. A run describes only what is not cached here. */
export interface CachedEntry {
  /** Facts by digest. */
  readonly facts: ReadonlyMap<string, ImageFacts>;
  readonly digestKeys: DigestKeys;
  /** Bytes of a file, by `<key> <sha256>`. */
  readonly sizes: ReadonlyMap<string, number>;
  /** Keys of its documents. */
  readonly documents: ReadonlySet<string>;
}

/** The cache of a project that no run has written yet. */
export const noCachedEntry: CachedEntry = {
  facts: new Map(),
  digestKeys: {},
  sizes: new Map(),
  documents: new Set(),
};

/** Reads a project's documents in one mirror. Documents that are missing or of another format are not cached. */
export async function readCachedEntry(mirror: CatalogueMirror, project: string): Promise<CachedEntry> {
  const stored = await readStoredProject(mirror, project);
  if (stored === undefined) return noCachedEntry;
  const { document } = stored;
  const facts = new Map<string, ImageFacts>();
  const sizes = new Map<string, number>();
  const images = document.images.map(async ({ details }) => {
    const image = readDocument("image", String((await mirror.read(details)) ?? ""));
    for (const { tags: _, ...fact } of image?.versions ?? []) facts.set(fact.digest, fact);
  });
  const releases = document.releases.map(async ({ details }) => {
    const release = readDocument("release", String((await mirror.read(details)) ?? ""));
    for (const { path, sha256, bytes } of release?.files ?? []) sizes.set(`${path} ${sha256}`, bytes);
  });
  const [digestKeys] = await Promise.all([readDigestKeys(mirror, document), ...images, ...releases]);
  return { facts, digestKeys, sizes, documents: new Set([projectKey(project), ...documentsOf(document)]) };
}

/** What an earlier run has written for redirectors; nothing of documents that are not there, or of another format. */
export async function readDigestKeys(
  mirror: CatalogueMirror,
  document: Pick<ProjectDocument, "presence" | "morePresence">,
): Promise<DigestKeys> {
  const keys: Record<string, Record<string, string>> = {};
  for (const images of await Promise.all(presenceKeysOf(document).map((key) => readImages(mirror, key))))
    for (const [repository, digests] of Object.entries(images)) keys[repository] = { ...keys[repository], ...digests };
  return keys;
}

async function readImages(mirror: CatalogueMirror, key: string): Promise<DigestKeys> {
  const text = String((await mirror.read(key)) ?? "");
  try {
    return readPresenceDocument(text).images;
  } catch {
    return {};
  }
}
