import type { BadHead } from "./bad-head.ts";
import { type ByteSlice, textOf } from "./byte-slice.ts";

/**
 * Whether a body follows the head (RFC 9112 section 6), or why its length is ambiguous. No body is ever read: a request with a body is the last of its connection. So
 * chunk sizes, which parsers interpret differently, are never parsed.
 */
export function bodyFollows(
  contentLength: ByteSlice | undefined,
  transferEncoding: ByteSlice | undefined,
  minor: 0 | 1,
): boolean | BadHead {
  if (transferEncoding === undefined) return contentLength === undefined ? false : ofLength(textOf(contentLength));
  // Section 6.3, rule 3: both at once is request smuggling or an error.
  if (contentLength !== undefined) return bothLengths;
  // Section 6.1: HTTP/1.0 has no Transfer-Encoding; such a message has invalid framing.
  if (minor === 0) return codingInOld;
  return ofCoding(textOf(transferEncoding).toLowerCase());
}

/** Section 6.2: digits. A repeated length is refused even if both are equal (section 6.3, rule 5, allows it). */
function ofLength(text: string): boolean | BadHead {
  return /^\d{1,15}$/.test(text) ? Number(text) > 0 : badLength;
}

/** Sections 6.1 and 6.3, rule 4: `chunked`, once and last; another coding before it is not supported. */
function ofCoding(text: string): true | BadHead {
  if (text === "chunked") return true;
  return /^(?!.*chunked.*chunked)[^,]+,.*[\t ,]chunked$/.test(text) ? unknownCoding : badCoding;
}

const bothLengths: BadHead = { status: 400, reason: "Content-Length and Transfer-Encoding exclude each other" };
const codingInOld: BadHead = { status: 400, reason: "HTTP/1.0 has no Transfer-Encoding" };
const badLength: BadHead = { status: 400, reason: "Content-Length must be one number of up to 15 digits" };
const badCoding: BadHead = { status: 400, reason: "Transfer-Encoding must end with chunked, once" };
const unknownCoding: BadHead = { status: 501, reason: "no Transfer-Encoding but chunked is supported" };
