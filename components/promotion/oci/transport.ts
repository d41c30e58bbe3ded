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
import { printable } from "../text/printable.ts";
import { Authorizer, type Scope } from "./authorizer.ts";
import { applicationDefaultCredentials, type CredentialSource } from "./credentials.ts";
import { RegistryError, WrongContentError } from "./errors.ts";
import type { Repository } from "./repository.ts";

/** One request to a registry. */
export interface Call {
  readonly repository: Repository;
  readonly method: "GET" | "HEAD" | "PUT" | "POST" | "PATCH" | "DELETE";
  /** Path with query, which begins with a slash and needs no encoding, or an absolute URL that the registry gave. */
  readonly url: string | URL;
  /** What the request does, for the message of a failure: `push blob sha256:...`. */
  readonly what: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Buffer;
  /** A body that can be sent once only: the call is then not repeated. Its length goes in `content-length`. */
  readonly stream?: AsyncIterable<Uint8Array>;
  /** The right that is needed, if it is none to the repository. */
  readonly scope?: Scope;
  /** A second repository that is read, for a mount. */
  readonly from?: Repository;
  /** Statuses that are returned; any other is thrown as an error. */
  readonly expect: readonly number[];
  /** The registry may think long before it answers: it verifies what it was sent. */
  readonly slow?: boolean;
  /** Largest response accepted, in bytes. */
  readonly limit?: number;
  /** Memory of that size for the body of an answer 200. */
  readonly into?: Buffer;
  readonly signal: AbortSignal;
}

/** An answer with one of the expected statuses. */
export interface Response {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  /** What answered: relative `Location`s are relative to it. */
  readonly url: string;
}

/** An answer whose body is still to come. It must be read or destroyed. */
export interface StreamedResponse extends Omit<Response, "body"> {
  readonly body: Readable;
}

/** How a transport behaves. All are for tests, but for `credentials`. */
export interface TransportOptions {
  readonly credentials?: CredentialSource;
  readonly rules?: Partial<HostRules>;
  /** ms until a connection must stand. */
  readonly connectTimeout?: number;
  /** ms without a byte, in either direction, until a request is given up; progress starts it anew. */
  readonly stallTimeout?: number;
  /** Told of every request as it goes out. */
  readonly onRequest?: (method: string, url: string) => void;
}

const slowFactor = 5;
const mostRedirects = 5;
const redirects = new Set([301, 302, 303, 307, 308]);
const defaultLimit = 1024 * 1024;
/** In every request (RFC 9110, 10.1.5): common rules of firewalls refuse requests without a User-Agent. */
const named = { "user-agent": "artifacts-promotion" };

/** Sends requests to registries: connections, limits per host, authorization, redirects, retries. Knows no meaning of any. */
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

  /** What requests to this host share. */
  host(name: string): Host {
    let host = this.#hosts.get(name);
    if (!host) {
      host = new Host(name, this.#rules);
      this.#hosts.set(name, host);
    }
    return host;
  }

  /**
   * Sends a request and reads the whole answer. Repeats it after a broken connection, 408, 429 and 5xx, unless its body is a stream.
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

  /** As {@link call}, but gives the body as it comes; what breaks while it is read is the caller's. */
  async stream(call: Call): Promise<StreamedResponse> {
    return this.#persist<Readable>(call, async ({ body: _, ...request }) => {
      const { status, headers, body } = await this.#client.stream(request, call.signal);
      if (call.expect.includes(status)) return { status, headers, body };
      await body.dump(); // what a failure says of a blob is in its status
      return { status, headers, body: Buffer.alloc(0) };
    });
  }

  /** Ends all connections. */
  async close(): Promise<void> {
    await this.#client.destroy();
  }

  /** Sends a body that comes as a stream. Beyond its head, the response is short or does not matter. */
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
        // Twice: the first answer may be to an old token, the second to a way of asking that was not known yet.
        const other = this.#authorizer.refused(call.repository, scopeOf(call), response.used, text);
        if (other && !call.stream) {
          reauthorized++;
          continue;
        }
      }
      const asked = parseRetryAfter(response.headers["retry-after"]);
      const isTooMuch = status === 429 || refusal.code === "TOOMANYREQUESTS"; // some say it with 403
      if (isTooMuch || (status === 503 && asked !== undefined)) {
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

  /** Decides about an attempt that got no answer: returns to repeat it, else throws. */
  async #broken(error: unknown, call: Call, host: Host, failures: number): Promise<void> {
    call.signal.throwIfAborted();
    // What a response says is no matter of the connection.
    if (error instanceof RegistryError) throw error;
    if (error instanceof TooLargeError) throw new WrongContentError(error.message);
    if (!isTransportError(error)) throw error;
    if (isDistrust(error) || isProxyRefusal(error)) host.distrusted(error);
    if (isUnconnected(error)) {
      // The host itself answers, or this would have ended: where it sends us to cannot be reached.
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
      headers: named,
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
    // No URL is made of a path: with thousands of requests that would be felt.
    let to: Address =
      typeof call.url === "string" ? { origin: call.repository.origin, path: call.url } : addressOf(call.url);
    const used =
      to.origin === call.repository.origin
        ? await this.#authorizer.authorization(call.repository, scopeOf(call), call.signal)
        : undefined; // a place elsewhere that the registry signed for us
    let authorization = used;
    for (let hops = 0; ; hops++) {
      this.#onRequest?.(call.method, to.origin + to.path);
      let response: Awaited<ReturnType<Send<Body>>>;
      try {
        response = await send({
          ...to,
          method: call.method,
          headers: { ...named, ...call.headers, ...(authorization && { authorization }) },
          body: call.body,
          responseTimeout: call.slow ? this.#stall * slowFactor : this.#stall,
          attempt,
        });
      } catch (error) {
        if (to.origin === call.repository.origin || !(isDistrust(error) || isProxyRefusal(error))) throw error;
        throw new UnreachableError(new URL(to.origin).host, error); // not the registry, but whom it sends us to
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
      headers: { ...named, ...headers },
      responseTimeout: this.#stall,
      attempt,
    };
    return this.#client.exchange(request, { limit: defaultLimit, what: "get a token", signal });
  }
}

/** Sends one request; the body of an answer that is not expected comes whole. */
type Send<Body> = (
  request: HttpRequest,
) => Promise<{ status: number; headers: IncomingHttpHeaders; body: Body | Buffer }>;

interface AttemptResponse<Body> extends Omit<Response, "body"> {
  readonly body: Body;
  /** The authorization it was asked with. */
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

/** The failure that an answer's body tells of. Servers send OCI's JSON as text/plain too (olareg), so the type is not asked. */
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
    if (!(error instanceof SyntaxError)) throw error; // no OCI error body: the status alone has to do
  }
  return new RegistryError(call.repository.host, call.what, status, code, detail);
}
