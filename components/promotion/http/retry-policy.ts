/** The one retry policy for registries, token servers, GCS and S3: what is retried, how often and after which pauses. */
import { codeOf } from "./errors.ts";
import { ProxyError } from "./proxy.ts";

/** Attempts of one request whose connection breaks or whose response has a transient status. */
export const attempts = 6;

/** Attempts of one request to a registry that responds "slow down", which it may do for as long as its quota is used up. */
export const rateLimitedAttempts = 120;

/** A server's Retry-After is followed up to this, in ms: a mistaken `Retry-After: 86400` would stop a promotion for a day. */
const longestRetryAfter = 120_000;

/** ms before the second, third... attempt. The last is repeated if there are more. */
const pauses = [200, 500, 1_500, 4_000, 10_000] as const;
/** Of the length of these pauses. */
let share = 1;

/**
 * Makes the pauses of this process shorter, until the returned function is called.
 * @internal for tests against servers that fail on purpose: most of their time would be these pauses.
 */
export function shortenPauses(to: number): () => void {
  share = to;
  return () => {
    share = 1;
  };
}

/**
 * The pause before the next attempt in ms, randomly from half to full length. Otherwise requests that failed together
 * would be retried together.
 * @param failures how many attempts have failed, from 1.
 */
export function pauseAfter(failures: number, random = Math.random()): number {
  return pauses[Math.min(failures, pauses.length) - 1]! * (0.5 + random / 2) * share;
}

/** The pause after a server responded "slow down", in ms: its Retry-After up to the limit, else longer each time. */
export function rateLimitPause(retryAfterMs: number | undefined, refusals: number): number {
  return Math.min(retryAfterMs ?? Math.min(1_000 * 2 ** refusals, 30_000), longestRetryAfter);
}

/**
 * Whether the same request may succeed later. 408: the server did not get the request in time (RFC 9110, 15.5.9); 429: too many requests;
 * 5xx, except an unknown method (501) or version of HTTP (505).
 */
export function isTransientStatus(status: number): boolean {
  return status === 408 || status === 429 || (status >= 500 && status !== 501 && status !== 505);
}

const unconnected = new Set([
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "UND_ERR_CONNECT_TIMEOUT",
]);

/** Whether no connection could be made at all. */
export function isUnconnected(error: unknown): boolean {
  if (error instanceof AggregateError) return error.errors.every(isUnconnected);
  return unconnected.has(codeOf(error));
}

/**
 * Whether the network failed and not the program. Errors of sockets, TLS and undici have a code; a bug in this
 * program has none, or `ERR_*`, and retries must not hide it.
 */
export function isTransportError(error: unknown): boolean {
  const code = codeOf(error);
  return isUnconnected(error) || (code !== "" && code !== "UND_ERR_INVALID_ARG" && !/^ERR_(?!SSL|TLS)/.test(code));
}

/** Whether a proxy has refused the request, which it would do again. */
export function isProxyRefusal(error: unknown): boolean {
  return error instanceof ProxyError && error.isRefusal;
}
