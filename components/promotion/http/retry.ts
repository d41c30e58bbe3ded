/** Trying again what a server or a network refused for a moment, no sooner than the server asked for. */
import { setTimeout as sleep } from "node:timers/promises";

/** A failure that may pass. */
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

/** Waits before the second, third... attempt, when the server does not say; each with up to half of it again at random. Milliseconds. */
const pauses = [200, 500, 1_500, 4_000, 10_000];

/** No server keeps us longer than this at once: it is asked again then. Milliseconds. */
const longestWait = 120_000;

/**
 * Runs `attempt` until it returns, throws something else than {@link TransientError}, or has failed six times.
 * The last failure is thrown as it is.
 */
export async function retrying<T>(host: RateGate, signal: AbortSignal, attempt: () => Promise<T>): Promise<T> {
  for (let failed = 0; ; failed++) {
    await host.wait(signal);
    try {
      return await attempt();
    } catch (error) {
      signal.throwIfAborted();
      const pause = pauses[failed];
      if (!(error instanceof TransientError) || pause === undefined) throw error;
      if (error.retryAfterMs === undefined) {
        await sleep(pause * (1 + Math.random() / 2), undefined, { signal });
      } else {
        host.holdBack(Math.min(error.retryAfterMs, longestWait));
        // Those who waited for the same moment do not all come at once.
        await sleep(Math.random() * 100, undefined, { signal });
      }
    }
  }
}
