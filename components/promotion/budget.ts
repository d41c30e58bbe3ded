/** A shared amount of something (bytes of memory) that work takes before it begins and gives back when it ends. */
export class Budget {
  #left: number;
  readonly #total: number;
  readonly #waiting: { readonly amount: number; readonly start: () => void }[] = [];

  /** @param total how much there is; an amount beyond it waits for all of it. */
  constructor(total: number) {
    this.#left = total;
    this.#total = total;
  }

  /** Runs `work` when `amount` is free. First come, first served: a large amount is not overtaken for ever. */
  async with<T>(amount: number, work: () => Promise<T>): Promise<T> {
    const taken = Math.min(amount, this.#total);
    await this.#take(taken);
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
    for (let next = this.#waiting[0]; next !== undefined && next.amount <= this.#left; next = this.#waiting[0]) {
      this.#waiting.shift();
      this.#left -= next.amount;
      next.start();
    }
  }
}
