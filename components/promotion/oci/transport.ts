import type { IncomingHttpHeaders } from "node:http";
import type { Readable } from "node:stream";
import { HttpClient } from "../http/client.ts";
import { InterruptedError, isDistrust, UnreachableError } from "../http/errors.ts";
import { type HttpRequest, TooLargeError } from "../http/exchange.ts";
import { defaultRules, Host, type HostRules, pause } from "../http/host.ts";
import { parseRetryAfter } from "../http/retry-after.ts";
import {
  attempts,
  isProxyRefusal,
  isTransientStatus,
  isTransportError,
  isUnconnected,
  pauseAfter,
  rateLimitedAttempts,
  rateLimitPause,
} from "../http/retry-policy.ts";
import { userAgent } from "../http/user-agent.ts";
import { printable } from "../text/printable.ts";
import { Authorizer, type Scope } from "./authorizer.ts";
import { applicationDefaultCredentials, type CredentialSource } from "./credentials.ts";
import { RegistryError, WrongContentError } from "./errors.ts";
import type { Repository } from "./repository.ts";

/** One request to a registry. */
export interface Call {
  readonly repository: Repository;
  readonly method: "GET" | "HEAD" | "PUT" | "POST" | "PATCH" | "DELETE";
  /** Path with query, which starts with a slash and needs no encoding, or an absolute URL that the registry sent. */
  readonly url: string | URL;
  /** What the request does, for error messages: `push blob sha256:...`. */
  readonly what: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Buffer;
  /** A body that can be sent only once, so the call is not repeated. Its length goes in `content-length`. */
  readonly stream?: AsyncIterable<Uint8Array>;
  /** The scope that is needed, if it is not one of the repository. */
  readonly scope?: Scope;
  /** A second repository that is read: the source of a mount. */
  readonly from?: Repository;
  /** Statuses that are returned; all others are thrown as errors. */
  readonly expect: readonly number[];
  /** The registry may take long to respond, because it verifies what it received. */
  readonly slow?: boolean;
  /** Largest response accepted, in bytes. */
  readonly limit?: number;
  /** Memory of that size for the body of a response 200. */
  readonly into?: Buffer;
  readonly signal: AbortSignal;
}

/** A response with one of the expected statuses. */
export interface Response {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  /** The URL that responded: relative `Location`s are relative to it. */
  readonly url: string;
}

/** A response whose body has not been read yet. It must be read or destroyed. */
export interface RegistryStream extends Omit<Response, "body"> {
  readonly body: Readable;
}

/** Settings of a transport. All but `credentials` are for tests. */
export interface TransportOptions {
  readonly credentials?: CredentialSource;
  readonly rules?: Partial<HostRules>;
  /** ms within which a connection must be established. */
  readonly connectTimeout?: number;
  /** ms without a byte in either direction after which a request is aborted. */
  readonly stallTimeout?: number;
  /** Called for every request when it is sent. */
  readonly onRequest?: (method: string, url: string) => void;
}

const slowFactor = 5;
const mostRedirects = 5;
const redirects = new Set([301, 302, 303, 307, 308]);
const defaultLimit = 1024 * 1024;

/**
 * Sends requests to registries: connections, limits per host, authorization, redirects, retries. Does not interpret the
 * requests.
 */
export class Transport {
  readonly #client: HttpClient;
  readonly #hosts = new Map<string, Host>();
  readonly #rules: HostRules;
  readonly #stall: number;
  readonly #authorizer: Authorizer;
  readonly #onRequest: ((method: string, url: string) => void) | undefined;

