import { currentShare, type FairShare } from "./fair-share.ts";

/** The part of every limit that only shares which hold nothing of it may use: something is always free for what is new. */
const laneShare = 1 / 8;

/**
 * A weighted semaphore: work acquires an amount of a shared resource (bytes of memory, a request) before it starts and releases it when it ends.
 *
 * The resource is shared fairly: shares that hold nothing come first, then all shares in turn; inside a share small amounts come before large
 * ones, and equal ones in the order in which they came. The first in line is never overtaken by another share, except by one that holds
 * nothing, so every amount is served.
 */
export class WeightedSemaphore {
  #left: number;
  #total: number;
  readonly #most: number;
  readonly #mayGrow: () => boolean;
  /** What each share holds; without those that hold nothing. */
  readonly #held = new Map<FairShare, number>();
  /** The shares that wait, those first whose turn it is: the ones that hold nothing, and the others. */
  readonly #new = new Map<FairShare, Queue>();
  readonly #others = new Map<FairShare, Queue>();

  /**
   * @param total the capacity; a request for more waits for all that one share may have.
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

  /** Runs `work` when `amount` is free and it is the turn of this share. */
  async with<T>(amount: number, work: () => Promise<T>): Promise<T> {
    const share = currentShare();
    const taken = Math.min(amount, this.#total - this.#lane);
    // Does not await anything if the amount is free, because thousands of requests pass here.
    const isFree = this.#new.size === 0 && this.#others.size === 0 && taken <= this.#roomFor(share);
    if (isFree) this.#take(share, taken);
    else await this.#wait(share, taken);
    try {
      return await work();
    } finally {
      this.#release(share, taken);
    }
  }

  get #lane(): number {
    return Math.floor(this.#total * laneShare);
  }

  #roomFor(share: FairShare): number {
    return this.#held.has(share) ? this.#left - this.#lane : this.#left;
  }

  #take(share: FairShare, amount: number): void {
    this.#left -= amount;
    this.#held.set(share, (this.#held.get(share) ?? 0) + amount);
  }

  #release(share: FairShare, amount: number): void {
    this.#left += amount;
    const held = this.#held.get(share)! - amount;
    if (held > 0) this.#held.set(share, held);
    else this.#held.delete(share);
    const queue = held > 0 ? undefined : this.#others.get(share);
    if (queue !== undefined) {
      this.#others.delete(share);
      this.#new.set(share, queue);
    }
    this.#serve();
  }

  async #wait(share: FairShare, amount: number): Promise<void> {
    await new Promise<void>((start) => {
      const waiting = this.#held.has(share) ? this.#others : this.#new;
      const queue = waiting.get(share) ?? new Queue();
      waiting.set(share, queue);
      queue.add({ amount, start });
      this.#serve();
    });
  }

  #serve(): void {
    // A share that holds nothing and does not fit yet is waited for; others would take what it needs.
    while (this.#serveFirst(this.#new));
    if (this.#new.size > 0) return;
    while (this.#serveFirst(this.#others));
  }

  /** Starts the first work of the first share, if there is room for it, and puts the share at the end of the line. */
  #serveFirst(waiting: Map<FairShare, Queue>): boolean {
    const [first] = waiting;
    if (first === undefined) return false;
    const [share, queue] = first;
    const { amount, start } = queue.first;
    if (amount > this.#roomFor(share) && !this.#grow(amount - this.#roomFor(share))) return false;
    queue.removeFirst();
    waiting.delete(share);
    if (queue.size > 0) this.#others.set(share, queue);
    this.#take(share, amount);
    start();
    return true;
  }

  #grow(by: number): boolean {
    if (by > this.#most - this.#total || !this.#mayGrow()) return false;
    this.#total += by;
    this.#left += by;
    return true;
  }
}

/** Work that waits. */
interface Waiting {
  readonly amount: number;
  readonly start: () => void;
}

/** What waits in one share: small amounts first, by powers of two; equal ones in the order in which they came. */
class Queue {
  size = 0;
  readonly #bySize: { readonly waiting: Waiting[]; next: number }[] = [];

  add(work: Waiting): void {
    const index = Math.ceil(Math.log2(Math.max(1, work.amount)));
    while (this.#bySize.length <= index) this.#bySize.push({ waiting: [], next: 0 });
    this.#bySize[index]!.waiting.push(work);
    this.size++;
  }

  get first(): Waiting {
    const { waiting, next } = this.#firstOfAll();
    return waiting[next]!;
  }

  removeFirst(): void {
    const sameSize = this.#firstOfAll();
    this.size--;
    sameSize.next++;
    // Thousands wait: removing each from the front of the array would move all the others.
    if (sameSize.next < 1_000 && sameSize.next < sameSize.waiting.length) return;
    sameSize.waiting.splice(0, sameSize.next);
    sameSize.next = 0;
  }

  #firstOfAll(): { readonly waiting: Waiting[]; next: number } {
    const found = this.#bySize.find(({ waiting, next }) => next < waiting.length);
    if (found === undefined) throw new Error("unreachable: a share without work does not wait");
    return found;
  }
}
