/** How much a channel holds before its reader must keep up, in bytes. */
const window = 512 * 1024;

/** Chunks on their way from one writer to one reader, with a bound on how many bytes wait between them. */
export class Channel implements AsyncIterable<Uint8Array> {
  readonly #waiting: Uint8Array[] = [];
  #bytes = 0;
  #ended = false;
  #failure: { readonly error: unknown } | undefined;
  #closed = false;
  #wakeReader: (() => void) | undefined;
  #wakeWriter: (() => void) | undefined;

  /** The reader is gone: nothing that is written is of use any more. */
  get closed(): boolean {
    return this.#closed;
  }

  /** There is no room until the reader has taken something. */
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

  /** The reader gets this error instead of the rest. */
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

  /** The reader will not read on. */
  close(): void {
    this.#closed = true;
    this.#waiting.length = 0;
    this.#bytes = 0;
    this.#wakeWriter?.();
  }
}
