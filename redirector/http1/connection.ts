import { internalError, malformedAnswer } from "../answer.ts";
import type { Answer, HeaderSet, IncomingRequest } from "../request.ts";
import { readHead } from "./head.ts";

/** What a connection needs of the runtime that carries it. */
export interface Wire {
  /** Sends all of it, now or when the other end is ready to take it; latin1, one byte per character. Returns whether it all went out. */
  send(text: string, binary: boolean): boolean;
  /**
   * Ends the connection once everything is sent. `linger`: the other end may still be sending, which is to be read and dropped for a
   * moment, as closing at once would be a reset that takes the answer with it (RFC 9112 section 9.6).
   */
  end(linger: boolean): void;
}

/** What all connections of a server share. */
export interface ConnectionSettings {
  readonly handle: (request: IncomingRequest) => Answer | Promise<Answer>;
  /** Longest accepted request head in bytes. */
  readonly longestHead: number;
  /** Whether the server is going away: each answer is then the last of its connection. */
  readonly draining: () => boolean;
  /** Value of the Date header. */
  readonly date: () => string;
  /** Told of a fault in `handle`, which is answered with a 500. */
  readonly fault: (error: unknown) => void;
  /** Told of what was no request, and the status it was answered with. */
  readonly malformed: (status: number) => void;
}

/** Bytes that may wait while an earlier request of the same connection is being answered. */
const longestBacklog = 64 * 1024;
/** Characters of answers that are collected before they are sent: a page is long and the request for it short. */
const longestOutput = 128 * 1024;

/**
 * The server's side of one HTTP/1.1 connection: bytes in, answers out, one request at a time and in order. Knows no runtime.
 * A request with a body is answered without reading the body, and the connection ends there: so no body, however it is framed, can be
 * taken for a request.
 */
export class Connection {
  readonly #settings: ConnectionSettings;
  readonly #wire: Wire;
  readonly #peer: string | undefined;
  #input = "";
  #answering = false;
  #blocked = false;
  #ended = false;
  /** The answer that is worked on is the last: what comes after its request is not for us. */
  #last = false;
  /** The other end has sent all it will. */
  #finished = false;
  /** Whether part of a request has arrived. */
  get reading(): boolean {
    return this.#input !== "";
  }
  /** Whether an answer is being worked on or sent. */
  get busy(): boolean {
    return this.#answering || this.#blocked;
  }

  constructor(settings: ConnectionSettings, wire: Wire, peer: string | undefined) {
    this.#settings = settings;
    this.#wire = wire;
    this.#peer = peer;
  }

  /** Takes in bytes as latin1 text. */
  receive(text: string): void {
    if (this.#ended || this.#last) return;
    this.#input = this.#input === "" ? text : this.#input + text;
    if (!this.busy) this.#work();
    else if (this.#input.length > longestBacklog) this.#end(true);
  }

  /** Told when everything sent so far has gone out. */
  sent(): void {
    if (!this.#blocked) return;
    this.#blocked = false;
    if (!this.busy) this.#work();
  }

  /** Told when the other end will send no more, though it may wait for answers still (RFC 9112 section 9.6). */
  finished(): void {
    this.#finished = true;
    if (!this.busy) this.#work();
  }

  /** Told when the other end is gone. */
  closed(): void {
    this.#ended = true;
    this.#input = "";
  }

  #end(linger: boolean): void {
    this.#ended = true;
    this.#input = "";
    this.#wire.end(linger);
  }

  #work(): void {
    const { handle, longestHead, fault, malformed } = this.#settings;
    let output = "";
    let from = 0;
    let last = false;
    let linger = false;
    let binary = false;
    while (!last && !this.#ended) {
      if (from >= this.#input.length || output.length > longestOutput) break;
      const head = readHead(this.#input, from, longestHead, this.#peer);
      if (head === undefined) break;
      if ("reason" in head) {
        malformed(head.status);
        const answer = malformedAnswer(head.status, head.reason, isForRegistry(this.#input, from));
        output += this.#write(answer, false, true);
        last = true;
        linger = true;
        break;
      }
      from = head.end;
      const close = !head.keepAlive || head.hasBody || this.#settings.draining();
      let answer: Answer | Promise<Answer>;
      try {
        answer = handle(head);
      } catch (error) {
        fault(error);
        answer = internalError;
      }
      if (answer instanceof Promise) {
        this.#answering = true;
        this.#last = close;
        answer
          .catch((error: unknown) => {
            fault(error);
            return internalError;
          })
          .then((late) => {
            this.#answering = false;
            if (this.#ended) return;
            const closing = close || this.#settings.draining();
            const text = this.#write(late, head.method === "HEAD", closing);
            this.#send(text, late.binary === true, closing, head.hasBody);
            if (!this.busy && !this.#ended) this.#work();
          })
          .catch(fault);
        break;
      }
      output += this.#write(answer, head.method === "HEAD", close);
      binary ||= answer.binary === true;
      last = close;
      linger = head.hasBody;
    }
    this.#input = from >= this.#input.length || this.#last ? "" : this.#input.slice(from);
    if (output !== "") this.#send(output, binary, last, linger);
    if (this.busy || this.#ended) return;
    if (output.length > longestOutput) this.#work();
    else if (this.#finished) this.#end(false);
  }

  #send(text: string, binary: boolean, last: boolean, linger: boolean): void {
    if (!this.#wire.send(text, binary)) this.#blocked = true;
    if (last) this.#end(linger);
  }

  #write({ status, headers, location, body = "" }: Answer, bodiless: boolean, close: boolean): string {
    const start = `${preamble(status, headers, this.#settings.date())}${body.length}\r\n`;
    const middle = location === undefined ? "" : `Location: ${location}\r\n`;
    return `${start}${middle}${close ? "Connection: close\r\n\r\n" : "\r\n"}${bodiless ? "" : body}`;
  }
}

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
  503: "Service Unavailable",
  505: "HTTP Version Not Supported",
};

/** Status line and headers of an answer up to its length; kept, by their headers, for as long as the Date is right. */
function preamble(status: number, headers: HeaderSet, date: string): string {
  if (date !== preambleDate || preambles.size >= mostPreambles) {
    preambles.clear();
    preambleDate = date;
  }
  const known = preambles.get(headers);
  if (known?.status === status) return known.text;
  const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`).join("");
  const text = `HTTP/1.1 ${status} ${reasons[status] ?? "Unknown"}\r\n${lines}Date: ${date}\r\nContent-Length: `;
  preambles.set(headers, { status, text });
  return text;
}

const mostPreambles = 256;
const preambles = new Map<HeaderSet, { readonly status: number; readonly text: string }>();
let preambleDate = "";

/** Whether what was to be a request is one for the registry, whose clients read errors as JSON. */
function isForRegistry(text: string, from: number): boolean {
  return /^(?:\r\n)*[!-~]+ (?:https?:\/\/[^/ ]*)?\/v2[/ ?]/i.test(text.slice(from, from + 512));
}
