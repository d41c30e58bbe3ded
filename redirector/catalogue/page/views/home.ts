import type { CatalogueIndex, ImageSummary, IndexEntry } from "../documents.ts";
import { element, marked } from "../element.ts";
import type { PlatformHit, PlatformSearch, PlatformSearches } from "../platform-search.ts";
import { digestAsked } from "../platforms.ts";
import { findNames, type LineHits, type Listing, type ListingLine, type Query, readQuery } from "../search.ts";
import { formatQuantity, shortDigest } from "../text.ts";
import { link, longList, nothing, type Shown } from "./parts.ts";

/** Number of hits of a kind to show at first, so that each key is answered quickly. */
const firstHits = 20;
/** Largest number of lines of the listing to find. Another letter narrows the search. */
const mostLines = 200;

/** The view of all projects. */
export function showProjects(index: CatalogueIndex, host: string): Shown {
  const title = host;
  if (index.projects.length === 0) {
    return {
      title,
      content: [element("h1", {}, "Nothing is published yet"), nothing("Promoted images and files appear here.")],
    };
  }
  const sum = (of: (entry: IndexEntry) => number): number =>
    index.projects.reduce((total, entry) => total + of(entry), 0);
  const images = sum((entry) => entry.images.length);
  const digests = sum((entry) => entry.images.reduce((total, image) => total + image.digests, 0));
  const files = sum((entry) => entry.files?.files ?? 0);
  const counts = [
    formatQuantity(index.projects.length, "project"),
    ...(images > 0 ? [formatQuantity(images, "image"), formatQuantity(digests, "version")] : []),
    ...(files > 0 ? [formatQuantity(files, "file")] : []),
  ];
  const list = element("ul", { class: "rows projects" });
  return {
    title,
    content: [
      element("h1", {}, "Container images and files"),
      element("p", { class: "lead" }, `${counts.join(", ")}, each with its digest and how to verify it.`),
      ...longList(index.projects, list, (entry) => projectRow(entry, [])),
    ],
  };
}

/** What the search uses besides the index. */
export interface Searched {
  /** Undefined while it is loading, `null` if it could not be loaded. */
  readonly listing: Listing | null | undefined;
  readonly platforms: Pick<PlatformSearches, "of">;
}

/** The view of a search's hits. */
export function showHits(
  index: CatalogueIndex,
  { listing, platforms }: Searched,
  text: string,
  host: string,
): Shown & { readonly announcement: string } {
  const query = readQuery(text, host);
  const { words } = query;
  const { projects, images } = findNames(index, query);
  const found = listing?.find(query, mostLines);
  // Lines that match by the image's name alone would repeat the images.
  const lines = (found?.lines ?? []).filter(
    (line) => line.kind === "file" || !words.every((word) => line.repository.includes(word)),
  );
  const versions = lines.filter((line) => line.kind === "image");
  const files = lines.filter((line) => line.kind === "file");
  const more = found?.more === true;
  const names = images.length + projects.length;
  const search = listing === undefined ? undefined : searchPlatforms(query, platforms, names, found);
  const hits = search?.state === "found" ? search.hits.filter((hit) => hasAll(hit, words)) : [];
  const groups = [
    group("Versions", versions, (line) => versionRow(line, words), { wide: true, more }),
    group("Images", images, (image) => imageRow(image, words, image.project)),
    group("Projects", projects, (entry) => projectRow(entry, words)),
    group("Files", files, (line) => fileRow(line, words, index), { wide: true, more }),
    group("Platforms of versions", hits, (hit) => platformRow(hit, words), {
      wide: true,
      more: search?.state === "found" && search.more,
    }),
  ];
  // For a digest or a tag, versions come first; for a name, names.
  const order = names > 0 ? [1, 2, 0, 4, 3] : [0, 4, 3, 1, 2];
  const shown = order.flatMap((at) => groups[at] ?? []);
  const looking = listing === undefined || search?.state === "looking";
  const pending = looking ? element("p", { class: "lead" }, lookingIn(search)) : undefined;
  const failed =
    listing === null
      ? nothing("Tags, digests and files could not be searched: their list did not load.")
      : search?.state === "failed"
        ? nothing("The digests of platforms could not be searched: their list did not load.")
        : undefined;
  const none =
    shown.length === 0 && !looking
      ? [
          nothing("Nothing in production matches. ", link({ kind: "home", query: "" }, "All projects")),
          element(
            "p",
            { class: "aside" },
            "One project, image, version or file must match all words. 6 digits of a digest are enough.",
          ),
        ]
      : [];
  const extra = [pending, failed, ...none].filter((node) => node !== undefined);
  const counts = [
    images.length > 0 && formatQuantity(images.length, "image"),
    projects.length > 0 && formatQuantity(projects.length, "project"),
    versions.length > 0 && formatQuantity(versions.length, "version"),
    hits.length > 0 && formatQuantity(hits.length, "platform"),
    files.length > 0 && formatQuantity(files.length, "file"),
  ].filter((count) => count !== false);
  return {
    title: text,
    content: [element("h1", { class: "unseen" }, `Search: ${text}`), ...shown, ...extra],
    announcement: counts.length === 0 ? (looking ? "Searching" : "Nothing found") : `Found ${counts.join(", ")}`,
  };
}