  constructor(options: TransportOptions = {}) {
    this.#rules = { ...defaultRules, ...options.rules };
    this.#stall = options.stallTimeout ?? 60_000;
    this.#onRequest = options.onRequest;
    this.#client = new HttpClient({ connectTimeout: options.connectTimeout ?? 5_000, stallTimeout: this.#stall });
    this.#authorizer = new Authorizer(
      options.credentials ?? applicationDefaultCredentials(),
      (url, headers, attempt, signal) => this.#fetchToken(url, headers, attempt, signal),
    );
  }

  /** State that all requests to this host share. */
  host(name: string): Host {
    let host = this.#hosts.get(name);
    if (!host) {
      host = new Host(name, this.#rules);
      this.#hosts.set(name, host);
    }
    return host;
  }

  /**
   * Sends a request and reads the whole response. Repeats it after a broken connection, 408, 429 and 5xx, unless its body is a stream.
   * @throws RegistryError for a status that was not expected, UnreachableError, InterruptedError, the signal's reason.
   */
  async call(call: Call): Promise<Response> {
    const { stream, what, into, signal, limit = defaultLimit } = call;
    if (stream) return this.#persist<Buffer>(call, (request) => this.#upload(request, stream, signal));
    const receiving = { limit, into, what, signal };
    return this.host(call.repository.host).within(() =>
      this.#persist<Buffer>(call, (request) => this.#client.exchange(request, receiving)),
    );
  }

  /** Like {@link call}, but streams the body. Failures while it is read go to the caller. */
  async stream(call: Call): Promise<RegistryStream> {
    return this.#persist<Readable>(call, async ({ body: _, ...request }) => {
      const { status, headers, body } = await this.#client.stream(request, call.signal);
      if (call.expect.includes(status)) return { status, headers, body };
      await body.dump(); // the status alone says why a blob cannot be read
      return { status, headers, body: Buffer.alloc(0) };
    });
  }

  /** Ends all connections. */
  async close(): Promise<void> {
    await this.#client.destroy();
  }

  /** Sends a streamed body. The response's body is short or not needed. */
  async #upload(request: HttpRequest, chunks: AsyncIterable<Uint8Array>, signal: AbortSignal) {
    const { status, headers, body } = await this.#client.stream({ ...request, body: chunks }, signal);
    const parts: Buffer[] = [];
    let size = 0;
    for await (const part of body as AsyncIterable<Buffer>) {
      size += part.length;
      if (size > defaultLimit) break;
      parts.push(part);
    }
    return { status, headers, body: Buffer.concat(parts) };
  }

  async #persist<Body extends Buffer | Readable>(call: Call, send: Send<Body>): Promise<AttemptResponse<Body>> {
    const host = this.host(call.repository.host);
    let failures = 0;
    let waits = 0;
    let reauthorized = 0;
    for (;;) {
      const wait = host.ready(call.signal);
      if (wait) await wait;
      const turn = host.withinQuota(call.method, call.signal);
      if (turn) await turn;
      let response: AttemptResponse<Body | Buffer>;
      try {
        response = await this.#send(call, send, failures + waits + reauthorized + 1);
      } catch (error) {
        await this.#broken(error, call, host, ++failures);
        continue;
      }
      if (call.expect.includes(response.status)) {
        host.answered();
        return response as AttemptResponse<Body>;
      }
      const { status } = response;
      const refusal = refusalOf(response, call);
      if (status === 401 && reauthorized < 2) {
        const challenge = response.headers["www-authenticate"];
        const text = Array.isArray(challenge) ? challenge.join(", ") : (challenge ?? "");
        // Twice: the first refusal may be of an expired token, the second of a scheme that was not known yet.
        const other = this.#authorizer.refused(call.repository, scopeOf(call), response.used, text);
        if (other && !call.stream) {
          reauthorized++;
          continue;
        }
      }
      const asked = parseRetryAfter(response.headers["retry-after"]);
      if (refusal.isRateLimited || (status === 503 && asked !== undefined)) {
        host.slowDown(rateLimitPause(asked, waits));
        if (call.stream || ++waits >= rateLimitedAttempts) throw refusal;
        continue;
      }
      if (status < 500 && !isTransientStatus(status)) {
        host.answered();
        throw refusal;
      }
      const last = ++failures >= attempts;
      host.failed(refusal, { count: failures, last });
      if (call.stream || last || !isTransientStatus(status)) throw refusal;
      await pause(pauseAfter(failures), call.signal);
    }
  }

  /** Handles an attempt without a response: returns to repeat it, else throws. */
  async #broken(error: unknown, call: Call, host: Host, failures: number): Promise<void> {
    call.signal.throwIfAborted();
    // Errors of a complete response are not errors of the connection.
    if (error instanceof RegistryError) throw error;
    if (error instanceof TooLargeError) throw new WrongContentError(error.message);
    if (!isTransportError(error)) throw error;
    if (isDistrust(error) || isProxyRefusal(error)) host.distrusted(error);
    if (isUnconnected(error)) {
      // The host itself responds; the target of its redirect cannot be reached.
      if (failures >= attempts) throw new InterruptedError(`${host.name}: ${call.what}`, error);
      await host.refused(error, () => this.#ping(call.repository), call.signal);
      if (call.stream) throw new InterruptedError(call.what, error);
      return;
    }
    const last = failures >= attempts;
    host.failed(error, { count: failures, last });
    if (call.stream || last) throw new InterruptedError(`${host.name}: ${call.what}`, error);
    await pause(pauseAfter(failures), call.signal);
  }

  async #ping(repository: Repository): Promise<void> {
    const signal = AbortSignal.timeout(this.#stall);
    const request: HttpRequest = {
      origin: repository.origin,
      path: "/v2/",
      method: "GET",
      headers: userAgent,
      responseTimeout: this.#stall,
      attempt: 1,
    };
    await this.#client.exchange(request, { limit: defaultLimit, what: "ping", signal });
  }

  /** One attempt, over redirects. */
  async #send<Body extends Buffer | Readable>(
    call: Call,
    send: Send<Body>,
    attempt: number,
  ): Promise<AttemptResponse<Body | Buffer>> {
    // Does not parse a path as a URL, which would be slow for thousands of requests.
    let to: Address =
      typeof call.url === "string" ? { origin: call.repository.origin, path: call.url } : addressOf(call.url);
    const used =
      to.origin === call.repository.origin
        ? await this.#authorizer.authorization(call.repository, scopeOf(call), call.signal)
        : undefined; // a signed URL on another host
    let authorization = used;
    for (let hops = 0; ; hops++) {
      this.#onRequest?.(call.method, to.origin + to.path);
      let response: Awaited<ReturnType<Send<Body>>>;
      try {
        response = await send({
          ...to,
          method: call.method,
          headers: { ...userAgent, ...call.headers, ...(authorization && { authorization }) },
          body: call.body,
          responseTimeout: call.slow ? this.#stall * slowFactor : this.#stall,
          attempt,
        });
      } catch (error) {
        if (to.origin === call.repository.origin || !(isDistrust(error) || isProxyRefusal(error))) throw error;
        throw new UnreachableError(new URL(to.origin).host, error); // not the registry, but the target of its redirect
      }
      const { status } = response;
      const { location } = response.headers;
      if (!redirects.has(status) || typeof location !== "string" || !/^(GET|HEAD)$/.test(call.method)) {
        return { ...response, url: to.origin + to.path, used };
      }
      const here = new URL(to.path, to.origin);
      const next = URL.canParse(location, here) ? new URL(location, here) : undefined;
      if (hops === mostRedirects || !next || (next.protocol !== "https:" && next.protocol !== here.protocol)) {
        throw new RegistryError(call.repository.host, call.what, status, "", "its redirect cannot be followed");
      }
      if (next.origin !== here.origin) authorization = undefined;
      to = addressOf(next);
    }
  }

  async #fetchToken(url: URL, headers: Record<string, string>, attempt: number, signal: AbortSignal) {
    this.#onRequest?.("GET", url.href);
    const request: HttpRequest = {
      ...addressOf(url),
      method: "GET",
      headers: { ...userAgent, ...headers },
      responseTimeout: this.#stall,
      attempt,
    };
    return this.#client.exchange(request, { limit: defaultLimit, what: "get a token", signal });
  }
}

