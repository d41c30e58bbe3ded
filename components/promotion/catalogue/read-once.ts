/** A failure stands for so many times as long as it took, retries included: it is not paid for each project, and a long run sees a mirror that is back. */
const rest = 10;

/** Something that is read once. A failure stands for a while too: who asks then gets it at once. */
export class ReadOnce<Value> {
  readonly #read: () => Promise<Value>;
  readonly #now: () => number;
  #reading: Promise<Value> | undefined;
  /** When a failure does not stand any more, in milliseconds. */
  #until = Number.POSITIVE_INFINITY;

  /** @param now milliseconds of a clock: for its tests. */
  constructor(read: () => Promise<Value>, now: () => number = () => performance.now()) {
    this.#read = read;
    this.#now = now;
  }

  /** What was read, or what is being read. */
  get(): Promise<Value> {
    if (this.#reading === undefined || this.#now() >= this.#until) this.#begin();
    return this.#reading!;
  }

  /** Is known without reading. */
  set(value: Value): void {
    this.#until = Number.POSITIVE_INFINITY;
    this.#reading = Promise.resolve(value);
  }

  /** Is read again when it is asked for. */
  forget(): void {
    this.#reading = undefined;
  }

  #begin(): void {
    const began = this.#now();
    const reading = this.#read();
    this.#reading = reading;
    this.#until = Number.POSITIVE_INFINITY;
    reading.catch(() => {
      if (this.#reading === reading) this.#until = this.#now() + rest * (this.#now() - began);
    });
  }
}
