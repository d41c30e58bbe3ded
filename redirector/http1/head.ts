import { type ByteSlice, pieceOf, textOf, trimmed } from "./byte-slice.ts";
import type { HeaderName, IncomingRequest } from "./request.ts";

/**
 * Reads the head of an HTTP/1.1 request (RFC 9112 sections 2 to 6), strictly: what the RFC lets a server repair is refused, as
 * two readers that repair differently are how requests get smuggled.
 */

/** A request head, and what it says about the bytes around it. */
export interface RequestHead extends IncomingRequest {
  /** Position after the head. */
  readonly end: number;
  /** Whether the connection may be used again. */
  readonly keepAlive: boolean;
  /** Whether a body follows, of which nothing is read. */
  readonly hasBody: boolean;
}

/** A head that is refused. */
export interface BadHead {
  readonly status: 400 | 414 | 431 | 505;
  readonly reason: string;
}

/** The most that a head may be long, in bytes. */
export const longestHead = 16 * 1024;

/**
 * Reads the head that `input` holds from `from` on. Undefined while it is incomplete. A head of more than `longest` bytes, which are at
 * most {@link longestHead}, is refused with 431, or with 414 if the request line alone is as long; a CR or LF that stands alone, or a NUL, as soon as it comes.
 */
export function readHead(
  input: Buffer,
  from: number,
  longest: number,
  peer: ByteSlice | undefined,
): RequestHead | BadHead | undefined {
  const length = takeIn(input, from, longest);
  // RFC 9112 section 2.2: empty lines before a request line are to be ignored.
  let start = 0;
  while (start + 1 < length && bytes[start] === cr && bytes[start + 1] === lf) start += 2;
  const found = findLines(start, length);
  if (found === "broken") return lineCount === 0 ? badRequestLine : badHeader;
  if ((found === "whole" ? headEnd - 4 : length) > longest) return tooLong(start, longest);
  if (found === "part") return mayBeRequest(start, length) ? undefined : badRequestLine;

  const text = (first: number, end: number): string => input.toString("latin1", from + first, from + end);
  const lineEnd = ends[0]!;
  const methodEnd = skipToken(start);
  const targetEnd = lineEnd - " HTTP/1.1".length;
  if (methodEnd === start || methodEnd >= targetEnd || bytes[methodEnd] !== space || bytes[targetEnd] !== space)
    return badRequestLine;
  const isNewest = stands(targetEnd + 1, http11);
  if (!isNewest && !stands(targetEnd + 1, http10))
    return /^HTTP\/\d\.\d$/.test(text(targetEnd + 1, lineEnd)) ? badVersion : badRequestLine;
  if (skipVisible(methodEnd + 1) !== targetEnd) return badRequestLine;
  if (bytes[methodEnd + 1] !== slash && !otherForm.test(text(start, targetEnd))) return badRequestLine;

  const request = new Request1(
    stands(start, get) ? "GET" : text(start, methodEnd),
    text(methodEnd + 1, targetEnd),
    peer,
    isNewest,
    input,
    from + lineEnd + 2,
    from + headEnd,
  );
  let hosts = 0;
  let lengths: string | undefined;
  let coded = false;
  for (let index = 1; index < lineCount; index++) {
    const line = ends[index - 1]! + 2;
    const next = ends[index]!;
    const colon = skipToken(line);
    if (colon === line || bytes[colon] !== colonCode) return badHeader;
    // What the framing and every request need; the other headers are looked up when somebody asks.
    switch (colon - line) {
      case 4:
        if (isNamed(line, host)) hosts++;
        break;
      case 10:
        if (isNamed(line, connection))
          request.connection(textOf(trimmed(input, from + colon + 1, from + next)).toLowerCase());
        break;
      case 14:
        if (isNamed(line, contentLength)) {
          const length = textOf(trimmed(input, from + colon + 1, from + next));
          if (!/^\d{1,15}$/.test(length) || (lengths !== undefined && lengths !== length)) return badHeader;
          lengths = length;
        }
        break;
      case 15:
        if (isNamed(line, forwardedFor))
          request.forwardedFor = joined(request.forwardedFor, trimmed(input, from + colon + 1, from + next));
        break;
      case 16:
        if (isNamed(line, latlong))
          request.latlong = joined(request.latlong, trimmed(input, from + colon + 1, from + next));
        break;
      case 17:
        if (isNamed(line, transferEncoding)) coded = true;
        break;
    }
  }
  // RFC 9112 section 3.2: exactly one Host in HTTP/1.1. Section 6.1: both lengths at once is an attack or a fault.
  if (hosts > 1 || (hosts === 0 && isNewest)) return { status: 400, reason: "needs exactly one Host header" };
  if (coded && lengths !== undefined) return { status: 400, reason: "has both Content-Length and Transfer-Encoding" };
  request.hasBody = coded || (lengths !== undefined && Number(lengths) > 0);
  return request;
}

