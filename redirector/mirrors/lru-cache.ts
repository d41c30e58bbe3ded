/**
 * A cache with a fixed capacity that evicts the least recently used values, half of the capacity at a time (two generations). Compared to a
 * list in order of use, a hit is only a lookup, and an eviction takes constant time.
 */
export class LruCache<Value, Key = string> {
  /** Number of evicted values. */
  evicted = 0;
  readonly #half: number;
  /** Values used since the last change of generations, and those of the previous generation. */
  #young = new Map<Key, Value>();
  #old = new Map<Key, Value>();

  /** `most` is the capacity, at least 2. */
  constructor(most: number) {
    this.#half = Math.floor(most / 2);
  }

  get size(): number {
    return this.#young.size + this.#old.size;
  }

  get(key: Key): Value | undefined {
    const young = this.#young.get(key);
    if (young !== undefined || this.#old.size === 0) return young;
    const old = this.#old.get(key);
    if (old !== undefined) this.set(key, old);
    return old;
  }

  set(key: Key, value: Value): void {
    this.#old.delete(key);
    if (this.#young.size >= this.#half && !this.#young.has(key)) {
      this.evicted += this.#old.size;
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(key, value);
  }
}
