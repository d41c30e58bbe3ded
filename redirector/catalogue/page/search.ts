import type { CatalogueIndex, ImageSummary, IndexEntry } from "./documents.ts";

/** Search in what is published: names by the index, tags, digests and files by the listing. */

/** What was asked for, taken apart. */
export interface Query {
  /** Lower case; all of them have to be found. Empty: nothing was asked for. */
  readonly words: readonly string[];
}

/** What the index has of it, best first. */
export interface NameHits {
  readonly projects: readonly IndexEntry[];
  readonly images: readonly (ImageSummary & { readonly project: string })[];
}

/** One line of the listing. */
export type ListingLine =
  | {
      readonly kind: "image";
      readonly project: string;
      readonly repository: string;
      readonly digest: string;
      readonly tags: readonly string[];
      /** The tag that was asked for, else the first; undefined for a digest without tags. */
      readonly tag: string | undefined;
    }
  | { readonly kind: "file"; readonly project: string; readonly path: string; readonly sha256: string };

/** What the listing has of it; `more`: it has more than was asked for. */
export interface LineHits {
  readonly lines: readonly ListingLine[];
  readonly more: boolean;
}

/**
 * Reads what somebody typed or pasted: words, a reference (`host/semver:v7`, `semver@sha256:09`), a digest, a URL of ours, a whole pull
 * command. `host` is our own name, which says nothing here.
 */
export function readQuery(text: string, host: string): Query {
  const command = /^\s*(?:docker|podman|nerdctl|crictl|crane|skopeo|helm|oras)\s+(?:pull|manifest|digest|inspect)\s+/;
  const words = text
    .toLowerCase()
    .replace(command, "")
    .split(/\s+/)
    .flatMap((word) => referenceWords(word, host.toLowerCase()))
    .map((word) => word.replace(/^sha256-([0-9a-f]{64})(?:\.[a-z]+)?$/, "sha256:$1")); // the tag of a signature
  return { words: words.filter((word) => word !== "") };
}

