import { causeOf } from "../http/errors.ts";

/** After so many failures in a row a mirror is given up for the run; each may already be the last of several attempts. */
const failuresInARow = 4;

/**
 * What a failure says about the mirror at which it happened. `fatal`: it is given up at once. `unhealthy`: it is given up after some in a
 * row. `unrelated`: the failure is not the mirror's.
 */
export type Severity = "fatal" | "unhealthy" | "unrelated";

/** Gives a mirror up for a run, so that a dead region or a missing permission costs minutes and not hours. */
export class CircuitBreaker {
  readonly #severityOf: (error: unknown) => Severity;
  #failures = 0;
  #givenUp: string | undefined;

  constructor(severityOf: (error: unknown) => Severity) {
    this.#severityOf = severityOf;
  }

  /** Why the mirror was given up: nothing more is asked of it in this run. */
  get givenUp(): string | undefined {
    return this.#givenUp;
  }

  /** A step succeeded: later failures are not in a row with earlier ones. */
  succeeded(): void {
    this.#failures = 0;
  }

  /** A step failed. */
  failed(error: unknown): void {
    const severity = this.#severityOf(error);
    if (severity === "unrelated") return;
    if (severity === "unhealthy" && ++this.#failures < failuresInARow) return;
    this.#givenUp ??= causeOf(error);
  }
}

/** A step was not tried, or failed, at a mirror that is given up. The message says why that is. */
export class GivenUpError extends Error {}
