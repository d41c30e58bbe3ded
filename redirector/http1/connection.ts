import { type ByteSlice, sliceOf } from "./byte-slice.ts";
import type { HeadReader, RefusedHead } from "./head.ts";
import type { Output } from "./output.ts";
import type { IncomingRequest, OutgoingResponse } from "./request.ts";

/** What a connection needs from the runtime's socket. */
export interface Wire {
  /** Sends the first `length` bytes; copies what the socket does not accept yet and sends it later. Returns whether everything was sent at once. */
  send(bytes: Buffer, length: number): boolean;
  /**
   * Closes the connection once everything is sent. `linger`: the client may still be sending; its bytes are read and dropped for a
   * moment, because closing at once would reset the connection and lose the response (RFC 9112 section 9.6).
   */
  end(linger: boolean): void;
}

/** What all connections of a server share. */
export interface ConnectionSettings {
  readonly handle: (request: IncomingRequest) => OutgoingResponse | Promise<OutgoingResponse>;
  /** Reads request heads. One instance serves all connections, because each head is read synchronously. */
  readonly heads: HeadReader;
  /** Collects responses before they are sent. One instance serves all connections, because each connection empties it synchronously. */
  readonly output: Output;
  /** Whether the server is shutting down: each response is then the last of its connection. */
  readonly draining: () => boolean;
  /** Value of the Date header. */
  readonly date: () => string;
  /** Called with an error that `handle` throws. The client gets a 500. */
  readonly onError: (error: unknown) => void;
  /** Gives the response to a request that HTTP/1.1 refuses. */
  readonly refuse: (head: RefusedHead) => OutgoingResponse;
}

const nothing = Buffer.alloc(0);
/** Bytes that a client may send while an earlier request of its connection is still being handled. */
const longestBacklog = 64 * 1024;
/** Bytes of responses that are collected before they are sent: pipelined short requests can ask for long pages. */
const longestOutput = 128 * 1024;

/**
 * The server side of one HTTP/1.1 connection: bytes in, responses out, one request at a time and in order. Independent of the runtime.
 * A request with a body gets its response without the body being read, and the connection closes after it. So no body, however it is
 * framed, can be parsed as a request.
 */
export class Connection {
  readonly #settings: ConnectionSettings;
  readonly #wire: Wire;
  readonly #peer: ByteSlice | undefined;
  #input: Buffer = nothing;
  #handling = false;
  #blocked = false;
  #ended = false;
  /** The response in progress is the last one: bytes after its request are ignored. */
  #last = false;
  /** The client has closed its sending side. */
  #finished = false;
  #requests = 0;
  /** Number of requests whose complete heads have arrived. */
  get requests(): number {
    return this.#requests;
  }
  /** Whether part of a request has arrived. */
  get reading(): boolean {
    return this.#input.length > 0;
  }
  /** Whether a response is in progress or being sent. */
  get busy(): boolean {
    return this.#handling || this.#blocked;
  }

  constructor(settings: ConnectionSettings, wire: Wire, peer: string | undefined) {
    this.#settings = settings;
    this.#wire = wire;
    this.#peer = peer === undefined ? undefined : sliceOf(peer);
  }

  /** Accepts bytes, and buffers them until they are a complete request. */
  receive(bytes: Buffer): void {
    if (this.#ended || this.#last) return;
    this.#input = this.#input.length === 0 ? bytes : Buffer.concat([this.#input, bytes]);
    if (!this.busy) this.#work();
    else if (this.#input.length > longestBacklog) this.#end(true);
  }

  /** Call when everything sent so far has left. */
  sent(): void {
    if (!this.#blocked) return;
    this.#blocked = false;
    if (!this.busy) this.#work();
  }

  /** Call when the client has closed its sending side; it may still wait for responses (RFC 9112 section 9.6). */
  finished(): void {
    this.#finished = true;
    if (!this.busy) this.#work();
  }

  /** Call when the connection is closed. */
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
    const { handle, heads, output, date, onError, refuse } = this.#settings;
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
      let response: OutgoingResponse | Promise<OutgoingResponse>;
      try {
        response = handle(head);
      } catch (error) {
        onError(error);
        response = internalError;
      }
      if (response instanceof Promise) {
        this.#handling = true;
        this.#last = close;
        response
          .catch((error: unknown) => {
            onError(error);
            return internalError;
          })
          .then((late) => {
            this.#handling = false;
            if (this.#ended) return;
            const closing = close || this.#settings.draining();
            output.add(late, head.method === "HEAD", closing, date());
            this.#send(closing, head.hasBody);
            if (!this.busy && !this.#ended) this.#work();
          })
          .catch(onError);
        break;
      }
      output.add(response, head.method === "HEAD", close, date());
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
    const { output } = this.#settings;
    const { bytes, length } = output;
    output.length = 0;
    if (!this.#wire.send(bytes, length)) this.#blocked = true;
    if (last) this.#end(linger);
  }
}

/** The response to an internal error. */
const internalError: OutgoingResponse = {
  status: 500,
  headers: [
    ["Content-Type", "text/plain; charset=utf-8"],
    ["Cache-Control", "no-store"],
  ],
  body: "internal error\n",
};
