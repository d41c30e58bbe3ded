import type { Query } from "./search.ts";

/** Finds images by the digest of a platform. The listing does not have these, but many clients report no other digest. */

/** A search word that looks like a digest or the start of one. */
export interface DigestAsked {
  /** Hexadecimal digits. */
  readonly digits: string;
  /** The word can only be a digest: it has `sha256:`, or is longer than a name or a date. */
  readonly surely: boolean;
}

/** The longest word that looks like a digest; undefined if there is none. */
export function digestAsked({ words }: Query): DigestAsked | undefined {
  const [longest] = words
    .flatMap((word) => {
      const [, algorithm, digits] = /^(sha256:)?([0-9a-f]{6,64})$/.exec(word) ?? [];
      return digits === undefined ? [] : [{ digits, surely: algorithm !== undefined || digits.length >= 12 }];
    })
    .sort((a, b) => b.digits.length - a.digits.length);
  return longest;
}

/** A version with a platform that matches the first digits. */
export interface Candidate {
  readonly project: string;
  readonly repository: string;
  /** First hexadecimal digits of the version's digest. */
  readonly version: string;
}

/** The platform lines of all parts, searched as one text. */
export class PlatformLines {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  /** Up to `most` versions with a platform whose digest starts with the digits, as far as the lines show. */
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

/** Number of digits of a digest in a line. */
const lineDigits = 16;
