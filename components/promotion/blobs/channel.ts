/** Bytes that a channel buffers before its writer has to wait. */
const window = 512 * 1024;

/** A bounded buffer of chunks between one writer and one reader. */
export class Channel implements AsyncIterable<Uint8Array> {
  readonly #waiting: Uint8Array[] = [];
  #bytes = 0;
  #ended = false;
  #failure: { readonly error: unknown } | undefined;
  #closed = false;
  #wakeReader: (() => void) | undefined;
  #wakeWriter: (() => void) | undefined;

  /** The reader is gone: written chunks are discarded. */
  get closed(): boolean {
    return this.#closed;
  }

  /** The buffer is full until the reader has taken a chunk. */
  get full(): boolean {
    return !this.#closed && this.#bytes >= window;
  }

  /** Adds a chunk, full or not. */
  write(chunk: Uint8Array): void {
    if (this.#closed || chunk.length === 0) return;
    this.#waiting.push(chunk);
    this.#bytes += chunk.length;
    this.#wakeReader?.();
  }

  /** Resolves when there is room again, or the reader is gone. */
  async room(): Promise<void> {
    while (this.full) {
      await new Promise<void>((resolve) => {
        this.#wakeWriter = resolve;
      });
    }
  }

  /** No more chunks will come. */
  end(): void {
    this.#ended = true;
    this.#wakeReader?.();
  }

  /** Makes the reader fail with this error instead of receiving the rest. */
  fail(error: unknown): void {
    this.#failure ??= { error };
    this.#wakeReader?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      for (;;) {
        if (this.#failure) throw this.#failure.error;
        const chunk = this.#waiting.shift();
        if (chunk) {
          this.#bytes -= chunk.length;
          this.#wakeWriter?.();
          yield chunk;
        } else if (this.#ended) {
          return;
        } else {
          await new Promise<void>((resolve) => {
            this.#wakeReader = resolve;
          });
        }
      }
    } finally {
      this.close();
    }
  }

  /** The reader stops reading. */
  close(): void {
    this.#closed = true;
    this.#waiting.length = 0;
    this.#bytes = 0;
    this.#wakeWriter?.();
  }
}
