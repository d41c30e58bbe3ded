import type { Digest } from "../oci/digest.ts";
import { headManifest } from "../oci/manifests.ts";
import type { Remote } from "../oci/remote.ts";
import { listTags, type TagList } from "../oci/tags.ts";

/** From this many lookups in one repository on, its list is read first: it replaces most of them. */
const worthAList = 3;
/** A page of tags costs about as much as this many lookups. */
const lookupsPerPage = 20;

/** Looks up tags and digests of one image in one mirror, with few requests. */
export class ImageLookup {
  readonly #at: Remote;
  readonly #expected: number;
  #list: Promise<TagList | undefined> | undefined;
  #tags: ReadonlyMap<string, Digest | undefined> | undefined;

  /** @param expected about how many lookups there will be. */
  constructor(at: Remote, expected: number) {
    this.#at = at;
    this.#expected = expected;
  }

  /**
   * Whether the digest is there, and the digest of each tag. In a repository without tags a killed run may have left digests; they are not
   * worth a request each, so they count as absent and are stored again.
   * @returns the digests of the tags in their order; undefined: there is no such tag.
   */
  async find(digest: Digest, tags: readonly string[]): Promise<{ has: boolean; tagged: (Digest | undefined)[] }> {
    if (tags.length > 0 && (await this.isEmpty())) return { has: false, tagged: tags.map(() => undefined) };
    if (!(await this.list())) {
      const [has, ...tagged] = await Promise.all([this.has(digest), ...tags.map((tag) => this.tag(tag))]);
      return { has, tagged };
    }
    const tagged = await Promise.all(tags.map((tag) => this.tag(tag)));
    // A tag on it proves it; the list says which tags are worth a request.
    return { has: tagged.includes(digest) || (await this.has(digest)), tagged };
  }

  /** Whether the digest is there. */
  async has(digest: Digest): Promise<boolean> {
    const list = await this.list();
    if (list?.unknown) return false;
    if (list?.manifests && !list.truncated) return list.manifests.has(digest);
    return (await headManifest(this.#at, digest)) !== undefined;
  }

  /** The digest of a tag; undefined: there is no such tag. */
  async tag(tag: string): Promise<Digest | undefined> {
    const list = await this.list();
    if (list) {
      this.#tags ??= digestsOf(list);
      const listed = this.#tags.get(tag);
      if (listed !== undefined) return listed;
      if (!list.truncated && !this.#tags.has(tag)) return undefined;
    }
    return (await headManifest(this.#at, tag))?.digest;
  }

  /** Whether the repository is known to be without tags, and without manifests as far as it lists those. */
  async isEmpty(): Promise<boolean> {
    const list = await this.list();
    return list !== undefined && !list.truncated && list.tags.length === 0 && (list.manifests?.size ?? 0) === 0;
  }

  /** The repository's tags, complete or truncated; undefined if there are too few lookups for it. */
  list(): Promise<TagList | undefined> {
    if (this.#expected < worthAList) return Promise.resolve(undefined);
    this.#list ??= listTags(this.#at, 1 + Math.ceil(this.#expected / lookupsPerPage));
    return this.#list;
  }
}

/** The tags that are listed, with their digests where the list has those. */
function digestsOf({ tags, manifests }: TagList): Map<string, Digest | undefined> {
  const digests = new Map<string, Digest | undefined>(tags.map((tag) => [tag, undefined]));
  for (const [digest, manifest] of manifests ?? []) for (const tag of manifest.tags) digests.set(tag, digest);
  return digests;
}
