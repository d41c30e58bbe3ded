/** Names in small letters; several fields of one name are joined by commas. Cookies are left out: nobody here keeps them. */
export type Headers = Readonly<Record<string, string | undefined>> & { readonly "set-cookie"?: undefined };

/** Where an answer's body ends. */
export type Framing =
  | { readonly kind: "length"; readonly bytes: number }
  | { readonly kind: "chunked" }
  /** With the connection. */
  | { readonly kind: "close" };

/** What comes before the body of an answer. */
export interface ResponseHead {
  readonly status: number;
  readonly headers: Headers;
  readonly framing: Framing;
  /** The server closes the connection after this answer. */
  readonly isLast: boolean;
}

/** Bytes that are no HTTP/1.1, or whose end two readers could see at different places: the connection is of no use any more. */
export class ProtocolError extends Error {
  readonly code = "HTTP_PROTOCOL";

  constructor(what: string) {
    super(`the answer is not HTTP: ${what}`);
    this.name = "ProtocolError";
  }
}

const statusLine = /^HTTP\/1\.([01]) ([1-9]\d\d)(?: [\t\x20-\x7e\x80-\xff]*)?$/;
/** A field's name (RFC 9110, "Tokens"); nothing may stand between it and the colon. */
const fieldName = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
/** No control characters (RFC 9110, "Field Values"). */
const fieldValue = /^[\t\x20-\x7e\x80-\xff]*$/;

/**
 * Reads status line and header fields, without the empty line that ends them, and decides where the body ends (RFC 9112, "Message Body
 * Length"). Stricter than most: what is ambiguous is refused, not repaired.
 * @param method of the request: an answer to HEAD has no body, whatever it says.
 * @throws ProtocolError
 */
export function readResponseHead(text: string, method: string): ResponseHead {
  const [first = "", ...lines] = text.split("\r\n");
  const [, minor, digits] = statusLine.exec(first) ?? [];
  if (digits === undefined) throw new ProtocolError(`it begins with ${quoted(first)}`);
  const status = Number(digits);
  const headers: Record<string, string> = Object.create(null);
  for (const line of lines) {
    const colon = line.indexOf(":");
    const name = line.slice(0, Math.max(0, colon)).toLowerCase();
    const value = line.slice(colon + 1).replace(/^[\t ]+|[\t ]+$/g, "");
    // A line that begins with a blank would go on with the one before it (RFC 9112, "Obsolete Line Folding"): it has no name.
    if (!fieldName.test(name) || !fieldValue.test(value)) throw new ProtocolError(`the header ${quoted(line)}`);
    if (name === "set-cookie") continue;
    const before = headers[name];
    headers[name] = before === undefined ? value : `${before}, ${value}`;
  }
  const connection = headers["connection"]?.toLowerCase() ?? "";
  const isLast = /(^|,)\s*close\s*(,|$)/.test(connection) || (minor === "0" && !/\bkeep-alive\b/.test(connection));
  return { status, headers, framing: framingOf(status, headers, method), isLast };
}

function framingOf(status: number, headers: Readonly<Record<string, string>>, method: string): Framing {
  const coding = headers["transfer-encoding"];
  const length = headers["content-length"];
  if (coding !== undefined && length !== undefined) throw new ProtocolError("it has a length and is chunked");
  if (coding !== undefined && coding.toLowerCase() !== "chunked") throw new ProtocolError(`coded as ${quoted(coding)}`);
  const bytes = length === undefined ? undefined : lengthOf(length);
  if (method === "HEAD" || status < 200 || status === 204 || status === 304) return { kind: "length", bytes: 0 };
  if (coding !== undefined) return { kind: "chunked" };
  return bytes === undefined ? { kind: "close" } : { kind: "length", bytes };
}

/** A length that is given several times has to be the same each time. */
function lengthOf(text: string): number {
  const [first = "", ...others] = text.split(/\s*,\s*/);
  const bytes = /^\d{1,15}$/.test(first) ? Number(first) : Number.NaN;
  if (Number.isNaN(bytes) || others.some((other) => other !== first))
    throw new ProtocolError(`a length of ${quoted(text)}`);
  return bytes;
}

function quoted(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}...` : text);
}
