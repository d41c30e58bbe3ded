import { causeOf } from "../http/errors.ts";
import { type FailureKind, failureKind } from "../http/failure-kind.ts";

/** After so many consecutive failures a mirror is given up for the run. Each may already be the last of several attempts. */
const failuresInARow = 4;

/**
 * What a failure says about the mirror where it happened. `fatal`: the mirror is given up at once. `unhealthy`: it is
 * given up after several in a row. `unrelated`: the mirror did not cause the failure.
 */
export type FailureSeverity = "fatal" | "unhealthy" | "unrelated";

/**
 * A circuit breaker: gives a mirror up for a run, so that a dead region or a missing permission costs minutes instead
 * of hours.
 */
export class CircuitBreaker {
  readonly #severityOf: (error: unknown) => FailureSeverity;
  #failures = 0;
  #givenUp: string | undefined;
  #kind: FailureKind | undefined;

  constructor(severityOf: (error: unknown) => FailureSeverity) {
    this.#severityOf = severityOf;
  }

  /** Why the mirror was given up; no more requests are sent to it in this run. */
  get givenUp(): string | undefined {
    return this.#givenUp;
  }

  /** What that says of a later run; undefined: it was not given up. */
  get failureKind(): FailureKind | undefined {
    return this.#kind;
  }

  /** A step succeeded: the count of consecutive failures restarts. */
  succeeded(): void {
    this.#failures = 0;
  }

  /** A step failed. */
  failed(error: unknown): void {
    const severity = this.#severityOf(error);
    if (severity === "unrelated") return;
    if (severity === "unhealthy" && ++this.#failures < failuresInARow) return;
    this.#givenUp ??= causeOf(error);
    this.#kind ??= failureKind(error);
  }
}

/** A step was skipped, or failed, at a mirror that was given up. The message has the reason. */
export class GivenUpError extends Error {}
