/** Retries of transient failures, no sooner than the server's Retry-After. */
import { setTimeout as sleep } from "node:timers/promises";
import { attempts, pauseAfter, rateLimitPause } from "./retry-policy.ts";

/** A transient failure: the same request may succeed later. */
export class TransientError extends Error {
  /** The server's `Retry-After` in milliseconds; undefined if it sent none. */
  readonly retryAfterMs: number | undefined;
  constructor(message: string, options: { cause?: unknown; retryAfterMs?: number | undefined } = {}) {
    super(message, { cause: options.cause });
    this.retryAfterMs = options.retryAfterMs;
  }
}

/**
 * Pauses all requests of this process to one host until the time that the host has named. A 429 to one request
 * applies to all of them, since they share one quota.
 */
export class RateGate {
  #notBefore = 0;

  /** Waits until requests to the host are allowed. */
  async wait(signal: AbortSignal): Promise<void> {
    for (let left = this.#notBefore - Date.now(); left > 0; left = this.#notBefore - Date.now()) {
      await sleep(left, undefined, { signal });
    }
    signal.throwIfAborted();
  }

  /** Pauses requests from now on, for so many milliseconds. */
  holdBack(ms: number): void {
    this.#notBefore = Math.max(this.#notBefore, Date.now() + ms);
  }
}

/**
 * Runs `attempt` until it returns, throws an error other than {@link TransientError}, or the policy's attempts are
 * used up. Throws the last failure unchanged.
 * @param attempt receives its number, from 1.
 */
export async function retrying<T>(
  host: RateGate,
  signal: AbortSignal,
  attempt: (number: number) => Promise<T>,
): Promise<T> {
  for (let number = 1; ; number++) {
    await host.wait(signal);
    try {
      return await attempt(number);
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof TransientError) || number === attempts) throw error;
      if (error.retryAfterMs === undefined) {
        await sleep(pauseAfter(number), undefined, { signal });
      } else {
        host.holdBack(rateLimitPause(error.retryAfterMs, number));
        // Requests that waited for the same time do not all start at once.
        await sleep(Math.random() * 100, undefined, { signal });
      }
    }
  }
}
