import type { IncomingHttpHeaders } from "node:http";
import { isDistrust, UnreachableError } from "../http/errors.ts";
import { TooLargeError } from "../http/exchange.ts";
import { pause } from "../http/host.ts";
import { parseRetryAfter } from "../http/retry-after.ts";
import { attempts, isProxyRefusal, isTransientStatus, pauseAfter, rateLimitPause } from "../http/retry-policy.ts";
import { printable } from "../text/printable.ts";
import { readChallenges } from "./challenge.ts";
import type { CredentialSource, Credentials } from "./credentials.ts";
import { RegistryError, WrongContentError } from "./errors.ts";
import type { Repository } from "./repository.ts";

/** What a request is allowed to do with repositories, in the token protocol's format: `repository:<name>:pull,push`. */
export type Scope = string;

/** Fetches a token document from an authorization server, once. */
export type TokenFetcher = (
  url: URL,
  headers: Record<string, string>,
  attempt: number,
  signal: AbortSignal,
) => Promise<{ status: number; headers: IncomingHttpHeaders; body: Buffer }>;

/** Tokens without `expires_in` are valid for this long, by the token specification. */
const defaultLifetime = 60;
/**
 * Upper limit of a token's lifetime, since olareg sends it in nanoseconds. A token that expires earlier is renewed
 * after the 401 that it gets.
 */
const longestLifetime = 3_600;

interface Realm {
  readonly realm: URL;
  readonly service: string | undefined;
}

interface HostState {
  /** How this host wants requests to be authorized, once known. */
  mode: "unknown" | "basic" | Realm;
  readonly tokens: Map<Scope, Token>;
}

/** A token, or the fetch of one. */
interface Token {
  readonly fetched: Promise<void>;
  /** Set once it is fetched. */
  authorization?: string;
  expires: number;
}

/**
 * The `Authorization` of every request: none, Basic, or a Bearer token (distribution's token authentication specification).
 * The first refusal of a host says which one it wants; all later requests use that, so it costs one refused request in a run.
 */
export class Authorizer {
  readonly #source: CredentialSource;
  readonly #fetch: TokenFetcher;
  readonly #hosts = new Map<string, HostState>();

  constructor(source: CredentialSource, fetch: TokenFetcher) {
    this.#source = source;
    this.#fetch = fetch;
  }

  /** The header for a request; undefined for an anonymous one. Throws RegistryError if the token server refuses. */
  async authorization(repository: Repository, scope: Scope, signal: AbortSignal): Promise<string | undefined> {
    const state = this.#state(repository.host);
    if (state.mode === "unknown") {
      const credentials = await this.#source(repository.host);
      return credentials?.isToken ? `Bearer ${credentials.password}` : undefined;
    }
    if (state.mode === "basic") {
      const credentials = await this.#source(repository.host);
      return credentials && basic(credentials);
    }
    for (;;) {
      const known = state.tokens.get(scope);
      const isGood = known !== undefined && known.expires > Date.now();
      // Many requests may find at the same time that there is no token, or an expired one: one fetch serves all of them.
      const token = isGood ? known : this.#token(repository, state.mode, scope, signal);
      state.tokens.set(scope, token);
      try {
        await token.fetched;
        return token.authorization;
      } catch (error) {
        if (state.tokens.get(scope) === token) state.tokens.delete(scope);
        // The request that fetched for all may have been aborted; the others fetch again.
        if (!isGood || signal.aborted) throw error;
      }
    }
  }

  /**
   * Handles a 401. Returns whether to repeat the request with another authorization.
   * @param used what the refused request carried.
   */
  refused(repository: Repository, scope: Scope, used: string | undefined, wwwAuthenticate: string): boolean {
    const state = this.#state(repository.host);
    const challenges = readChallenges(wwwAuthenticate);
    const bearer = challenges.find((challenge) => challenge.scheme === "bearer" && challenge.parameters["realm"]);
    if (bearer) {
      state.mode = { realm: realmOf(bearer.parameters["realm"]!, repository), service: bearer.parameters["service"] };
      // The token may have been renewed since this request was sent. If not, tokens for other scopes have probably
      // expired too, and a large layer sent with one of them would be refused at its end.
      if (used !== undefined && state.tokens.get(scope)?.authorization === used) state.tokens.clear();
      return true;
    }
    if (challenges.some((challenge) => challenge.scheme === "basic") && !used?.startsWith("Basic ")) {
      state.mode = "basic";
      return true;
    }
    return false;
  }