/** Sends one request. The body of an unexpected response is read completely. */
type Send<Body> = (
  request: HttpRequest,
) => Promise<{ status: number; headers: IncomingHttpHeaders; body: Body | Buffer }>;

interface AttemptResponse<Body> extends Omit<Response, "body"> {
  readonly body: Body;
  /** The authorization that the request was sent with. */
  readonly used: string | undefined;
}

function scopeOf({ repository, method, from, scope: other }: Call): Scope {
  if (other !== undefined) return other;
  const actions = method === "GET" || method === "HEAD" ? "pull" : method === "DELETE" ? "pull,delete" : "pull,push";
  const scope = `repository:${repository.name}:${actions}`;
  return from ? `${scope} repository:${from.name}:pull` : scope;
}

interface Address {
  readonly origin: string;
  readonly path: string;
}

function addressOf(url: URL): Address {
  return { origin: url.origin, path: url.pathname + url.search };
}

/** The error from a response's body. The content type is ignored, since some servers send OCI's JSON as text/plain (olareg). */
function refusalOf({ status, body }: AttemptResponse<Buffer | Readable>, call: Call): RegistryError {
  let code = "";
  let detail = "";
  try {
    const { errors } = JSON.parse((Buffer.isBuffer(body) && body.toString("utf8")) || "{}") as { errors?: unknown };
    const first: unknown = Array.isArray(errors) ? errors[0] : undefined;
    if (typeof first === "object" && first !== null) {
      const { code: itsCode, message } = first as Record<string, unknown>;
      if (typeof itsCode === "string") code = printable(itsCode, 60);
      if (typeof message === "string") detail = printable(message, 200);
    }
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error; // no OCI error body: only the status is known
  }
  return new RegistryError(call.repository.host, call.what, status, code, detail);
}
