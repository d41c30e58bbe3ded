/**
 * The lines of a request head (RFC 9112 section 2.2; their characters: RFC 9110 sections 5.5 and 5.6.2).
 *
 * A head is copied into a buffer that is read four bytes at a time, which is faster than searching a string for its lines. An instance holds one
 * head at a time and serves all connections of a server, because each head is read synchronously.
 */
export class HeadLines {
  /** The head's bytes, followed by four spaces as a sentinel for searches. */
  readonly bytes: Uint8Array;
  /** Position of the request line: after the empty lines that a server ignores before it. */
  start = 0;
  /** Number of complete lines, without the empty one. */
  count = 0;
  /** Position after the empty line; only of a complete head. */
  end = 0;
  /** Number of input bytes examined. */
  length = 0;
  readonly #longest: number;
  readonly #words: Int32Array;
  readonly #text: Buffer;
  /** Position of each complete line's CR. */
  readonly #ends: Int32Array;

  /** `longest`: the longest accepted head in bytes, without the empty line. */
  constructor(longest: number) {
    const size = (longest + emptyLine + 4 + 3) & ~3;
    this.#longest = longest;
    this.bytes = new Uint8Array(size);
    this.#words = new Int32Array(this.bytes.buffer);
    this.#text = Buffer.from(this.bytes.buffer);
    this.#ends = new Int32Array(size / 2);
  }

  /**
   * Copies a head and finds its lines:
   * - `whole`: up to the empty line;
   * - `part`: the empty line has not come yet;
   * - `too long`: the limit is reached without it;
   * - `broken`: a byte that no line may contain: a CR or LF that is not part of CRLF, or a control character other than the tab.
   */
  take(input: Buffer, from: number): "whole" | "part" | "too long" | "broken" {
    const most = this.#longest + emptyLine;
    const length = Math.min(input.length - from, most);
    const { bytes } = this;
    bytes.set(from === 0 && input.length === length ? input : input.subarray(from, from + length));
    for (let after = length; after < length + 4; after++) bytes[after] = space;
    this.length = length;
    let start = 0;
    while (start + 1 < length && bytes[start] === cr && bytes[start + 1] === lf) start += 2;
    this.start = start;
    const found = this.#findLines(start, length);
    return found === "part" && length === most ? "too long" : found;
  }

  #findLines(start: number, length: number): "whole" | "part" | "broken" {
    const { bytes } = this;
    const words = this.#words;
    const ends = this.#ends;
    let count = 0;
    let line = start;
    this.count = 0;
    for (let word = start >> 2; word * 4 < length; word++) {
      const four = words[word]!;
      // The highest bit of a byte is set if the byte is less than 0x20 (the subtraction borrows), 0x7f (the addition carries), or not ASCII.
      if ((((four - 0x20202020) | (four + 0x01010101)) & 0x80808080) === 0) continue;
      for (let at = word * 4; at < word * 4 + 4; at++) {
        const code = bytes[at]!;
        if (at < line || mayStandInLine[code] === 1) continue;
        if (code !== cr) return "broken";
        if (at + 1 === length) return "part";
        if (bytes[at + 1] !== lf) return "broken";
        if (at === line) {
          this.end = at + 2;
          return "whole";
        }
        ends[count++] = at;
        this.count = count;
        line = at + 2;
      }
    }
    return "part";
  }

  /** Position of a line's first byte. Line 0 is the request line. */
  lineStart(index: number): number {
    return index === 0 ? this.start : this.#ends[index - 1]! + 2;
  }

  /** Position of a line's CR. */
  lineEnd(index: number): number {
    return this.#ends[index]!;
  }

  /** The bytes between two positions as latin1 text. */
  text(from: number, to: number): string {
    return this.#text.toString("latin1", from, to);
  }

  /** The first position from `from` on whose byte is not a token character (RFC 9110 section 5.6.2). */
  skipToken(from: number): number {
    const { bytes } = this;
    let at = from;
    while (mayStandInToken[bytes[at]!] === 1) at++;
    return at;
  }

  /** The first position from `from` on whose byte is not visible ASCII. */
  skipVisible(from: number): number {
    const { bytes } = this;
    const words = this.#words;
    let at = from;
    while ((at & 3) !== 0 && isVisible(bytes[at]!)) at++;
    if ((at & 3) !== 0) return at;
    // As in #findLines: the highest bit is set in a byte below 0x21 or above 0x7e.
    for (let word = at >> 2; ; word++, at += 4) {
      const four = words[word]!;
      if ((((four - 0x21212121) | (four + 0x01010101) | four) & 0x80808080) !== 0) break;
    }
    while (isVisible(bytes[at]!)) at++;
    return at;
  }

  /** Whether the head has these bytes at a position. */
  stands(at: number, codes: Uint8Array): boolean {
    const { bytes } = this;
    for (let i = 0; i < codes.length; i++) if (bytes[at + i] !== codes[i]) return false;
    return true;
  }
}

/** The bytes of a text of ASCII characters. */
export function codesOf(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

/** Bytes of the last line's CRLF and of the empty line. */
const emptyLine = 4;
const cr = 13;
const lf = 10;
const space = 32;

/** VCHAR, obs-text, SP and HTAB (RFC 9110 section 5.5). */
const mayStandInLine = Uint8Array.from({ length: 256 }, (_, code) =>
  code === 9 || (code >= 0x20 && code !== 0x7f) ? 1 : 0,
);

const mayStandInToken = Uint8Array.from({ length: 256 }, (_, code) =>
  /[!#$%&'*+\-.^_`|~0-9A-Za-z]/.test(String.fromCharCode(code)) ? 1 : 0,
);

function isVisible(code: number): boolean {
  return code > 0x20 && code < 0x7f;
}
