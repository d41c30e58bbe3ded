/**
 * Runs work for each key one at a time. Everyone who asks while it runs shares the next run, which begins after they asked: of a thousand
 * tags that are written at once, the list is written a few times.
 */
export class Coalesced {
  /** Of keys with work. */
  readonly #keys = new Map<string, { running: Promise<unknown>; next: Promise<void> | undefined }>();

  /** Number of keys with work. */
  get size(): number {
    return this.#keys.size;
  }

  /** Resolves when a run of `work` that began after this call has ended. */
  run(key: string, work: () => Promise<void>): Promise<void> {
    const state = this.#keys.get(key) ?? { running: Promise.resolve(), next: undefined };
    this.#keys.set(key, state);
    state.next ??= (async () => {
      await state.running;
      state.next = undefined;
      const run = work();
      const ended = run.catch(() => {});
      state.running = ended;
      await ended;
      // The last of them: a mirror has as many keys as images.
      if (state.next === undefined && state.running === ended) this.#keys.delete(key);
      await run;
    })();
    return state.next;
  }
}
