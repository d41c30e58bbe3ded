import type { IncomingHttpHeaders } from "node:http";
import type { Agent, Dispatcher } from "undici";
import { WrongContentError } from "./errors.ts";

/** An answer, whole. */
export interface WholeAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** How an answer is taken. */
export interface Taking {
  /** Largest body that is taken, in bytes. */
  readonly limit: number;
  /** Memory that the body of an answer 200 is put into, at least `limit` bytes. */
  readonly into?: Buffer | undefined;
  /** What the request does, for the message of a failure. */
  readonly what: string;
  readonly signal: AbortSignal;
}

/** The body of a refusal, which may say why, and that of a redirect, which is longer than many a blob, are taken up to this size. */
const longestAside = 64 * 1024;

/**
 * Sends one request and takes its whole answer. As undici's own `request`, but without a stream for each body: with thousands of
 * small answers, and megabytes put where they are needed at once, that is a third of the time (test/bench/promotion.ts).
 * @throws WrongContentError for a body beyond the limit, undici's and the system's errors, the signal's reason.
 */
export function exchange(agent: Agent, request: Dispatcher.DispatchOptions, taking: Taking): Promise<WholeAnswer> {
  return new Promise((resolve, reject) => {
    agent.dispatch(request, new Taker(taking, resolve, reject));
  });
}

class Taker implements Dispatcher.DispatchHandler {
  readonly #taking: Taking;
  readonly #resolve: (answer: WholeAnswer) => void;
  readonly #reject: (error: unknown) => void;
  readonly #onAbort = () => this.#stop(this.#taking.signal.reason);
  readonly #chunks: Buffer[] = [];
  #controller: Dispatcher.DispatchController | undefined;
  #failure: { readonly error: unknown } | undefined;
  #status = 0;
  #headers: IncomingHttpHeaders = {};
  #size = 0;
  #limit: number;
  #into: Buffer | undefined;

  constructor(taking: Taking, resolve: (answer: WholeAnswer) => void, reject: (error: unknown) => void) {
    this.#taking = taking;
    this.#limit = taking.limit;
    this.#resolve = resolve;
    this.#reject = reject;
    taking.signal.addEventListener("abort", this.#onAbort, { once: true });
    if (taking.signal.aborted) this.#onAbort();
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#failure) controller.abort(asError(this.#failure.error));
  }

  onResponseStart(_: Dispatcher.DispatchController, status: number, headers: IncomingHttpHeaders): void {
    if (status < 200) return; // informational: the answer is still to come
    this.#status = status;
    this.#headers = headers;
    if (status === 200) this.#into = this.#taking.into;
    if (status >= 300) this.#limit = longestAside;
  }

  onResponseData(_: Dispatcher.DispatchController, chunk: Buffer): void {
    const size = this.#size + chunk.length;
    if (size > this.#limit) {
      this.#stop(new WrongContentError(`${this.#taking.what}: the answer is larger than ${this.#limit} bytes`));
      return;
    }
    if (this.#into) chunk.copy(this.#into, this.#size);
    else this.#chunks.push(Buffer.from(chunk)); // its memory is received into again (receive-ring.ts)
    this.#size = size;
  }

  onResponseEnd(): void {
    this.#taking.signal.removeEventListener("abort", this.#onAbort);
    const body = this.#into
      ? this.#into.subarray(0, this.#size)
      : this.#chunks.length === 1
        ? this.#chunks[0]!
        : Buffer.concat(this.#chunks, this.#size);
    this.#resolve({ status: this.#status, headers: this.#headers, body });
  }

  onResponseError(_: Dispatcher.DispatchController, error: Error): void {
    this.#taking.signal.removeEventListener("abort", this.#onAbort);
    this.#reject(this.#failure ? this.#failure.error : error);
  }

  #stop(error: unknown): void {
    this.#failure ??= { error };
    this.#controller?.abort(asError(error));
    this.#reject(error); // also when it waits for a connection, which may take long
  }
}

function asError(value: unknown): Error {
  return value instanceof Error ? value : new Error(String(value));
}
