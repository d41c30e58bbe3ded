import { registryFolder } from "../../../redirector/object-paths.ts";
import { type Digest, isDigest } from "../oci/digest.ts";
import { fallbackTag } from "../oci/referrers.ts";
import type { Stored } from "../storage/bucket.ts";
import { tagPattern } from "../text/oci-grammar.ts";

/** The objects of one image in a bucket that is laid out as a registry. */
export interface Contents {
  readonly manifests: ReadonlyMap<Digest, Stored>;
  readonly tags: ReadonlyMap<string, Stored>;
  /** The published lists of referrers, by their subject. */
  readonly referrers: ReadonlyMap<Digest, Stored>;
  /** The published list of tags. */
  readonly list: Stored | undefined;
}

/** The prefix of all keys of one image, and of no image below it. */
export function contentsPrefix(name: string): string {
  return `${registryFolder}${name}/_`;
}

/** Sorts the objects of an image by what they are. Objects with other keys are left out. */
export function readContents(name: string, objects: Iterable<Stored>): Contents {
  const start = contentsPrefix(name).length;
  const manifests = new Map<Digest, Stored>();
  const tags = new Map<string, Stored>();
  const referrers = new Map<Digest, Stored>();
  let list: Stored | undefined;
  for (const object of objects) {
    const [folder, entry = "", ...rest] = object.key.slice(start).split("/");
    if (rest.length > 0) continue;
    if (folder === "manifests" && isDigest(entry)) manifests.set(entry, object);
    else if (folder === "manifests" && tagPattern.test(entry)) tags.set(entry, object);
    else if (folder === "referrers" && isDigest(entry)) referrers.set(entry, object);
    else if (folder === "tags" && entry === "list") list = object;
  }
  return { manifests, tags, referrers, list };
}

/**
 * The digest of each tag, as far as the listing proves it: by the digest that the store recorded, or because exactly one manifest has the
 * tag's size and ETag. Undefined: the tag's object must be looked at.
 */
export function digestsOfTags({ manifests, tags }: Contents): Map<string, Digest | undefined> {
  const states = new Map<string, Digest | undefined>();
  for (const [digest, { size, version }] of manifests) {
    const state = `${size} ${version}`;
    states.set(state, states.has(state) ? undefined : digest);
  }
  return new Map(
    [...tags].map(([tag, { size, version, sha256 }]) => [
      tag,
      sha256 === undefined ? states.get(`${size} ${version}`) : `sha256:${sha256}`,
    ]),
  );
}

/**
 * The digest whose referrers a tag lists, by the fallback of the distribution spec ("Referrers Tag Schema"); undefined for any other tag.
 */
export function subjectOfList(tag: string): Digest | undefined {
  const hex = /^sha256-([0-9a-f]{64})$/.exec(tag)?.[1];
  return hex === undefined ? undefined : `sha256:${hex}`;
}

/** The document `tags/list` (distribution spec, "Listing Tags"). Registries with the referrers API have no fallback tags, so none is listed. */
export function tagListDocument(name: string, tags: Iterable<string>): Buffer {
  const listed = [...tags].filter((tag) => subjectOfList(tag) === undefined).sort();
  return Buffer.from(JSON.stringify({ name, tags: listed }));
}

/** The subjects whose published list of referrers is not the fallback tag's: a killed run wrote one, and not the other. */
export function differingReferrers({ tags, referrers }: Contents): Digest[] {
  const differing = new Set<Digest>();
  for (const [tag, object] of tags) {
    const subject = subjectOfList(tag);
    if (subject === undefined) continue;
    const published = referrers.get(subject);
    if (published === undefined || !isSame(published, object)) differing.add(subject);
  }
  for (const subject of referrers.keys()) if (!tags.has(fallbackTag(subject))) differing.add(subject);
  return [...differing];
}

/** A store that records digests proves it with them, another with its ETag, which only equal contents have in common. */
function isSame(one: Stored, other: Stored): boolean {
  if (one.sha256 !== undefined && other.sha256 !== undefined) return one.sha256 === other.sha256;
  return one.size === other.size && one.version === other.version;
}
