import type { HeaderName, IncomingRequest } from "../request.ts";

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

/**
 * Reads the head that starts at `from` in `text`, one character per byte (latin1). Undefined while it is incomplete. A head of
 * more than `longest` bytes is refused with 431, or with 414 if the request line alone is as long.
 */
export function readHead(
  text: string,
  from: number,
  longest: number,
  peer: string | undefined,
): RequestHead | BadHead | undefined {
  // RFC 9112 section 2.2: empty lines before a request line are to be ignored.
  let start = from;
  while (text.charCodeAt(start) === cr && text.charCodeAt(start + 1) === lf) start += 2;
  const end = text.indexOf("\r\n\r\n", start);
  if ((end === -1 ? text.length : end) - from > longest) return tooLong(text, start, longest);
  if (end === -1) return mayBeRequest(text, start) ? undefined : badRequestLine;

  const lineEnd = text.indexOf("\r\n", start);
  const firstSpace = text.indexOf(" ", start);
  const lastSpace = lineEnd - 9;
  if (firstSpace === -1 || firstSpace >= lastSpace || text.charCodeAt(lastSpace) !== space) return badRequestLine;
  const version = text.slice(lastSpace + 1, lineEnd);
  if (version !== "HTTP/1.1" && version !== "HTTP/1.0")
    return /^HTTP\/\d\.\d$/.test(version) ? badVersion : badRequestLine;
  if (firstSpace === start || skip(text, start, tokenBit) !== firstSpace) return badRequestLine;
  if (skip(text, firstSpace + 1, targetBit) !== lastSpace) return badRequestLine;
  if (text.charCodeAt(firstSpace + 1) !== slash && !otherForm.test(text.slice(start, lastSpace))) return badRequestLine;

  const request = new Request1(
    text.startsWith("GET ", start) ? "GET" : text.slice(start, firstSpace),
    text.slice(firstSpace + 1, lastSpace),
    peer,
    version === "HTTP/1.1",
    text,
    lineEnd + 2,
    end + 4,
  );
  const nul = text.indexOf("\0", lineEnd);
  if (nul !== -1 && nul < end) return badHeader;
  let hosts = 0;
  let lengths: string | undefined;
  let coded = false;
  for (let line = lineEnd + 2; line < end + 2; ) {
    // A line ends at the first LF, right after the first CR: neither stands alone anywhere. NUL is looked for in all lines at once.
    const next = text.indexOf("\r", line);
    if (text.charCodeAt(next + 1) !== lf || text.indexOf("\n", line) !== next + 1) return badHeader;
    const colon = skip(text, line, tokenBit);
    if (colon === line || text.charCodeAt(colon) !== colonCode) return badHeader;
    // What the framing and every request need; the other headers are looked up when somebody asks.
    switch (colon - line) {
      case 4:
        if (is(text, line, "host")) hosts++;
        break;
      case 10:
        if (is(text, line, "connection")) request.connection(trimmed(text, colon, next).toLowerCase());
        break;
      case 14:
        if (is(text, line, "content-length")) {
          const length = trimmed(text, colon, next);
          if (!/^\d{1,15}$/.test(length) || (lengths !== undefined && lengths !== length)) return badHeader;
          lengths = length;
        }
        break;
      case 15:
        if (is(text, line, "x-forwarded-for"))
          request.forwardedFor = joined(request.forwardedFor, trimmed(text, colon, next));
        break;
      case 16:
        if (is(text, line, "x-client-latlong")) request.latlong = joined(request.latlong, trimmed(text, colon, next));
        break;
      case 17:
        if (is(text, line, "transfer-encoding")) coded = true;
        break;
    }
    line = next + 2;
  }
  // RFC 9112 section 3.2: exactly one Host in HTTP/1.1. Section 6.1: both lengths at once is an attack or a fault.
  if (hosts > 1 || (hosts === 0 && version === "HTTP/1.1"))
    return { status: 400, reason: "needs exactly one Host header" };
  if (coded && lengths !== undefined) return { status: 400, reason: "has both Content-Length and Transfer-Encoding" };
  request.hasBody = coded || (lengths !== undefined && Number(lengths) > 0);
  return request;
}

