const smallest = 64 * 1024;

/**
 * A pool of memory for blobs: mapping and clearing a fresh megabyte takes the system longer than hashing it. The
 * limit of blobs in memory also limits the pool: it never keeps more than was in use at once, and at most `most`
 * bytes.
 */
export class BufferPool {
  readonly #free = new Map<number, Buffer[]>();
  readonly #most: number;
  #pooled = 0;

  /** @param most bytes that are kept while they are unused. */
  constructor(most: number) {
    this.#most = most;
  }

  /** Memory of at least so many bytes, with any content. */
  take(bytes: number): Buffer {
    const size = sizeFor(bytes);
    const buffer = this.#free.get(size)?.pop();
    if (!buffer) return Buffer.allocUnsafeSlow(size);
    this.#pooled -= size;
    return buffer;
  }

  /**
   * Returns memory to the pool. Only call it once nothing reads the memory any more; otherwise bytes that are still
   * being sent would be overwritten.
   */
  give(buffer: Buffer): void {
    if (buffer.length > this.#most - this.#pooled || buffer.length !== sizeFor(buffer.length)) return;
    const free = this.#free.get(buffer.length) ?? [];
    this.#free.set(buffer.length, free);
    free.push(buffer);
    this.#pooled += buffer.length;
  }
}

/** Powers of two: few sizes, so that free memory fits. */
function sizeFor(bytes: number): number {
  let size = smallest;
  while (size < bytes) size *= 2;
  return size;
}
