import type { IncomingHttpHeaders } from "node:http";
import type { Readable } from "node:stream";
import { Agent, type Dispatcher, errors } from "undici";
import { type ConnectionRules, explainProxy, makeDispatcher } from "./dispatcher.ts";
import { codeOf } from "./errors.ts";
import { Exchange, type HttpRequest, type HttpResponse, ProtocolError, type Receiving } from "./exchange.ts";
import { type ProxySettings, proxySettings } from "./proxy.ts";
import { startTrace } from "./trace.ts";

/** A response whose body has not been read yet. It must be read or destroyed. */
export interface StreamedResponse {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Readable & { dump(): Promise<void> };
}

/** How a client behaves. */
export interface ClientRules extends ConnectionRules {
  /** ms without a byte in either direction after which a request is aborted. */
  readonly stallTimeout: number;
}

/** An HTTP/1.1 client on undici: whole responses received straight into the caller's memory, and streams. Follows no redirects. */
export class HttpClient {
  readonly #dispatcher: Dispatcher;
  readonly #proxies: ProxySettings;
  readonly #stallTimeout: number;
  /** By origin. */
  readonly #connections = new Map<string, ConnectionCount>();
  readonly #underWay = new WeakMap<AbortSignal, Set<(reason: unknown) => void>>();

  /** @throws Error if the environment names a proxy that cannot be used. */
  constructor(rules: ClientRules, environment: NodeJS.ProcessEnv = process.env) {
    this.#stallTimeout = rules.stallTimeout;
    this.#proxies = proxySettings(environment);
    this.#dispatcher = makeDispatcher(rules, this.#proxies);
    if (this.#dispatcher instanceof Agent) {
      this.#dispatcher.on("connect", ({ origin }) => this.#count(origin).open++);
      this.#dispatcher.on("disconnect", ({ origin }) => this.#count(origin).open--);
    }
  }

  /**
   * Sends a request and receives the whole response. Repeats a request at once if it went over an idle connection
   * that the server had just closed.
   * @throws TooLargeError, ProxyError, undici's and the system's errors, the signal's reason.
   */
  async exchange(request: HttpRequest, receiving: Receiving): Promise<HttpResponse> {
    const connections = this.#count(request.origin);
    for (;;) {
      receiving.signal.throwIfAborted();
      const mayBeStale = connections.open > connections.busy;
      const exchange = new Exchange(request, receiving, this.#stallTimeout);
      const stops = this.#stopsOf(receiving.signal);
      const stop = (reason: unknown) => exchange.fail(reason);
      stops.add(stop);
      connections.busy++;
      try {
        this.#dispatcher.dispatch(exchange.options, exchange);
        return await exchange.response;
      } catch (error) {
        if (mayBeStale && exchange.isUnanswered && goneCodes.has(codeOf(error))) continue;
        throw this.#explained(error, request);
      } finally {
        connections.busy--;
        stops.delete(stop);
      }
    }
  }

  /** Sends a request, with a streamed body if there is one, and streams the response's body. */
  async stream(
    request: Omit<HttpRequest, "body"> & { readonly body?: AsyncIterable<Uint8Array> | Uint8Array | undefined },
    signal: AbortSignal,
  ): Promise<StreamedResponse> {
    const { origin, path, method, headers, body, responseTimeout, attempt } = request;
    const trace = startTrace(method, origin + path, attempt);
    const connections = this.#count(origin);
    connections.busy++;
    try {
      const response = await this.#dispatcher.request({
        origin,
        path,
        method,
        headers,
        ...(body && { body: body as Readable }), // undici takes async iterables, which its types do not say
        headersTimeout: responseTimeout,
        bodyTimeout: this.#stallTimeout,
        signal,
        reset: false,
      });
      let isDone = false;
      const done = (error?: unknown): void => {
        if (isDone) return;
        isDone = true;
        connections.busy--;
        const { "content-length": length } = response.headers;
        const sent = Number(headers["content-length"] ?? 0);
        trace?.end({
          status: response.statusCode,
          sent,
          received: method === "HEAD" ? 0 : Number(length ?? 0),
          ...(error !== undefined && { error }),
        });
      };
      response.body.once("error", done);
      response.body.once("close", () => done());
      return { status: response.statusCode, headers: response.headers, body: response.body };
    } catch (error) {
      connections.busy--;
      const explained = this.#explained(error, request);
      trace?.end({ error: explained });
      throw explained;
    }
  }

  /** Closes all connections and aborts all requests. */
  async destroy(): Promise<void> {
    await this.#dispatcher.destroy(new Error("connections were closed"));
  }

  #explained(error: unknown, { origin }: { readonly origin: string }): unknown {
    if (!(error instanceof Error)) return error;
    // undici's assertions fail when a server switches protocols unasked (101).
    if (error instanceof errors.HTTPParserError || codeOf(error) === "ERR_ASSERTION") return new ProtocolError(error);
    return explainProxy(error, new URL(origin).protocol, this.#proxies);
  }

  #count(origin: string): ConnectionCount {
    let count = this.#connections.get(origin);
    if (!count) {
      count = { open: 0, busy: 0 };
      this.#connections.set(origin, count);
    }
    return count;
  }

  /** The requests that an abort of this signal ends. One listener serves the thousands of requests of a run. */
  #stopsOf(signal: AbortSignal): Set<(reason: unknown) => void> {
    const known = this.#underWay.get(signal);
    if (known) return known;
    const stops = new Set<(reason: unknown) => void>();
    this.#underWay.set(signal, stops);
    const onAbort = () => {
      for (const stop of stops) stop(signal.reason);
    };
    signal.addEventListener("abort", onAbort, { once: true });
    return stops;
  }
}

/** Connections to an origin. Not known through a proxy, where undici does not report them. */
interface ConnectionCount {
  open: number;
  busy: number;
}

/** The error codes of an idle connection that the server has closed. */
const goneCodes = new Set(["UND_ERR_SOCKET", "ECONNRESET", "EPIPE"]);