/**
 * Searches for a platform's digest if a word looks like a digest, unless that digest was found whole, or the word is a name or a date that
 * something has.
 */
function searchPlatforms(
  query: Query,
  platforms: Searched["platforms"],
  names: number,
  found: LineHits | undefined,
): PlatformSearch | undefined {
  const asked = digestAsked(query);
  if (asked === undefined) return undefined;
  const lines = found?.lines ?? [];
  const digestOf = (line: ListingLine): string =>
    line.kind === "file" ? line.sha256 : line.digest.slice("sha256:".length);
  const settled = asked.surely ? lines.some((line) => digestOf(line) === asked.digits) : names + lines.length > 0;
  return settled ? undefined : platforms.of(asked);
}

function hasAll({ repository, tag, platform, digest }: PlatformHit, words: readonly string[]): boolean {
  const text = `${repository}:${tag} ${platform} ${digest}`.toLowerCase();
  return words.every((word) => text.includes(word));
}

function lookingIn(search: PlatformSearch | undefined): string {
  if (search === undefined) return "Looking through tags, digests and files\u2026";
  const share =
    search.state === "looking" && search.share !== undefined ? ` ${Math.floor(search.share * 100)}\u00a0%` : "";
  return `Looking through the digests of platforms\u2026${share}`;
}

/** A project's row in a list. */
function projectRow(entry: IndexEntry, words: readonly string[]): HTMLElement {
  const [image] = entry.images;
  const latest = entry.images.length === 1 ? image?.latest : (entry.files?.latest ?? undefined);
  const facts = [
    entry.images.length > 0 && formatQuantity(entry.images.length, "image"),
    entry.files !== undefined && formatQuantity(entry.files.files, "file"),
  ].filter((fact) => fact !== false);
  return row(
    link({ kind: "project", project: entry.name }, marked(entry.name, words)),
    element("span", { class: "about" }, marked(entry.description, words)),
    element("span", { class: "facts" }, facts.join(", ") || "nothing in production"),
    latest !== undefined && element("span", { class: "latest" }, latest),
  );
}

/** An image's row in a list. `project` is shown where the list does not make it clear. */
export function imageRow(image: ImageSummary, words: readonly string[], project?: string): HTMLElement {
  return row(
    link({ kind: "image", repository: image.repository, reference: undefined }, marked(image.repository, words)),
    project !== undefined && element("span", { class: "about" }, project),
    element("span", { class: "facts" }, formatQuantity(image.digests, "version")),
    image.latest !== undefined && element("span", { class: "latest" }, image.latest),
  );
}

function versionRow(line: ListingLine & { readonly kind: "image" }, words: readonly string[]): HTMLElement {
  const { repository, digest, tag } = line;
  return row(
    link(
      { kind: "image", repository, reference: tag ?? digest },
      marked(tag === undefined ? repository : `${repository}:${tag}`, words),
    ),
    element("code", { class: "about" }, marked(shownDigest(digest, words), words)),
  );
}

function platformRow({ repository, tag, platform, digest }: PlatformHit, words: readonly string[]): HTMLElement {
  return row(
    link(
      { kind: "image", repository, reference: digest },
      marked(tag === undefined ? repository : `${repository}:${tag}`, words),
    ),
    element(
      "span",
      { class: "about" },
      platform !== undefined && `${platform} `,
      element("code", {}, marked(shownDigest(digest, words), words)),
    ),
  );
}

function fileRow(
  line: ListingLine & { readonly kind: "file" },
  words: readonly string[],
  index: CatalogueIndex,
): HTMLElement {
  const prefix = index.projects.find(({ name }) => name === line.project)?.files?.prefix ?? "";
  const path = line.path.startsWith(prefix) ? line.path.slice(prefix.length) : line.path;
  return row(
    link({ kind: "files", project: line.project, path }, marked(line.path.replace(/^binaries\//, ""), words)),
    element("code", { class: "about" }, marked(shownDigest(`sha256:${line.sha256}`, words), words)),
  );
}

/** A digest, shortened to no less than the part that matches. */
function shownDigest(digest: string, words: readonly string[]): string {
  const end = Math.max(...words.map((word) => (digest.includes(word) ? digest.indexOf(word) + word.length : 0)));
  return end > shortDigest(digest).length ? digest.slice(0, end) : shortDigest(digest);
}

function row(...children: (Node | string | undefined | false)[]): HTMLElement {
  return element("li", {}, ...children);
}

/** A section of hits. `wide`: the hit's name uses the room of the facts. `more`: there are more hits than were searched for. */
function group<Item>(
  name: string,
  items: readonly Item[],
  make: (item: Item) => HTMLElement,
  { wide = false, more = false } = {},
): HTMLElement | undefined {
  if (items.length === 0) return undefined;
  const count = `${items.length.toLocaleString("en")}${more ? "+" : ""}`;
  return element(
    "section",
    { class: "group" },
    element("h2", {}, name, " ", element("small", {}, count)),
    ...longList(items, element("ul", { class: wide ? "rows hits" : "rows" }), make, firstHits),
  );
}
