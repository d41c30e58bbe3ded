import { setTimeout as sleep } from "node:timers/promises";
import { InterruptedError, UnreachableError } from "./errors.ts";
import { quotaOf, RequestBudget } from "./request-budget.ts";
import { WeightedSemaphore } from "./weighted-semaphore.ts";

/** How a host is treated. */
export interface HostRules {
  /** Requests at a time, besides the streams of large blobs. */
  readonly parallel: number;
  /** Pauses between attempts to reach a host that refuses connections, in ms; after the last attempt the host is given up. */
  readonly probes: readonly number[];
  /** A host that has responded only with errors for this long, in ms, is given up. */
  readonly maxErrorTime: number;
  /** How long no request is sent to a host that was given up, in ms. */
  readonly resting: number;
  /** Requests a minute that the host grants; undefined: unknown. */
  readonly quota?: (host: string) => number | undefined;
}

/** Limits for a region of Artifact Registry, which is one host. */
export const defaultRules: HostRules = {
  parallel: 54,
  probes: [200, 500, 1_000, 2_000],
  maxErrorTime: 45_000,
  resting: 120_000,
  quota: quotaOf,
};

/** Up to so many errors in a row may be caused by one object instead of the host. */
const errorsOfADeadHost = 3;

/**
 * State that all requests to one host share: how many run at a time, until when the host wants no requests, and
 * whether it was given up. A host is given up for all requests at once, because thousands of requests to a dead
 * mirror must not each wait for it.
 */
export class Host {
  readonly name: string;
  readonly #rules: HostRules;
  /** Requests at a time. */
  readonly #limit: WeightedSemaphore;
  readonly #budget: RequestBudget | undefined;
  #pausedUntil = 0;
  #successes = 0;
  #errors = 0;
  #failingSince = 0;
  #everAnswered = false;
  #probing: Promise<void> | undefined;
  #dead: { readonly error: UnreachableError; readonly until: number } | undefined;

  constructor(name: string, rules: HostRules) {
    this.name = name;
    this.#rules = rules;
    this.#limit = new WeightedSemaphore(rules.parallel);
    const quota = rules.quota?.(name);
    this.#budget = quota === undefined ? undefined : new RequestBudget(quota);
  }

  /** Runs one request within the host's limit. @throws UnreachableError if it was given up. */
  within<T>(work: () => Promise<T>): Promise<T> {
    this.refuseIfDead();
    return this.#limit.with(1, work);
  }

  /**
   * Waits until a request may be sent; undefined if that is now. Throws UnreachableError if the host was given up, the
   * signal's reason if aborted.
   */
  ready(signal: AbortSignal): Promise<void> | undefined {
    signal.throwIfAborted();
    this.refuseIfDead();
    return this.#probing || this.#pausedUntil > 0 ? this.#becomesReady(signal) : undefined;
  }

  /** Waits until the host's quota has room for a request that is sent next; undefined if that is now. Throws the signal's reason if aborted. */
  withinQuota(method: string, signal: AbortSignal): Promise<void> | undefined {
    const wait = this.#budget?.book(method) ?? 0;
    return wait > 0 ? pause(wait, signal) : undefined;
  }

  async #becomesReady(signal: AbortSignal): Promise<void> {
    for (;;) {
      signal.throwIfAborted();
      this.refuseIfDead();
      if (this.#probing) await abortable(this.#probing, signal);
      const wait = this.#pausedUntil - Date.now();
      if (wait <= 0) return;
      // Spread over the next half second; otherwise all requests would start in the same moment and be refused again.
      await pause(wait + Math.random() * Math.min(500, wait), signal);
    }
  }

  /** Throws UnreachableError if the host was given up. */
  refuseIfDead(): void {
    if (this.#dead && this.#dead.until > Date.now()) throw this.#dead.error;
    this.#dead = undefined;
  }

  /** Reports a response that is neither a server error nor a "slow down". */
  answered(): void {
    this.#everAnswered = true;
    this.#errors = 0;
    if (this.#limit.total < this.#rules.parallel && ++this.#successes >= 16) {
      this.#successes = 0;
      this.#limit.resize(this.#limit.total + 1);
    }
  }

  /** Reports 429, or 503 with Retry-After: no request is sent until then, and fewer at a time afterwards. */
  slowDown(milliseconds: number): void {
    const until = Date.now() + milliseconds;
    if (until <= this.#pausedUntil) return;
    if (this.#pausedUntil < Date.now()) this.#limit.resize(Math.max(1, Math.floor(this.#limit.total / 2)));
    this.#successes = 0;
    this.#pausedUntil = until;
  }

  /**
   * Reports a broken connection or a 5xx. Gives the host up when nothing else has happened for a while.
   * @param tries how often this request has failed, and whether that was its last attempt.
   * @throws UnreachableError if the host is given up.
   */
  failed(error: unknown, tries: { readonly count: number; readonly last: boolean }): void {
    this.refuseIfDead();
    const now = Date.now();
    if (this.#errors++ === 0) this.#failingSince = now;
    // No request succeeded while one used up all its attempts, or for a very long time.
    if (tries.last && tries.count > 1 && this.#errors >= tries.count) this.#giveUp(error);
    if (this.#errors >= errorsOfADeadHost && now - this.#failingSince > this.#rules.maxErrorTime) this.#giveUp(error);
  }

  /** Reports that the host's certificate was rejected. It is given up at once, since a retry would not help. */
  distrusted(error: unknown): never {
    this.#giveUp(error);
  }

  /**
   * Reports that no connection could be made. One prober retries for all requests, which wait for it.
   * @param probe makes one attempt; its failure is a failure to connect.
   */
  async refused(error: unknown, probe: () => Promise<void>, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    this.#probing ??= this.#probe(error, probe).finally(() => {
      this.#probing = undefined;
    });
    await abortable(this.#probing, signal);
  }

  async #probe(first: unknown, probe: () => Promise<void>): Promise<void> {
    let error = first;
    // A host that worked a moment ago may be restarting: it gets twice the time.
    const waits = this.#everAnswered ? [...this.#rules.probes, ...this.#rules.probes] : this.#rules.probes;
    for (const wait of waits) {
      await sleep(wait);
      try {
        return await probe();
      } catch (again) {
        error = again;
      }
    }
    this.#giveUp(error);
  }

  #giveUp(error: unknown): never {
    const dead = new UnreachableError(this.name, error);
    this.#dead = { error: dead, until: Date.now() + this.#rules.resting };
    this.#errors = 0;
    throw dead;
  }
}

/** Waits until the time is over; throws the signal's reason if it is aborted first. */
export async function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  try {
    await sleep(milliseconds, undefined, { signal });
  } catch (error) {
    signal.throwIfAborted();
    throw new InterruptedError("timer", error);
  }
}

/** A promise's value, or the signal's reason if that comes first. */
async function abortable<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  const aborted = Promise.withResolvers<never>();
  const onAbort = () => aborted.reject(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([promise, aborted.promise]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
