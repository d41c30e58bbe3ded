import { setTimeout as sleep } from "node:timers/promises";
import { HttpClient } from "../http/client.ts";
import { causeOf } from "../http/errors.ts";
import { RateGate, retrying, TransientError } from "../http/retry.ts";
import { parseRetryAfter } from "../http/retry-after.ts";
import { isTransientStatus, isTransportError } from "../http/retry-policy.ts";
import { TokenBucket } from "../http/token-bucket.ts";
import { userAgent } from "../http/user-agent.ts";
import type { CdnPurge } from "../run/request.ts";
import { printable } from "../text/printable.ts";
import { googleCredentialsFor, type RequestAuthorization } from "./google-credentials.ts";
import { type PurgeCall, purgeCalls } from "./purge-calls.ts";

const connections = 8;

/**
 * Google takes 500 invalidations a minute, of all hosts of a project together (https://cloud.google.com/cdn/docs/cache-invalidation-overview). So the purges of
 * this process share them; another run has the rest.
 */
const invalidations = new TokenBucket(400);

/** Purges objects from a CDN, with retries. @param budget of the calls to Google. @throws Error without the token in it. */
export async function sendPurge(
  purge: CdnPurge,
  keys: readonly string[],
  signal: AbortSignal,
  budget: Pick<TokenBucket, "take"> = invalidations,
): Promise<void> {
  const http = new HttpClient({ connections, connectTimeout: 15_000, stallTimeout: 30_000 });
  const gate = new RateGate();
  const credentials = credentialsOf(purge);
  const calls = purgeCalls(purge, keys).values();
  const send = async () => {
    for (const call of calls)
      await retrying(gate, signal, async (attempt) => {
        if (purge.by === "google") await sleep(budget.take(), undefined, { signal });
        await sendOnce(http, call, credentials, attempt, signal);
      });
  };
  try {
    // They share one iterator, so that no more than these are under way.
    await Promise.all(Array.from({ length: connections }, send));
  } finally {
    await http.destroy();
  }
}

/** The token is read from the environment for each purge, and is in no request of the engine. */
function credentialsOf({ by, api, token }: CdnPurge): RequestAuthorization {
  if (by === "google" && api !== undefined) return googleCredentialsFor(new URL(api), "compute");
  if (token === undefined) return async () => undefined;
  return async () => {
    const value = process.env[token];
    if (value === undefined || value === "") throw new Error(`${token} is not in the environment`);
    return `Bearer ${value}`;
  };
}

async function sendOnce(
  http: HttpClient,
  { method, url, body }: PurgeCall,
  credentials: RequestAuthorization,
  attempt: number,
  signal: AbortSignal,
): Promise<void> {
  const { origin, pathname, search } = new URL(url);
  const what = `${method} ${url}`;
  const authorization = await credentials(attempt > 1);
  const content = body && Buffer.from(JSON.stringify(body));
  const headers = {
    ...userAgent,
    ...(authorization !== undefined && { authorization }),
    ...(content && { "content-type": "application/json", "content-length": String(content.length) }),
  };
  const request = { origin, path: pathname + search, method, headers, body: content, responseTimeout: 30_000, attempt };
  const response = await http.exchange(request, { limit: 1024 * 1024, what, signal }).catch((error: unknown) => {
    signal.throwIfAborted();
    throw isTransportError(error) ? new TransientError(`${what}: ${causeOf(error)}`, { cause: error }) : error;
  });
  const { status } = response;
  if (status >= 200 && status < 300) return;
  // An object that the CDN does not keep: nginx and Varnish say so by 404 or 412.
  if (method === "PURGE" && (status === 404 || status === 412)) return;
  const message = `${what}: HTTP ${status} ${printable(response.body.toString("utf8"), 300)}`.trim();
  if (!isTransientStatus(status)) throw new Error(message);
  throw new TransientError(message, { retryAfterMs: parseRetryAfter(response.headers["retry-after"]) });
}
