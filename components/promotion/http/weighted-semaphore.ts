/** A shared amount of something (bytes of memory) that work takes before it begins and gives back when it ends. */
export class WeightedSemaphore {
  #left: number;
  #total: number;
  readonly #most: number;
  readonly #mayGrow: () => boolean;
  readonly #waiting: { readonly amount: number; readonly start: () => void }[] = [];

  /**
   * @param total how much there is; an amount beyond it waits for all of it.
   * @param growth the total grows up to `most` while work waits for it and `mayGrow` says so.
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

  /** Changes how much there is. What is taken stays taken, if it is more. */
  resize(total: number): void {
    this.#left += total - this.#total;
    this.#total = total;
    this.#serve();
  }

  /** Runs `work` when `amount` is free. First come, first served: a large amount is not overtaken for ever. */
  async with<T>(amount: number, work: () => Promise<T>): Promise<T> {
    const taken = Math.min(amount, this.#total);
    // Where nothing has to be waited for nothing is: thousands of requests pass here.
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
