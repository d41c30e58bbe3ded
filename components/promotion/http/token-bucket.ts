/** Seconds of the rate that may be used at once: what is small waits for nothing. */
const burstSeconds = 10;

/** Keeps requests below a rate. Each books its time when it asks, so they start in the order in which they came. */
export class TokenBucket {
  readonly #now: () => number;
  /** ms in which one token comes. */
  readonly #interval: number;
  /** When the bucket will be full again. */
  #fullAt = 0;

  /** @param now ms. */
  constructor(perMinute: number, now: () => number = Date.now) {
    this.#now = now;
    this.#interval = 60_000 / perMinute;
  }

  /** Books a request. @returns ms after which it may be sent; 0: now. */
  take(): number {
    const now = this.#now();
    this.#fullAt = Math.max(this.#fullAt, now) + this.#interval;
    return Math.max(0, this.#fullAt - now - burstSeconds * 1_000);
  }
}
