import { ProtocolError } from "./response-head.ts";

/** A line of a chunked body, and all its trailers together, are not longer than this. */
const longestLines = 16 * 1024;

/** Takes the content out of a body that comes in chunks (RFC 9112, "Chunked Transfer Coding"), cut anywhere. */
export class ChunkedBody {
  /** What is left of a chunk, the CRLF after it included; between chunks 0. */
  #left = 0;
  #line = "";
  #lines = 0;
  #state: "size" | "content" | "trailers" | "ended" = "size";

  /** Whether the last chunk and the trailers have come. */
  get ended(): boolean {
    return this.#state === "ended";
  }

  /**
   * Takes what has come.
   * @param take is given the content, as views of `bytes`.
   * @returns how many of the bytes belong to this body: all, unless it ends before.
   * @throws ProtocolError
   */
  feed(bytes: Buffer, take: (content: Buffer) => void): number {
    let at = 0;
    while (at < bytes.length && this.#state !== "ended") {
      if (this.#state === "content") {
        const content = Math.min(this.#left - 2, bytes.length - at);
        if (content > 0) {
          take(bytes.subarray(at, at + content));
          this.#left -= content;
          at += content;
        } else {
          if (bytes[at++] !== (this.#left === 2 ? cr : lf)) throw new ProtocolError("a chunk is longer than it says");
          if (--this.#left === 0) this.#state = "size";
        }
        continue;
      }
      const end = bytes.indexOf(lf, at);
      const until = end < 0 ? bytes.length : end + 1;
      this.#lines += until - at;
      if (this.#lines > longestLines) throw new ProtocolError("a line between chunks is too long");
      this.#line += bytes.toString("latin1", at, until);
      at = until;
      if (end >= 0) this.#endLine();
    }
    return at;
  }

  #endLine(): void {
    const line = this.#line;
    this.#line = "";
    if (!line.endsWith("\r\n")) throw new ProtocolError("a line between chunks has no end");
    if (this.#state === "trailers") {
      if (line === "\r\n") this.#state = "ended"; // what the trailers say nobody needs
      return;
    }
    const size = /^([0-9a-f]{1,8})[\t ]*(?:;[\t\x20-\x7e\x80-\xff]*)?\r\n$/i.exec(line)?.[1];
    if (size === undefined) throw new ProtocolError(`a chunk begins with ${JSON.stringify(line.slice(0, 40))}`);
    const length = Number.parseInt(size, 16);
    this.#lines = 0;
    this.#left = length + 2;
    this.#state = length === 0 ? "trailers" : "content";
  }
}

const cr = 0x0d;
const lf = 0x0a;