function tooLong(text: string, start: number, longest: number): BadHead {
  const lineEnd = text.indexOf("\r\n", start);
  if (lineEnd === -1 || lineEnd - start > longest) return { status: 414, reason: "the request line is too long" };
  return { status: 431, reason: "the request's head is too long" };
}

/**
 * Whether what has come so far can become a request: who speaks TLS to us, or ends lines with LF alone, is told at once instead of
 * waiting for more.
 */
function mayBeRequest(text: string, start: number): boolean {
  for (let at = text.indexOf("\n", start); at !== -1; at = text.indexOf("\n", at + 1)) {
    if (text.charCodeAt(at - 1) !== cr) return false;
  }
  const firstSpace = text.indexOf(" ", start);
  const methodEnd = firstSpace === -1 ? text.length : firstSpace;
  return (
    text.slice(start) === "\r" || (methodEnd - start <= longestMethod && skip(text, start, tokenBit) === methodEnd)
  );
}

class Request1 implements RequestHead {
  readonly method: string;
  readonly target: string;
  readonly peer: string | undefined;
  readonly end: number;
  keepAlive: boolean;
  hasBody = false;
  forwardedFor: string | undefined = undefined;
  latlong: string | undefined = undefined;
  readonly #text: string;
  /** Position of the first header. */
  readonly #headers: number;

  constructor(
    method: string,
    target: string,
    peer: string | undefined,
    keepAlive: boolean,
    text: string,
    headers: number,
    end: number,
  ) {
    this.method = method;
    this.target = target;
    this.peer = peer;
    this.keepAlive = keepAlive;
    this.#text = text;
    this.#headers = headers;
    this.end = end;
  }

  /** Takes in the value of a Connection header: HTTP/1.1 stays open unless told, HTTP/1.0 is closed whatever it asks for. */
  connection(value: string): void {
    if (value.split(",").some((option) => option.trim() === "close")) this.keepAlive = false;
  }

  header(name: HeaderName): string | undefined {
    if (name === "x-forwarded-for") return this.forwardedFor;
    if (name === "x-client-latlong") return this.latlong;
    let value: string | undefined;
    for (let line = this.#headers; line < this.end - 2; line = this.#text.indexOf("\n", line) + 1) {
      const colon = line + name.length;
      if (this.#text.charCodeAt(colon) !== colonCode || !is(this.#text, line, name)) continue;
      value = joined(value, trimmed(this.#text, colon, this.#text.indexOf("\r", line)));
    }
    return value;
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
const tab = 9;
const colonCode = 58;

const tokenBit = 1;
const targetBit = 2;
/** What each byte may be part of: a token (RFC 9110 section 5.6.2), a target (visible ASCII). */
const classes = Uint8Array.from({ length: 256 }, (_, code) => {
  const visible = code > 0x20 && code < 0x7f;
  const token = /[!#$%&'*+\-.^_`|~0-9A-Za-z]/.test(String.fromCharCode(code));
  return (token ? tokenBit : 0) | (visible ? targetBit : 0);
});

/** The first position from `from` on whose character is not of the class. */
function skip(text: string, from: number, bit: number): number {
  let at = from;
  while ((classes[text.charCodeAt(at)]! & bit) !== 0) at++;
  return at;
}

/** The value between a header's colon and its end, without blanks around it. */
function trimmed(text: string, colon: number, end: number): string {
  let first = colon + 1;
  let last = end;
  while (first < last && isBlank(text.charCodeAt(first))) first++;
  while (last > first && isBlank(text.charCodeAt(last - 1))) last--;
  return text.slice(first, last);
}

/** Whether the characters from `at` are this lower-case name, in any case. Lengths are compared already. */
function is(text: string, at: number, name: string): boolean {
  for (let i = 0; i < name.length; i++) {
    const code = text.charCodeAt(at + i);
    const lower = code >= 65 && code <= 90 ? code + 32 : code;
    if (lower !== name.charCodeAt(i)) return false;
  }
  return true;
}

function isBlank(code: number): boolean {
  return code === space || code === tab;
}

function joined(before: string | undefined, value: string): string {
  return before === undefined ? value : `${before}, ${value}`;
}
