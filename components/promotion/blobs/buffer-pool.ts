const smallest = 64 * 1024;

/**
 * Memory for blobs that is used again: to have the system map and clear a fresh megabyte takes longer than to hash it.
 * Whoever bounds the blobs in memory bounds the pool: it never holds more than was in use at once, and not beyond `most` bytes.
 */
export class BufferPool {
  readonly #free = new Map<number, Buffer[]>();
  readonly #most: number;
  #held = 0;

  /** @param most bytes that are kept while nobody uses them. */
  constructor(most: number) {
    this.#most = most;
  }

  /** Memory of at least so many bytes, with any content. */
  take(bytes: number): Buffer {
    const size = sizeFor(bytes);
    const buffer = this.#free.get(size)?.pop();
    if (!buffer) return Buffer.allocUnsafeSlow(size);
    this.#held -= size;
    return buffer;
  }

  /** Gives memory back. Only when nothing reads it any more: what is still being sent would be overwritten. */
  give(buffer: Buffer): void {
    if (buffer.length > this.#most - this.#held || buffer.length !== sizeFor(buffer.length)) return;
    const free = this.#free.get(buffer.length) ?? [];
    this.#free.set(buffer.length, free);
    free.push(buffer);
    this.#held += buffer.length;
  }
}

/** Powers of two: few sizes, so that what is free fits. */
function sizeFor(bytes: number): number {
  let size = smallest;
  while (size < bytes) size *= 2;
  return size;
}
