import { type ImageFacts, readDocument } from "../../catalogue/formats.ts";
import { projectKey } from "../../catalogue/layout.ts";
import type { CatalogueMirror } from "./catalogue-mirror.ts";

/** What earlier runs wrote about a project. A run describes only what is not cached here. */
export interface CachedEntry {
  /** Facts by digest. */
  readonly facts: ReadonlyMap<string, ImageFacts>;
  /** Bytes of a file, by `<key> <sha256>`. */
  readonly sizes: ReadonlyMap<string, number>;
  /** Keys of its documents. */
  readonly documents: ReadonlySet<string>;
}

/** The cache of a project that no run has written yet. */
export const noCachedEntry: CachedEntry = { facts: new Map(), sizes: new Map(), documents: new Set() };

/** Reads a project's documents in one mirror. Documents that are missing or of another format are not cached. */
export async function readCachedEntry(mirror: CatalogueMirror, project: string): Promise<CachedEntry> {
  const key = projectKey(project);
  const document = readDocument("project", String((await mirror.read(key)) ?? ""));
  if (document === undefined) return noCachedEntry;
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
  await Promise.all([...images, ...releases]);
  const details = [...document.images, ...document.releases].map((one) => one.details);
  return { facts, sizes, documents: new Set([key, ...details]) };
}