/** `[scheme://host/]name:tag@digest` as its parts. */
function referenceWords(word: string, host: string): string[] {
  const bare = word.replace(/^[a-z]+:\/\//, "");
  const name = bare.startsWith(`${host}/`)
    ? bare
        .slice(host.length + 1)
        .replace(/^(?:v2|images|projects)\//, "")
        .replace("/manifests/", "@")
    : bare;
  return name.split(/@|(?<!sha256):(?!.*\/)/);
}

/** Finds projects and images by their names; of projects also the description counts, after all names. */
export function findNames(index: CatalogueIndex, { words }: Query): NameHits {
  const projects: [number, IndexEntry][] = [];
  const images: [number, ImageSummary & { readonly project: string }][] = [];
  for (const project of index.projects) {
    const score =
      scoreOf(project.name, words) ??
      (scoreOf(`${project.name} ${project.description}`, words) === undefined ? undefined : 9);
    if (score !== undefined) projects.push([score, project]);
    for (const image of project.images) {
      const fit = scoreOf(image.repository, words);
      if (fit !== undefined) images.push([fit, { ...image, project: project.name }]);
    }
  }
  const best = <T>(hits: [number, T][]): T[] => hits.sort(([a], [b]) => a - b).map(([, hit]) => hit);
  return { projects: best(projects), images: best(images) };
}

/** How well a name fits: 0 the name itself, 1 its last part, 2 it begins so, 3 a part begins so, 4 it has it; undefined not at all. */
function scoreOf(name: string, words: readonly string[]): number | undefined {
  const text = name.toLowerCase();
  let worst: number | undefined;
  for (const word of words) {
    const at = text.indexOf(word);
    if (at < 0) return undefined;
    const begins = at === 0 || /[^a-z0-9]/.test(text[at - 1]!);
    const score = text === word ? 0 : text.endsWith(`/${word}`) ? 1 : at === 0 ? 2 : begins ? 3 : 4;
    worst = Math.max(worst ?? 0, score);
  }
  return worst;
}

/**
 * The listing, ready to be searched. Its text is searched as a whole, which takes a browser about a millisecond for 3 MB, instead of line by line.
 */
export class Listing {
  readonly #text: string;
  /** The same in lower case: lengths are the same, as it is ASCII. */
  readonly #lower: string;

  constructor(text: string) {
    this.#text = `\n${text}`;
    this.#lower = this.#text.toLowerCase();
  }

  /**
   * Finds up to `most` lines that have all words: first those that have the longest word as a tag, name or digest, then those where one
   * begins so, then all others.
   */
  find({ words }: Query, most: number): LineHits {
    const rarest = [...words].sort((a, b) => b.length - a.length)[0];
    if (rarest === undefined) return { lines: [], more: false };
    // Most words are rare: one look through the text finds all lines. Of a common one the best have to be looked for.
    const found = this.#scan([rarest], words, common);
    const ranked = found.size < common ? this.#rank(found, rarest) : this.#scan(this.#needles(rarest), words, most + 1);
    const lines = [...ranked].slice(0, most).map((start) => readLine(this.#text.slice(start, this.#end(start)), words));
    return { lines, more: ranked.size > most };
  }

  /** A word as what stands in a line, the best first. */
  #needles(word: string): string[] {
    return [`\t${word}\t`, `\t${word}\n`, `\tsha256:${word}`, `\t${word}`, word];
  }

  /** The starts of the lines that have all words, those with the first needle first, until there are so many. */
  #scan(needles: readonly string[], words: readonly string[], most: number): Set<number> {
    const starts = new Set<number>();
    for (const needle of needles) {
      for (let at = this.#lower.indexOf(needle); at >= 0 && starts.size < most; ) {
        const start = this.#lower.lastIndexOf("\n", at) + 1;
        const end = this.#end(start);
        // The needle is the only word, and stands where it counts: nothing more to look at.
        const sure = words.length === 1 && at > start + firstField;
        if (sure || this.#matches(start, end, words)) starts.add(start);
        at = this.#lower.indexOf(needle, Math.max(end, at + 1));
      }
    }
    return starts;
  }

  #rank(starts: ReadonlySet<number>, word: string): Set<number> {
    const needles = this.#needles(word);
    const rankOf = (start: number): number => {
      const line = this.#lower.slice(start, this.#end(start) + 1);
      return needles.findIndex((needle) => line.includes(needle));
    };
    const ranked = [...starts].map((start) => [rankOf(start), start] as const);
    return new Set(ranked.sort(([a], [b]) => a - b).map(([, start]) => start));
  }

  #end(start: number): number {
    const end = this.#lower.indexOf("\n", start);
    return end < 0 ? this.#lower.length : end;
  }

  /** Whether the line has all words, outside its first field, which says what it is. */
  #matches(start: number, end: number, words: readonly string[]): boolean {
    if (start >= end) return false;
    const line = this.#lower.slice(this.#lower.indexOf("\t", start), end);
    return words.every((word) => line.includes(word));
  }
}

/** From so many lines on a word is common. */
const common = 500;
/** Length of the longest first field, `image`. */
const firstField = 5;

function readLine(text: string, words: readonly string[]): ListingLine {
  const [kind, project = "", name = "", digest = "", ...tags] = text.split("\t");
  if (kind === "file") return { kind, project, path: name, sha256: digest.slice("sha256:".length) };
  const asked = (fits: (tag: string, word: string) => boolean): string | undefined =>
    tags.find((tag) => words.some((word) => fits(tag.toLowerCase(), word)));
  const tag =
    asked((one, word) => one === word) ??
    asked((one, word) => one.startsWith(word)) ??
    asked((one, word) => one.includes(word));
  return { kind: "image", project, repository: name, digest, tags, tag: tag ?? tags[0] };
}
