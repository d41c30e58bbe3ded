import { type BadHead, noMethod, notRequestLine } from "./bad-head.ts";
import { bodyFollows } from "./body.ts";
import { type ByteSlice, textOf, trimmed } from "./byte-slice.ts";
import { type Fields, joined, readFields } from "./fields.ts";
import { HeadLines } from "./head-lines.ts";
import { isHost } from "./host.ts";
import type { HeaderName, IncomingRequest } from "./request.ts";
import { mayBecomeRequestLine, type RequestLine, readRequestLine } from "./request-line.ts";

/** A request head, and what it says about the connection. */
export interface RequestHead extends IncomingRequest {
  /** Position after the head. */
  readonly end: number;
  /** Whether the connection may be reused. */
  readonly keepAlive: boolean;
  /** Whether a body follows. It is never read. */
  readonly hasBody: boolean;
}

/** A head that is refused. */
export interface RefusedHead extends BadHead {
  /** The request line; its read part if it is too long; empty if it is incomplete. */
  readonly requestLine: string;
}

/** Default of the longest accepted head, in bytes. */
const longestHead = 16 * 1024;

/**
 * Parses heads of HTTP/1.1 requests (RFC 9112), strictly: what the RFC lets a server repair is refused, because requests get smuggled where two parsers repair
 * differently. Each rule has its file:
 *
 * | rule | RFC | file |
 * |---|---|---|
 * | lines, and the characters in them | 9112 section 2.2, 9110 section 5.5 | head-lines.ts |
 * | request line | 9112 section 3 | request-line.ts |
 * | Host | 9112 section 3.2, 9110 section 7.2 | host.ts |
 * | field lines | 9112 section 5 | fields.ts |
 * | whether a body follows | 9112 section 6 | body.ts |
 * | whether the connection stays open | 9112 section 9.3 | here |
 */
export class HeadReader {
  readonly #lines: HeadLines;

  /** `longest`: the longest accepted head in bytes. */
  constructor(longest: number = longestHead) {
    this.#lines = new HeadLines(longest);
  }

  /**
   * Reads the head that `input` holds from `from` on. Undefined while it is incomplete; refused as soon as that is certain. The result does not depend on how the head
   * was split into packets.
   */
  read(input: Buffer, from: number, peer: ByteSlice | undefined): RequestHead | RefusedHead | undefined {
    const lines = this.#lines;
    const found = lines.take(input, from);
    if (found !== "whole") {
      if (!mayBecomeRequestLine(lines)) return this.#refused(noMethod);
      if (found === "part") return undefined;
      if (found === "too long") return this.#refused(lines.count === 0 ? longRequestLine : longHead);
      return this.#refused(lines.count === 0 ? notRequestLine : badField);
    }
    const line = readRequestLine(lines);
    if ("reason" in line) return this.#refused(line);
    const fields = readFields(lines, input, from);
    if (fields === undefined) return this.#refused(badField);
    // RFC 9112 section 3.2: required in HTTP/1.1, optional in HTTP/1.0.
    if (fields.host === undefined ? line.minor === 1 : !isHost(fields.host)) return this.#refused(badHost);
    const hasBody = bodyFollows(fields.contentLength, fields.transferEncoding, line.minor);
    if (typeof hasBody === "object") return this.#refused(hasBody);
    return new ParsedHead(line, fields, hasBody, peer, input, from + lines.lineEnd(0) + 2, from + lines.end);
  }

  #refused(head: BadHead): RefusedHead {
    const lines = this.#lines;
    let end = lines.start;
    if (head === longRequestLine) end = lines.length;
    // A head without a method is refused before the rest arrives, so the rest must not change the result.
    else if (head !== noMethod && lines.count > 0) end = lines.lineEnd(0);
    return { ...head, requestLine: lines.text(lines.start, end) };
  }
}

const badField: BadHead = { status: 400, reason: "a header line is malformed" };
const badHost: BadHead = {
  status: 400,
  reason: "Host must be given once, as a host name or address with an optional port",
};
const longRequestLine: BadHead = { status: 414, reason: "the request line is too long" };
const longHead: BadHead = { status: 431, reason: "the request head is too long" };

class ParsedHead implements RequestHead {
  readonly method: string;
  readonly target: string;
  readonly peer: ByteSlice | undefined;
  readonly forwardedFor: ByteSlice | undefined;
  readonly latlong: ByteSlice | undefined;
  readonly keepAlive: boolean;
  readonly hasBody: boolean;
  readonly end: number;
  readonly #input: Buffer;
  /** Position of the first field line in it. */
  readonly #fields: number;

  constructor(
    { method, target, minor }: RequestLine,
    { forwardedFor, latlong, connection }: Fields,
    hasBody: boolean,
    peer: ByteSlice | undefined,
    input: Buffer,
    fields: number,
    end: number,
  ) {
    this.method = method;
    this.target = target;
    this.peer = peer;
    this.forwardedFor = forwardedFor;
    this.latlong = latlong;
    this.keepAlive = minor === 1 && (connection === undefined || !asksToClose(connection));
    this.hasBody = hasBody;
    this.#input = input;
    this.#fields = fields;
    this.end = end;
  }

  header(name: HeaderName): string | undefined {
    const input = this.#input;
    let value: ByteSlice | undefined;
    for (let line = this.#fields; line < this.end - 2; line = input.indexOf("\n", line) + 1) {
      const colon = line + name.length;
      if (input[colon] !== colonCode || input.toString("latin1", line, colon).toLowerCase() !== name) continue;
      value = joined(value, trimmed(input, colon + 1, input.indexOf("\r", line)));
    }
    return value && textOf(value);
  }
}

/** RFC 9112 section 9.3: HTTP/1.1 stays open unless asked to close. HTTP/1.0 always closes (its `keep-alive` is not standardized). */
function asksToClose(connection: ByteSlice): boolean {
  return textOf(connection)
    .toLowerCase()
    .split(",")
    .some((option) => option.trim() === "close");
}

const colonCode = 58;
