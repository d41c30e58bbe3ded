import { type ByteSlice, sliceOf } from "./byte-slice.ts";
import type { HeadReader, RefusedHead } from "./head.ts";
import { Output } from "./output.ts";
import type { IncomingRequest, OutgoingResponse } from "./request.ts";

/** What a connection needs of the runtime that carries it. */
export interface Wire {
  /** Sends the first `length` bytes, now or, a copy of them, when the other end is ready for more. Returns whether all went out now. */
  send(bytes: Buffer, length: number): boolean;
  /**
   * Ends the connection once everything is sent. `linger`: the other end may still be sending, which is to be read and dropped for a
   * moment, as closing at once would be a reset that takes the answer with it (RFC 9112 section 9.6).
   */
  end(linger: boolean): void;
}

/** What all connections of a server share. */
export interface ConnectionSettings {
  readonly handle: (request: IncomingRequest) => OutgoingResponse | Promise<OutgoingResponse>;
  /** Reads request heads; one serves all connections, as each head is read in one go. */
  readonly heads: HeadReader;
  /** Whether the server is going away: each answer is then the last of its connection. */
  readonly draining: () => boolean;
  /** Value of the Date header. */
  readonly date: () => string;
  /** Called with an error thrown by `handle`, which is answered with a 500. */
  readonly onError: (error: unknown) => void;
  /** Gives the response to a request that HTTP/1.1 refuses. */
  readonly refuse: (head: RefusedHead) => OutgoingResponse;
}

const nothing = Buffer.alloc(0);
const output = new Output();
/** Bytes that may wait while an earlier request of the same connection is being answered. */
const longestBacklog = 64 * 1024;
/** Bytes of answers that are collected before they are sent: a page is long and the request for it short. */
const longestOutput = 128 * 1024;

/**
 * The server's side of one HTTP/1.1 connection: bytes in, answers out, one request at a time and in order. Knows no runtime.
 * A request with a body is answered without reading the body, and the connection ends there: so no body, however it is framed, can be
 * taken for a request.
 */
export class Connection {
  readonly #settings: ConnectionSettings;
  readonly #wire: Wire;
  readonly #peer: ByteSlice | undefined;
  #input: Buffer = nothing;
  #answering = false;
  #blocked = false;
  #ended = false;
  /** The answer that is worked on is the last: what comes after its request is not for us. */
  #last = false;
  /** The other end has sent all it will. */
  #finished = false;
  #requests = 0;
  /** Requests whose heads have arrived whole, so far. */
  get requests(): number {
    return this.#requests;
  }
  /** Whether part of a request has arrived. */
  get reading(): boolean {
    return this.#input.length > 0;
  }
  /** Whether an answer is being worked on or sent. */
  get busy(): boolean {
    return this.#answering || this.#blocked;
  }

  constructor(settings: ConnectionSettings, wire: Wire, peer: string | undefined) {
    this.#settings = settings;
    this.#wire = wire;
    this.#peer = peer === undefined ? undefined : sliceOf(peer);
  }

  /** Takes in bytes, and keeps them for as long as they are no whole request. */
  receive(bytes: Buffer): void {
    if (this.#ended || this.#last) return;
    this.#input = this.#input.length === 0 ? bytes : Buffer.concat([this.#input, bytes]);
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
    this.#input = nothing;
  }

  #end(linger: boolean): void {
    this.#ended = true;
    this.#input = nothing;
    this.#wire.end(linger);
  }

  #work(): void {
    const { handle, heads, date, onError, refuse } = this.#settings;
    let from = 0;
    let last = false;
    let linger = false;
    while (!last && !this.#ended) {
      if (from >= this.#input.length || output.length > longestOutput) break;
      const head = heads.read(this.#input, from, this.#peer);
      if (head === undefined) break;
      if ("reason" in head) {
        output.add(refuse(head), false, true, date());
        last = true;
        linger = true;
        break;
      }
      from = head.end;
      this.#requests++;
      const close = !head.keepAlive || head.hasBody || this.#settings.draining();
      let answer: OutgoingResponse | Promise<OutgoingResponse>;
      try {
        answer = handle(head);
      } catch (error) {
        onError(error);
        answer = internalError;
      }
      if (answer instanceof Promise) {
        this.#answering = true;
        this.#last = close;
        answer
          .catch((error: unknown) => {
            onError(error);
            return internalError;
          })
          .then((late) => {
            this.#answering = false;
            if (this.#ended) return;
            const closing = close || this.#settings.draining();
            output.add(late, head.method === "HEAD", closing, date());
            this.#send(closing, head.hasBody);
            if (!this.busy && !this.#ended) this.#work();
          })
          .catch(onError);
        break;
      }
      output.add(answer, head.method === "HEAD", close, date());
      last = close;
      linger = head.hasBody;
    }
    if (from >= this.#input.length || this.#last) this.#input = nothing;
    else if (from > 0) this.#input = this.#input.subarray(from);
    const sent = output.length;
    if (sent > 0) this.#send(last, linger);
    if (this.busy || this.#ended) return;
    if (sent > longestOutput) this.#work();
    else if (this.#finished) this.#end(false);
  }

  #send(last: boolean, linger: boolean): void {
    const { bytes, length } = output;
    output.length = 0;
    if (!this.#wire.send(bytes, length)) this.#blocked = true;
    if (last) this.#end(linger);
  }
}

/** The response to an error of our own. */
const internalError: OutgoingResponse = {
  status: 500,
  headers: [
    ["Content-Type", "text/plain; charset=utf-8"],
    ["Cache-Control", "no-store"],
  ],
  body: "internal error\n",
};