  #state(host: string): HostState {
    let state = this.#hosts.get(host);
    if (!state) {
      state = { mode: "unknown", tokens: new Map() };
      this.#hosts.set(host, state);
    }
    return state;
  }

  #token(repository: Repository, realm: Realm, scope: Scope, signal: AbortSignal): Token {
    const token: Token = {
      expires: Number.POSITIVE_INFINITY,
      fetched: this.#fetchToken(repository, realm, scope, signal).then((fetched) => {
        token.authorization = fetched.authorization;
        token.expires = fetched.expires;
      }),
    };
    return token;
  }

  async #fetchToken(repository: Repository, { realm, service }: Realm, scope: Scope, signal: AbortSignal) {
    const url = new URL(realm);
    if (service !== undefined) url.searchParams.set("service", service);
    for (const part of scope.split(" ")) url.searchParams.append("scope", part);
    const credentials = await this.#source(repository.host);
    // A configured token is sent only to the registry that it is for, whatever the challenge says.
    const mayBeSent = credentials && (!credentials.isToken || realm.host === repository.host);
    const headers: Record<string, string> = mayBeSent ? { authorization: basic(credentials) } : {};
    const { status, body } = await this.#fetchPatiently(url, headers, signal);
    if (status !== 200)
      throw new RegistryError(repository.host, `token from ${url.origin} for ${scope}`, status, "", "");
    const { token, lifetime } = tokenOf(body, repository.host);
    return { authorization: `Bearer ${token}`, expires: Date.now() + lifetime * 900 };
  }

  /** Requests a token, by the retry policy. Throws UnreachableError if there is no response at all. */
  async #fetchPatiently(url: URL, headers: Record<string, string>, signal: AbortSignal) {
    for (let attempt = 1; ; attempt++) {
      let retryAfterMs: number | undefined;
      try {
        const response = await this.#fetch(url, headers, attempt, signal);
        if (attempt === attempts || !isTransientStatus(response.status)) return response;
        retryAfterMs = parseRetryAfter(response.headers["retry-after"]);
      } catch (error) {
        signal.throwIfAborted();
        if (error instanceof TooLargeError) throw new WrongContentError(error.message);
        if (attempt === attempts || isDistrust(error) || isProxyRefusal(error))
          throw new UnreachableError(url.host, error);
      }
      await pause(retryAfterMs === undefined ? pauseAfter(attempt) : rateLimitPause(retryAfterMs, attempt), signal);
    }
  }
}

function basic({ username, password }: Credentials): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;
}

/** The URL of the token server; plain http only for a registry that is itself plain http (loopback). */
function realmOf(text: string, repository: Repository): URL {
  const realm = URL.canParse(text) ? new URL(text) : undefined;
  if (realm?.protocol === "https:" || (realm?.protocol === "http:" && repository.origin.startsWith("http:")))
    return realm;
  const quoted = printable(text, 100);
  throw new RegistryError(repository.host, "authentication", 401, "", `its token server "${quoted}" is no https URL`);
}

function tokenOf(body: Buffer, host: string): { token: string; lifetime: number } {
  try {
    const json = JSON.parse(body.toString("utf8")) as Record<string, unknown>;
    const token = json["token"] ?? json["access_token"];
    const seconds = Number(json["expires_in"] ?? defaultLifetime);
    if (typeof token === "string" && /^[\x21-\x7e]+$/.test(token)) {
      return { token, lifetime: seconds > 0 && seconds <= longestLifetime ? seconds : defaultLifetime };
    }
  } catch (error) {
    throw new RegistryError(host, "token", 200, "", `unreadable: ${printable(String(error), 100)}`);
  }
  throw new RegistryError(host, "token", 200, "", "the response has no token");
}
