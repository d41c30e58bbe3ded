import type { IncomingHttpHeaders } from "node:http";
import type { Readable } from "node:stream";
import type { Dispatcher } from "undici";
import { type PendingTrace, startTrace } from "./trace.ts";

/** One request. */
export interface HttpRequest {
  /** `https://<host>[:<port>]` or `http://...` */
  readonly origin: string;
  /** With query. */
  readonly path: string;
  readonly method: "GET" | "HEAD" | "PUT" | "POST" | "PATCH" | "DELETE" | "PURGE";
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Buffer | undefined;
  /** ms until the response has to begin, once the request is sent. */
  readonly responseTimeout: number;
  /** Number of this attempt, from 1. */
  readonly attempt: number;
}

/** How a response is received. */
export interface Receiving {
  /** Largest body of a successful response, in bytes. */
  readonly limit: number;
  /** Memory for the body of a response 200, at least `limit` bytes. */
  readonly into?: Buffer | undefined;
  /** What the request does, for error messages. */
  readonly what: string;
  readonly signal: AbortSignal;
}

/** Names in lower case; several fields of one name are joined by commas. Cookies are left out. */
export type Headers = Readonly<Record<string, string | undefined>> & { readonly "set-cookie"?: undefined };

/** A complete response. */
export interface HttpResponse {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Buffer;
}

/** A response's body is larger than allowed. */
export class TooLargeError extends Error {
  constructor(what: string, limit: number) {
    super(`${what}: the response is larger than ${limit} bytes`);
    this.name = "TooLargeError";
  }
}

/** The received bytes are not an HTTP/1.1 response; the connection cannot be used any more. */
export class ProtocolError extends Error {
  readonly code = "HTTP_PROTOCOL";

  constructor(cause: Error) {
    super(`the response is not HTTP/1.1: ${cause.message}`, { cause });
    this.name = "ProtocolError";
  }
}

/** A request has made no progress for too long. */
class StalledError extends Error {
  readonly code = "HTTP_STALLED";

  constructor(milliseconds: number) {
    super(`no byte of the request was accepted for ${milliseconds} ms`);
    this.name = "StalledError";
  }
}

/** The body of a redirect or of a failure, which may contain the cause, is received up to this size. */
const longestAside = 64 * 1024;
/**
 * Larger bodies are written in parts of this size. undici and TLS report no progress within one write, so a whole
 * layer on a slow connection would look stalled.
 */
const writeSize = 256 * 1024;

/** One request in progress and the received part of its response. */
export class Exchange implements Dispatcher.DispatchHandler {
  readonly response: Promise<HttpResponse>;
  readonly #resolve: (response: HttpResponse) => void;
  readonly #reject: (error: unknown) => void;
  readonly #request: HttpRequest;
  readonly #receiving: Receiving;
  readonly #stallTimeout: number;
  readonly #trace: PendingTrace | undefined;
  #controller: Dispatcher.DispatchController | undefined;
  #stall: NodeJS.Timeout | undefined;
  #isOver = false;
  #isBegun = false;
  #failure: unknown;
  #status = 0;
  #headers: Headers = {};
  #limit = 0;
  /** The body, if its size is known or memory was given for it. It is received up to `#at`. */
  #memory: Buffer | undefined;
  #parts: Buffer[] = [];
  #at = 0;

  constructor(request: HttpRequest, receiving: Receiving, stallTimeout: number) {
    const { promise, resolve, reject } = Promise.withResolvers<HttpResponse>();
    this.response = promise;
    this.#resolve = resolve;
    this.#reject = reject;
    this.#request = request;
    this.#receiving = receiving;
    this.#stallTimeout = stallTimeout;
    this.#trace = startTrace(request.method, request.origin + request.path, request.attempt);
  }

  /** Not a byte of the response was received. */
  get isUnanswered(): boolean {
    return !this.#isBegun;
  }