class Request1 implements RequestHead {
  readonly method: string;
  readonly target: string;
  readonly peer: ByteSlice | undefined;
  readonly end: number;
  keepAlive: boolean;
  hasBody = false;
  forwardedFor: ByteSlice | undefined = undefined;
  latlong: ByteSlice | undefined = undefined;
  readonly #input: Buffer;
  /** Position of the first header in it. */
  readonly #headers: number;

  constructor(
    method: string,
    target: string,
    peer: ByteSlice | undefined,
    keepAlive: boolean,
    input: Buffer,
    headers: number,
    end: number,
  ) {
    this.method = method;
    this.target = target;
    this.peer = peer;
    this.keepAlive = keepAlive;
    this.#input = input;
    this.#headers = headers;
    this.end = end;
  }

  /** Takes in the value of a Connection header: HTTP/1.1 stays open unless told, HTTP/1.0 is closed whatever it asks for. */
  connection(value: string): void {
    if (value.split(",").some((option) => option.trim() === "close")) this.keepAlive = false;
  }

  header(name: HeaderName): string | undefined {
    const input = this.#input;
    let value: ByteSlice | undefined;
    for (let line = this.#headers; line < this.end - 2; line = input.indexOf("\n", line) + 1) {
      const colon = line + name.length;
      if (input[colon] !== colonCode || input.toString("latin1", line, colon).toLowerCase() !== name) continue;
      value = joined(value, trimmed(input, colon + 1, input.indexOf("\r", line)));
    }
    return value && textOf(value);
  }
}

const badRequestLine: BadHead = { status: 400, reason: "not a request line of HTTP/1.1" };
const badVersion: BadHead = { status: 505, reason: "only HTTP/1.1 and HTTP/1.0 are spoken" };
const badHeader: BadHead = { status: 400, reason: "a header is not one" };

const longestMethod = 32;
/** Method and target of the forms that do not begin with a slash (RFC 9112 sections 3.2.2 to 3.2.4). */
const otherForm = /^(?:[^ ]+ https?:\/\/.|CONNECT .|[^ ]+ \*$)/i;
const cr = 13;
const lf = 10;
const space = 32;
const slash = 47;
const colonCode = 58;

const codesOf = (text: string): Uint8Array => Uint8Array.from(text, (character) => character.charCodeAt(0));
const get = codesOf("GET ");
const http11 = codesOf("HTTP/1.1");
const http10 = codesOf("HTTP/1.0");
const host = codesOf("host");
const connection = codesOf("connection");
const contentLength = codesOf("content-length");
const forwardedFor = codesOf("x-forwarded-for");
const latlong = codesOf("x-client-latlong");
const transferEncoding = codesOf("transfer-encoding");

/*
 * Each head is copied to where it can be looked at four bytes at a time, which is less work than looking for its lines in a string. One place for
 * all heads, as nothing here waits.
 */
const bytes = new Uint8Array(longestHead + 8);
const words = new Int32Array(bytes.buffer);
/** Positions of the CR of each line but the empty one, and how many there are. */
const ends = new Int32Array(longestHead / 2);
let lineCount = 0;
/** Position after the empty line. */
let headEnd = 0;

