import type { HeaderSet, OutgoingResponse } from "./request.ts";

/**
 * Responses as bytes on the wire (RFC 9112 sections 4 to 6). The buffer is reused: concatenated strings would each be allocated and
 * garbage-collected. One instance serves all connections of a server, because each connection sends and empties it before another one writes.
 */
export class Output {
  /** The responses written so far are its first {@link length} bytes. */
  bytes = Buffer.alloc(64 * 1024);
  length = 0;
  /** The preamble that the buffer starts with, also after it was emptied: most responses start like the previous one, which saves the copy. */
  #first: Uint8Array | undefined = undefined;
  /** By the headers they contain; all with the date {@link #date}. */
  readonly #preambles = new Map<HeaderSet, Preamble>();
  #date = "";

  /** Adds a response. `bodiless` leaves out its body, for HEAD; `close` marks the last response of a connection; `date` is the value of Date. */
  add(response: OutgoingResponse, bodiless: boolean, close: boolean, date: string): void {
    const { status, headers, location, body = "", length = body.length } = response;
    const { toLength, toLocation } = this.#preamble(status, headers, date);
    if (location !== undefined && body === "" && !close) {
      this.#write(toLocation, location, "\r\n\r\n");
      return;
    }
    const { link } = response;
    const middle =
      (location === undefined ? "" : `Location: ${location}\r\n`) + (link === undefined ? "" : `Link: ${link}\r\n`);
    const end = close ? "Connection: close\r\n\r\n" : "\r\n";
    this.#write(toLength, `${bodiless ? length : body.length}\r\n${middle}${end}`, bodiless ? "" : body);
  }

  /** Both strings are latin1: one character per byte. */
  #write(start: Uint8Array, middle: string, end: string): void {
    const needed = this.length + start.length + middle.length + end.length;
    if (needed > this.bytes.length) this.#grow(needed);
    const { bytes } = this;
    if (this.length > 0 || this.#first !== start) {
      bytes.set(start, this.length);
      if (this.length === 0) this.#first = start;
    }
    bytes.write(middle, this.length + start.length, "latin1");
    // For a few characters, a loop is faster than the call.
    if (end.length > 8) bytes.write(end, needed - end.length, "latin1");
    else for (let i = 0; i < end.length; i++) bytes[needed - end.length + i] = end.charCodeAt(i);
    this.length = needed;
  }

  #grow(needed: number): void {
    const bytes = Buffer.alloc(2 * needed);
    bytes.set(this.bytes.subarray(0, this.length));
    this.bytes = bytes;
    if (this.length === 0) this.#first = undefined;
  }

  /** The start of a response; cached per header set until the date changes. */
  #preamble(status: number, headers: HeaderSet, date: string): Preamble {
    if (date !== this.#date || this.#preambles.size >= mostPreambles) {
      this.#preambles.clear();
      this.#date = date;
    }
    const cached = this.#preambles.get(headers);
    if (cached?.status === status) return cached;
    const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`).join("");
    const text = `HTTP/1.1 ${status} ${reasons[status] ?? "Unknown"}\r\n${lines}Date: ${date}\r\nContent-Length: `;
    const made = {
      status,
      toLength: Buffer.from(text, "latin1"),
      toLocation: Buffer.from(`${text}0\r\nLocation: `, "latin1"),
    };
    this.#preambles.set(headers, made);
    return made;
  }
}

const mostPreambles = 256;

const reasons: Readonly<Record<number, string>> = {
  200: "OK",
  304: "Not Modified",
  307: "Temporary Redirect",
  400: "Bad Request",
  404: "Not Found",
  405: "Method Not Allowed",
  414: "URI Too Long",
  431: "Request Header Fields Too Large",
  500: "Internal Server Error",
  501: "Not Implemented",
  503: "Service Unavailable",
  505: "HTTP Version Not Supported",
};

/** The start of a response. */
interface Preamble {
  readonly status: number;
  /** Status line and headers, up to the value of Content-Length. */
  readonly toLength: Uint8Array;
  /** The same for a response without a body, up to the value of Location. */
  readonly toLocation: Uint8Array;
}
