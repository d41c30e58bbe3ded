/**
 * Remembers values by a text, at most so many; what was not used for longest is forgotten first, half of them at a time. Against one list in
 * the order of use, a use is a lookup and nothing more, and to forget costs the same however much is known.
 */
export class LruCache<Value> {
  /** Values forgotten to make room. */
  evicted = 0;
  readonly #half: number;
  /** What was used since the last change of generations, and what was in the one before. */
  #young = new Map<string, Value>();
  #old = new Map<string, Value>();

  /** `most` is the number of values that are remembered, at least 2. */
  constructor(most: number) {
    this.#half = Math.floor(most / 2);
  }

  get size(): number {
    return this.#young.size + this.#old.size;
  }

  get(key: string): Value | undefined {
    const young = this.#young.get(key);
    if (young !== undefined || this.#old.size === 0) return young;
    const old = this.#old.get(key);
    if (old !== undefined) this.set(key, old);
    return old;
  }

  set(key: string, value: Value): void {
    this.#old.delete(key);
    if (this.#young.size >= this.#half && !this.#young.has(key)) {
      this.evicted += this.#old.size;
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(key, value);
  }
}