/** Takes in as much as a head may be long, and returns how much that is. */
function takeIn(input: Buffer, from: number, longest: number): number {
  const length = Math.min(input.length - from, longest + 4);
  bytes.set(from === 0 && input.length === length ? input : input.subarray(from, from + length));
  // What is left of the last four says nothing.
  for (let after = length; after < length + 4; after++) bytes[after] = space;
  return length;
}

/** Finds the lines from `start` on: all up to the empty one, those that have come, or those before a byte that stands in none. */
function findLines(start: number, length: number): "whole" | "part" | "broken" {
  lineCount = 0;
  let line = start;
  for (let word = start >> 2; word * 4 < length; word++) {
    const four = words[word]!;
    // Whether one of them is less than 14, as CR, LF and NUL are: then taking 14 from it borrows its highest bit.
    if (((four - 0x0e0e0e0e) & ~four & 0x80808080) === 0) continue;
    for (let at = word * 4; at < word * 4 + 4; at++) {
      const code = bytes[at]!;
      if (at < line || (code !== cr && code !== lf && code !== 0)) continue;
      if (code !== cr) return "broken";
      if (at + 1 === length) return "part";
      if (bytes[at + 1] !== lf) return "broken";
      if (at === line) {
        headEnd = at + 2;
        return "whole";
      }
      ends[lineCount++] = at;
      line = at + 2;
    }
  }
  return "part";
}

/** The first position from `from` on whose byte does not belong in a token (RFC 9110 section 5.6.2). */
function skipToken(from: number): number {
  let at = from;
  while (isToken[bytes[at]!] === 1) at++;
  return at;
}

const isToken = Uint8Array.from({ length: 256 }, (_, code) =>
  /[!#$%&'*+\-.^_`|~0-9A-Za-z]/.test(String.fromCharCode(code)) ? 1 : 0,
);

/** The first position from `from` on whose byte is not visible ASCII. */
function skipVisible(from: number): number {
  let at = from;
  while ((at & 3) !== 0 && isVisible(bytes[at]!)) at++;
  if ((at & 3) !== 0) return at;
  // As in findLines: none is less than 0x21, and none more than 0x7e.
  for (let word = at >> 2; ; word++, at += 4) {
    const four = words[word]!;
    if ((((four - 0x21212121) | (four + 0x01010101) | four) & 0x80808080) !== 0) break;
  }
  while (isVisible(bytes[at]!)) at++;
  return at;
}

function isVisible(code: number): boolean {
  return code > 0x20 && code < 0x7f;
}

/** Whether exactly these bytes stand there. */
function stands(at: number, codes: Uint8Array): boolean {
  for (let i = 0; i < codes.length; i++) if (bytes[at + i] !== codes[i]) return false;
  return true;
}

/** Whether this lower-case name stands there, in any case. Lengths are compared already. */
function isNamed(at: number, name: Uint8Array): boolean {
  for (let i = 0; i < name.length; i++) {
    const code = bytes[at + i]!;
    if ((code >= 65 && code <= 90 ? code + 32 : code) !== name[i]) return false;
  }
  return true;
}

function tooLong(start: number, longest: number): BadHead {
  if (lineCount === 0 || ends[0]! - start > longest) return { status: 414, reason: "the request line is too long" };
  return { status: 431, reason: "the request's head is too long" };
}

/** Whether what has come so far can become a request: who speaks TLS to us is told at once instead of waiting for more. */
function mayBeRequest(start: number, length: number): boolean {
  const methodEnd = skipToken(start);
  const isWhole =
    methodEnd < length && (bytes[methodEnd] === space || (bytes[methodEnd] === cr && methodEnd === start));
  return (isWhole || methodEnd === length) && methodEnd - start <= longestMethod;
}

function joined(before: ByteSlice | undefined, value: ByteSlice): ByteSlice {
  return before === undefined ? value : pieceOf(`${textOf(before)}, ${textOf(value)}`);
}
