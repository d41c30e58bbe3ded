import type { CatalogueIndex, ImageSummary, IndexEntry } from "./documents.ts";

/** Search: names in the index; tags, digests and files in the listing. */

/** A parsed search. */
export interface Query {
  /** Lower case. A hit has all of them. Empty if the user entered nothing. */
  readonly words: readonly string[];
}

/** Hits in the index, best first. */
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
      /** The tag that matches, else the first; undefined for a digest without tags. */
      readonly tag: string | undefined;
    }
  | { readonly kind: "file"; readonly project: string; readonly path: string; readonly sha256: string };

/** Hits in the listing. `more`: there are more than requested. */
export interface LineHits {
  readonly lines: readonly ListingLine[];
  readonly more: boolean;
}

/**
 * Parses what the user typed or pasted: words, a reference (`host/semver:v7`, `semver@sha256:09`), a digest, a URL of this site, a whole pull
 * command. `host` is this site's name, which is removed.
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

/** Splits `[scheme://host/]name:tag@digest` into its parts. */
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

/** Finds projects and images by name. Projects also match by their description, after all names. */
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

/** Rank of a match: 0 the whole name, 1 its last part, 2 its start, 3 the start of a part, 4 anywhere; undefined if it does not match. */
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
 * The listing. It is searched as one text instead of line by line: a browser takes about a millisecond for 3 MB.
 */
export class Listing {
  readonly #text: string;
  /** The text in lower case. It has the same length, because it is ASCII. */
  readonly #lower: string;

  constructor(text: string) {
    this.#text = `\n${text}`;
    this.#lower = this.#text.toLowerCase();
  }

  /**
   * Finds up to `most` lines that have all words: first lines with the longest word as a tag, name or digest, then lines where one starts
   * with it, then all others.
   */
  find({ words }: Query, most: number): LineHits {
    const rarest = [...words].sort((a, b) => b.length - a.length)[0];
    if (rarest === undefined) return { lines: [], more: false };
    // Most words are rare: one pass over the text finds all lines. For a common word, search for the best lines first.
    const found = this.#scan([rarest], words, common);
    const ranked = found.size < common ? this.#rank(found, rarest) : this.#scan(this.#needles(rarest), words, most + 1);
    const lines = [...ranked].slice(0, most).map((start) => readLine(this.#text.slice(start, this.#end(start)), words));
    return { lines, more: ranked.size > most };
  }

  /** The forms in which a word appears in a line, the best first. */
  #needles(word: string): string[] {
    return [`\t${word}\t`, `\t${word}\n`, `\tsha256:${word}`, `\t${word}`, word];
  }

  /** Offsets of up to `most` lines that have all words, those with the first needle first. */
  #scan(needles: readonly string[], words: readonly string[], most: number): Set<number> {
    const starts = new Set<number>();
    for (const needle of needles) {
      for (let at = this.#lower.indexOf(needle); at >= 0 && starts.size < most; ) {
        const start = this.#lower.lastIndexOf("\n", at) + 1;
        const end = this.#end(start);
        // The needle is the only word and is not in the first field: the line matches.
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

  /** Whether the line has all words outside its first field, which is its kind. */
  #matches(start: number, end: number, words: readonly string[]): boolean {
    if (start >= end) return false;
    const line = this.#lower.slice(this.#lower.indexOf("\t", start), end);
    return words.every((word) => line.includes(word));
  }
}

/** Number of lines from which a word is common. */
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
