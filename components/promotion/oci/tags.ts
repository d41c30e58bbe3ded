import { tagPattern } from "../text/oci-grammar.ts";
import { printable } from "../text/printable.ts";
import { type Digest, isDigest } from "./digest.ts";
import { RegistryError } from "./errors.ts";
import { pages } from "./pages.ts";
import type { Remote } from "./remote.ts";

/** What a registry lists of a repository. */
export interface TagList {
  readonly tags: readonly string[];
  /** Google's registries list every manifest, tagged or not, with its tags, in the same answer; others: undefined. */
  readonly manifests: ReadonlyMap<Digest, ListedManifest> | undefined;
  /** Google's registries also list the repositories one level below, by their last component. */
  readonly children: readonly string[];
  /** The repository does not exist. Some registries respond with an empty list instead (olareg). */
  readonly unknown: boolean;
  /** The list is incomplete: it has more pages than were requested. */
  readonly truncated: boolean;
}

/** A manifest in Google's list. */
export interface ListedManifest {
  readonly mediaType: string;
  readonly tags: readonly string[];
}

/** Enough for a list of 100,000 manifests with their tags, about 300 bytes each. */
const largestPage = 64 * 1024 * 1024;
const perPage = 1_000;
/** A last page that is full, or ends on a multiple of this, may have been cut: some registries cut at `n`, or earlier, and do not link to the rest. */
const suspectMultiple = 50;

/**
 * Lists a repository's tags (distribution spec, "Listing Tags").
 * @param mostPages stop after so many pages; default all.
 */
export async function listTags(at: Remote, mostPages = Number.POSITIVE_INFINITY): Promise<TagList> {
  const tags = new Set<string>();
  const children: string[] = [];
  let manifests: Map<Digest, ListedManifest> | undefined;
  const first = `/v2/${at.repository.name}/tags/list?n=${perPage}`;
  const what = `list tags of ${at.repository.name}`;
  const found = (more: Pick<TagList, "unknown" | "truncated">): TagList => ({
    tags: [...tags],
    manifests,
    children,
    ...more,
  });
  let read = 0;
  for (let url: string | undefined = first; url !== undefined; ) {
    let cutAfter: string | undefined;
    for await (const page of pages(at, { url, what, expect: [200, 404], limit: largestPage })) {
      if (page.status === 404) return found({ unknown: url === first, truncated: false });
      const list = readPage(page.body, at.repository.host, what);
      const before = tags.size;
      for (const tag of list.tags) tags.add(tag);
      children.push(...list.children);
      if (list.manifests) {
        manifests ??= new Map();
        for (const [digest, manifest] of list.manifests) manifests.set(digest, manifest);
      }
      const mayBeCut = !list.manifests && tags.size > before && list.tags.length % suspectMultiple === 0;
      cutAfter = mayBeCut && !page.hasNext ? list.tags.at(-1) : undefined;
      if ((page.hasNext || cutAfter !== undefined) && ++read >= mostPages)
        return found({ unknown: false, truncated: true });
    }
    url = cutAfter === undefined ? undefined : `${first}&last=${encodeURIComponent(cutAfter)}`;
  }
  return found({ unknown: false, truncated: false });
}

function readPage(body: Buffer, host: string, what: string) {
  try {
    const json = JSON.parse(body.toString("utf8")) as Record<string, unknown>;
    const texts = (value: unknown) =>
      Array.isArray(value) ? value.filter((entry): entry is string => typeof entry === "string") : [];
    // Names that are not tags by the grammar cannot be requested.
    const tagsIn = (value: unknown) => texts(value).filter((tag) => tagPattern.test(tag));
    const listed = json["manifest"];
    const manifests =
      typeof listed === "object" && listed !== null
        ? Object.entries(listed as Record<string, Record<string, unknown> | null>)
            .filter(([digest]) => isDigest(digest))
            .map(([digest, entry]): [Digest, ListedManifest] => [
              digest,
              { mediaType: String(entry?.["mediaType"] ?? ""), tags: tagsIn(entry?.["tag"]) },
            ])
        : undefined;
    return { tags: tagsIn(json["tags"]), children: texts(json["child"]), manifests }; // some registries send `tags: null` for an empty list
  } catch (error) {
    throw new RegistryError(host, what, 200, "", `unreadable: ${printable(String(error), 100)}`);
  }
}
