import type { Query } from "./search.ts";

/** Finds images by the digest of one of their platforms, which the listing does not have: many clients tell of no other. */

/** What looks like a digest, or its beginning. */
export interface DigestAsked {
  /** Hexadecimal digits. */
  readonly digits: string;
  /** Nothing else is meant: it says `sha256:`, or is longer than a name or a date would be. */
  readonly surely: boolean;
}

/** The longest of the words that look like a digest; undefined for none. */
export function digestAsked({ words }: Query): DigestAsked | undefined {
  const [longest] = words
    .flatMap((word) => {
      const [, algorithm, digits] = /^(sha256:)?([0-9a-f]{6,64})$/.exec(word) ?? [];
      return digits === undefined ? [] : [{ digits, surely: algorithm !== undefined || digits.length >= 12 }];
    })
    .sort((a, b) => b.digits.length - a.digits.length);
  return longest;
}

/** A version one of whose platforms may be meant: lines have beginnings of digests. */
export interface Candidate {
  readonly project: string;
  readonly repository: string;
  /** What the version's digest begins with, in hexadecimal digits. */
  readonly version: string;
}

/** The lines of `catalog/platforms.tsv.gz`, ready to be searched: as a whole, as the listing is. */
export class PlatformLines {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  /** Up to `most` versions that have a platform whose digest begins with the digits, as far as lines tell it. */
  find(digits: string, most: number): Candidate[] {
    const found: Candidate[] = [];
    const needle = `\t${digits.slice(0, lineDigits)}`;
    for (let at = this.#text.indexOf(needle); at >= 0 && found.length < most; ) {
      const start = this.#text.lastIndexOf("\n", at) + 1;
      const next = this.#text.indexOf("\n", at);
      const end = next < 0 ? this.#text.length : next;
      const [, project = "", repository = "", version = "", ...own] = this.#text.slice(start, end).split("\t");
      if (own.some((one) => `\t${one}`.startsWith(needle))) found.push({ project, repository, version });
      at = this.#text.indexOf(needle, end);
    }
    return found;
  }
}

/** Digits that a line has of a digest. */
const lineDigits = 16;
