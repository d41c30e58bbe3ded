import { setTimeout as sleep } from "node:timers/promises";

/** A mirror that the last run did not know: its grants may be as new as it is. */
export interface NewMirror {
  readonly name: string;
  /** Address of what is written. Runs of several projects wait for it together. */
  readonly address: string;
  /** Asks whether it may be written; an error, or undefined for a store that does not say, counts as yes: the run itself then says what is the matter. */
  mayWrite(signal: AbortSignal): Promise<boolean | undefined>;
}

/** ms that a run waits. A change of access takes "typically 2 minutes, potentially 7 minutes or longer" (IAM docs, "Access change propagation"). */
const patience = 7 * 60_000;

/** ms between the questions. The last is repeated. */
const pauses = [1_000, 2_000, 5_000, 10_000, 15_000] as const;

/** The waits of a process. */
export class GrantWaits {
  readonly #waits = new Map<string, Promise<void>>();
  readonly #pause: (ms: number, signal: AbortSignal) => Promise<unknown>;

  /** @param pause replaced by tests. */
  constructor(pause: (ms: number, signal: AbortSignal) => Promise<unknown> = realPause) {
    this.#pause = pause;
  }

  /**
   * Waits until all of the mirrors may be written, or for as long as a new grant may take: a mirror that still denies access then is given up
   * by the run, as any other. A run that is stopped waits no longer, without an error: its own steps then say what is left to do.
   * @param say tells what is waited for, before each pause.
   */
  async untilTheyHold(mirrors: readonly NewMirror[], say: (line: string) => void, signal: AbortSignal): Promise<void> {
    await Promise.all(
      mirrors.map((mirror) => {
        const known = this.#waits.get(mirror.address) ?? this.#wait(mirror, say, signal);
        this.#waits.set(mirror.address, known);
        return known;
      }),
    );
  }

  async #wait({ name, mayWrite }: NewMirror, say: (line: string) => void, signal: AbortSignal): Promise<void> {
    for (let waited = 0, tries = 0; ; tries++) {
      if (signal.aborted || (await mayWrite(signal).catch(() => undefined)) !== false || waited >= patience) return;
      const ms = pauses[Math.min(tries, pauses.length - 1)]!;
      say(
        `the new mirror ${name} denies access: waiting for its grants to hold, ${Math.round(waited / 1000)} s of at most ${patience / 1000}`,
      );
      await this.#pause(ms, signal).catch(() => {}); // only a stopped run interrupts a pause
      waited += ms;
    }
  }
}

/** The waits of this process. */
export const grantWaits = new GrantWaits();

function realPause(ms: number, signal: AbortSignal): Promise<void> {
  return sleep(ms, undefined, { signal });
}

/** Those of the mirrors that the last run did not have. */
export function unknownTo<M extends { readonly name: string }>(
  previous: readonly { readonly name: string }[] | undefined,
  mirrors: readonly M[],
): M[] {
  const known = new Set(previous?.map(({ name }) => name));
  return mirrors.filter(({ name }) => !known.has(name));
}
