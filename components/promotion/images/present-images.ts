import type { Digest } from "../oci/digest.ts";
import { type Images, tagsOf } from "./lines.ts";

type Digests = ReadonlyMap<Digest, ReadonlySet<string>>;

/**
 * What a mirror holds while a run works on it: what it held before, and what has changed since. What did not change is shared
 * with all other mirrors, so that 22 of them cost hardly more than one.
 */
export class PresentImages {
  readonly #before: Images;
  readonly #changed = new Map<string, Map<Digest, Set<string>>>();
  /** Of each changed image, which digest each tag is on: an image may have thousands. */
  readonly #tags = new Map<string, Map<string, Digest>>();

  constructor(before: Images) {
    this.#before = before;
  }

  /** The images that may differ from before. */
  get changed(): Iterable<string> {
    return this.#changed.keys();
  }

  get(image: string): Digests | undefined {
    return this.#changed.get(image) ?? this.#before.get(image);
  }

  has(image: string, digest: Digest): boolean {
    return this.get(image)?.has(digest) ?? false;
  }

  /** A digest is there, and the tag is on it and on no other. */
  add(image: string, digest: Digest, tag?: string): void {
    if (tag !== undefined) this.dropTag(image, tag);
    const digests = this.#own(image);
    const tags = digests.get(digest) ?? new Set();
    digests.set(digest, tags);
    if (tag === undefined) return;
    tags.add(tag);
    this.#tags.get(image)!.set(tag, digest);
  }

  dropTag(image: string, tag: string): void {
    const digests = this.#own(image);
    const tags = this.#tags.get(image)!;
    const digest = tags.get(tag);
    if (digest !== undefined) digests.get(digest)?.delete(tag);
    tags.delete(tag);
  }

  /** Removes a digest, and its tags. */
  drop(image: string, digest: Digest): void {
    const digests = this.#own(image);
    for (const tag of digests.get(digest) ?? []) this.#tags.get(image)!.delete(tag);
    digests.delete(digest);
  }

  #own(image: string): Map<Digest, Set<string>> {
    let own = this.#changed.get(image);
    if (!own) {
      own = new Map([...(this.#before.get(image) ?? [])].map(([digest, tags]) => [digest, new Set(tags)]));
      this.#changed.set(image, own);
      this.#tags.set(image, tagsOf(own));
    }
    return own;
  }
}

/** The images that differ between two sides. */
export function differingImages(one: Images, other: Images): Set<string> {
  const differing = new Set<string>();
  for (const image of one.keys()) if (!areAlike(one.get(image), other.get(image))) differing.add(image);
  for (const image of other.keys()) if (!one.has(image)) differing.add(image);
  return differing;
}

function areAlike(one: Digests | undefined, other: Digests | undefined): boolean {
  if (one === other) return true;
  if (!one || !other || one.size !== other.size) return false;
  for (const [digest, tags] of one) {
    const others = other.get(digest);
    if (!others || others.size !== tags.size) return false;
    for (const tag of tags) if (!others.has(tag)) return false;
  }
  return true;
}
