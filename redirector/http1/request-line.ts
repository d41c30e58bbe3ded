import { type BadHead, noMethod, notRequestLine } from "./bad-head.ts";
import { codesOf, type HeadLines } from "./head-lines.ts";

/** The request line: `method SP request-target SP HTTP-version` (RFC 9112 section 3). */
export interface RequestLine {
  readonly method: string;
  readonly target: string;
  /** HTTP/1.0 or HTTP/1.1: the minor version. */
  readonly minor: 0 | 1;
}

/**
 * Reads the first line of a whole head. RFC 9112 section 3 lets a server accept any white space between the three parts; this parser accepts one space only.
 */
export function readRequestLine(lines: HeadLines): RequestLine | BadHead {
  const { bytes, start } = lines;
  const end = lines.lineEnd(0);
  const methodEnd = lines.skipToken(start);
  const targetEnd = end - " HTTP/1.1".length;
  if (methodEnd === start || methodEnd - start > longestMethod || bytes[methodEnd] !== space) return noMethod;
  if (methodEnd >= targetEnd || bytes[targetEnd] !== space) return notRequestLine;
  const minor = lines.stands(targetEnd + 1, http11) ? 1 : lines.stands(targetEnd + 1, http10) ? 0 : undefined;
  if (minor === undefined) return isVersion.test(lines.text(targetEnd + 1, end)) ? otherVersion : notRequestLine;
  const target = methodEnd + 1;
  if (lines.skipVisible(target) !== targetEnd) return notRequestLine;
  if (bytes[target] !== slash && !isOtherForm.test(lines.text(start, targetEnd))) return notRequestLine;
  return {
    method: lines.stands(start, get) ? "GET" : lines.text(start, methodEnd),
    target: lines.text(target, targetEnd),
    minor,
  };
}

/** Whether an incomplete head can still become valid: a client that speaks TLS to this port is refused at once, not after the timeout. */
export function mayBecomeRequestLine(lines: HeadLines): boolean {
  const { bytes, start, length } = lines;
  const methodEnd = lines.skipToken(start);
  if (methodEnd - start > longestMethod) return false;
  if (methodEnd >= length) return true;
  return methodEnd === start ? bytes[methodEnd] === cr : bytes[methodEnd] === space;
}

const otherVersion: BadHead = {
  status: 505,
  reason: "only HTTP/1.1 and HTTP/1.0 are supported",
};

/** The longest registered method has 17 characters (IANA, HTTP Method Registry). */
const longestMethod = 32;
/** RFC 9112 section 2.3. */
const isVersion = /^HTTP\/\d\.\d$/;
/** Method and target of the forms that do not begin with a slash: absolute, authority and asterisk (RFC 9112 sections 3.2.2 to 3.2.4). */
const isOtherForm = /^(?:[^ ]+ https?:\/\/.|CONNECT .|[^ ]+ \*$)/i;
const get = codesOf("GET ");
const http11 = codesOf("HTTP/1.1");
const http10 = codesOf("HTTP/1.0");
const cr = 13;
const space = 32;
const slash = 47;
