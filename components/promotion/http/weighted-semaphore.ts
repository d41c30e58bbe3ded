/**
 * A weighted semaphore: work acquires an amount of a shared resource (bytes of memory) before it starts and releases it
 * when it ends.
 */
export class WeightedSemaphore {
  #left: number;
  #total: number;
  readonly #most: number;
  readonly #mayGrow: () => boolean;
  readonly #waiting: { readonly amount: number; readonly start: () => void }[] = [];

  /**
   * @param total the capacity; a request for more waits for all of it.
   * @param growth the capacity grows up to `most` while work waits for it and `mayGrow` returns true.
   */
  constructor(
    total: number,
    growth: { readonly most: number; mayGrow(): boolean } = { most: total, mayGrow: () => false },
  ) {
    this.#left = total;
    this.#total = total;
    this.#most = growth.most;
    this.#mayGrow = growth.mayGrow;
  }

  get total(): number {
    return this.#total;
  }

  /** Changes the capacity. Amounts that are already acquired stay acquired, even if they exceed it. */
  resize(total: number): void {
    this.#left += total - this.#total;
    this.#total = total;
    this.#serve();
  }

  /** Runs `work` when `amount` is free. First come, first served, so a large amount is not starved. */
  async with<T>(amount: number, work: () => Promise<T>): Promise<T> {
    const taken = Math.min(amount, this.#total);
    // Does not await anything if the amount is free, because thousands of requests pass here.
    if (this.#waiting.length === 0 && taken <= this.#left) this.#left -= taken;
    else await this.#take(taken);
    try {
      return await work();
    } finally {
      this.#left += taken;
      this.#serve();
    }
  }

  async #take(amount: number): Promise<void> {
    await new Promise<void>((start) => {
      this.#waiting.push({ amount, start });
      this.#serve();
    });
  }

  #serve(): void {
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      if (next.amount > this.#left) {
        const more = Math.min(next.amount - this.#left, this.#most - this.#total);
        if (more < next.amount - this.#left || !this.#mayGrow()) return;
        this.#total += more;
        this.#left += more;
      }
      this.#waiting.shift();
      this.#left -= next.amount;
      next.start();
    }
  }
}
