/** Retries of what a server or the network refused for a moment, no sooner than the server asked for. */
import { setTimeout as sleep } from "node:timers/promises";
import { attempts, pauseAfter, rateLimitPause } from "./retry-policy.ts";

/** A failure that may pass: the same request may succeed later. */
export class TransientError extends Error {
  /** How long the server asked to be left alone, from `Retry-After`; undefined: it did not say. Milliseconds. */
  readonly retryAfterMs: number | undefined;
  constructor(message: string, options: { cause?: unknown; retryAfterMs?: number | undefined } = {}) {
    super(message, { cause: options.cause });
    this.retryAfterMs = options.retryAfterMs;
  }
}

/**
 * One host that must not be asked before a moment it has named: a 429 to one request holds back all requests of this process to
 * that host, which answers them all from one quota.
 */
export class RateGate {
  #notBefore = 0;

  /** Waits until the host may be asked. */
  async wait(signal: AbortSignal): Promise<void> {
    for (let left = this.#notBefore - Date.now(); left > 0; left = this.#notBefore - Date.now()) {
      await sleep(left, undefined, { signal });
    }
    signal.throwIfAborted();
  }

  /** Nobody asks for this long from now on. Milliseconds. */
  holdBack(ms: number): void {
    this.#notBefore = Math.max(this.#notBefore, Date.now() + ms);
  }
}

/**
 * Runs `attempt` until it returns, throws something else than {@link TransientError}, or the policy's attempts are used up. The last failure is
 * thrown as it is.
 * @param attempt is given its number, from 1.
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
        // Those who waited for the same moment do not all come at once.
        await sleep(Math.random() * 100, undefined, { signal });
      }
    }
  }
}