  get options(): Dispatcher.DispatchOptions {
    const { origin, path, method, headers, body, responseTimeout } = this.#request;
    const isLong = body !== undefined && body.length > writeSize;
    return {
      origin,
      path,
      method,
      headers: isLong ? { ...headers, "content-length": String(body.length) } : headers,
      ...(body && { body: isLong ? (this.#parted(body) as unknown as Readable) : body }),
      headersTimeout: responseTimeout,
      bodyTimeout: this.#stallTimeout,
      reset: false, // else undici closes the connection after each HEAD
    };
  }

  /** Ends the exchange, and its connection. */
  fail(reason: unknown): void {
    if (!this.#finish()) return;
    this.#failure = reason;
    this.#trace?.end({
      ...(this.#status && { status: this.#status }),
      error: reason,
      sent: this.#sent,
      received: this.#at,
    });
    this.#reject(reason);
    this.#abort();
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#isOver) this.#abort();
  }

  onResponseStarted(): void {
    this.#isBegun = true;
  }

  onResponseStart(_: Dispatcher.DispatchController, status: number, headers: IncomingHttpHeaders): void {
    if (this.#isOver || status < 200) return;
    this.#isBegun = true;
    this.#status = status;
    this.#headers = joined(headers);
    const { limit, into } = this.#receiving;
    this.#limit = status >= 300 ? longestAside : limit;
    const length = this.#request.method === "HEAD" ? 0 : Number(this.#headers["content-length"] ?? Number.NaN);
    if (length > this.#limit) this.#tooLarge();
    else if (status === 200 && into) this.#memory = into.subarray(0, Number.isNaN(length) ? limit : length);
    else if (length > 0) this.#memory = Buffer.allocUnsafe(length);
  }

  onResponseData(_: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#isOver) return;
    if (this.#at + chunk.length > this.#limit) {
      this.#tooLarge();
      return;
    }
    if (this.#memory) chunk.copy(this.#memory, this.#at);
    else this.#parts.push(chunk);
    this.#at += chunk.length;
  }

  onResponseEnd(): void {
    // undici reuses a connection only one turn of the event loop after the response. A request before that opens another connection.
    setImmediate(() => setImmediate(() => this.#succeed()));
  }

  onResponseError(_: Dispatcher.DispatchController, error: Error): void {
    this.fail(error);
  }

  #succeed(): void {
    if (!this.#finish()) return;
    const body = this.#memory?.subarray(0, this.#at) ?? Buffer.concat(this.#parts, this.#at);
    this.#trace?.end({ status: this.#status, sent: this.#sent, received: this.#at });
    this.#resolve({ status: this.#status, headers: this.#headers, body });
  }

  /** For a failure or a redirect with too long a body, the head is enough. */
  #tooLarge(): void {
    if (this.#status < 300) {
      this.fail(new TooLargeError(this.#receiving.what, this.#limit));
    } else {
      this.#succeed();
      this.#abort();
    }
  }

  #finish(): boolean {
    if (this.#isOver) return false;
    this.#isOver = true;
    clearTimeout(this.#stall);
    return true;
  }

  #abort(): void {
    this.#controller?.abort(
      this.#failure instanceof Error ? this.#failure : new Error("the rest of the response is not needed"),
    );
  }

  get #sent(): number {
    return this.#request.body?.length ?? 0;
  }

  /** The body in parts; undici requests the next one when it has room for it. */
  async *#parted(body: Buffer): AsyncGenerator<Buffer, void, undefined> {
    for (let at = 0; at < body.length && !this.#isOver; at += writeSize) {
      clearTimeout(this.#stall);
      this.#stall = setTimeout(() => this.fail(new StalledError(this.#stallTimeout)), this.#stallTimeout);
      yield body.subarray(at, at + writeSize);
    }
    clearTimeout(this.#stall);
  }
}

function joined(headers: IncomingHttpHeaders): Headers {
  const result: Record<string, string> = Object.create(null);
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined || name === "set-cookie") continue;
    result[name] = Array.isArray(value) ? value.join(", ") : String(value);
  }
  return result;
}
