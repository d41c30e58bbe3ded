/** What is tried again, how often and how long: the one policy for registries, token servers, GCS and S3. Pure. */
import { codeOf } from "./errors.ts";
import { ProxyError } from "./proxy.ts";

/** Attempts of one request that breaks or is answered with a transient status. */
export const attempts = 6;

/** Attempts of one request to a registry that answers "slow down": it may do so for as long as its quota is used up. */
export const rateLimitedAttempts = 120;

/** A server's Retry-After is followed up to this, in ms: a mistaken `Retry-After: 86400` would stop a promotion for a day. */
const longestRetryAfter = 120_000;

/** ms before the second, third... attempt. The last is repeated if there are more. */
const pauses = [200, 500, 1_500, 4_000, 10_000] as const;

/**
 * The pause before the next attempt, half to fully, in ms: at random, or all that failed together would come back together.
 * @param failures how many attempts have failed, from 1.
 */
export function pauseAfter(failures: number, random = Math.random()): number {
  return pauses[Math.min(failures, pauses.length) - 1]! * (0.5 + random / 2);
}

/** How long to leave a server alone that answered "slow down", in ms: what it asked for, within reason, else longer each time. */
export function rateLimitPause(retryAfterMs: number | undefined, refusals: number): number {
  return Math.min(retryAfterMs ?? Math.min(1_000 * 2 ** refusals, 30_000), longestRetryAfter);
}

/**
 * Whether the same request may succeed later. 408: the server did not get the request in time (RFC 9110, 15.5.9); 429: too many requests;
 * 5xx, except that it does not know the method (501) or the version of HTTP (505).
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
 * Whether the network failed, not the program: errors of sockets, TLS and undici carry a code; a bug of ours has none or `ERR_*`, and must not
 * be retried into silence.
 */
export function isTransportError(error: unknown): boolean {
  const code = codeOf(error);
  return isUnconnected(error) || (code !== "" && code !== "UND_ERR_INVALID_ARG" && !/^ERR_(?!SSL|TLS)/.test(code));
}

/** Whether a proxy has refused, which it will do again. */
export function isProxyRefusal(error: unknown): boolean {
  return error instanceof ProxyError && error.isRefusal;
}
