import { CircuitBreaker, type FailureSeverity } from "./circuit-breaker.ts";
import type { MirrorProgress, Progress } from "./request.ts";

/** One mirror in a run: its progress, and whether it was given up. Counts are of steps. */
export class MirrorRun {
  readonly name: string;
  readonly breaker: CircuitBreaker;
  total = 0;
  done = 0;
  failed = 0;
  /** Bytes that it has received. */
  bytes = 0;

  constructor(name: string, severityOf: (error: unknown) => FailureSeverity) {
    this.name = name;
    this.breaker = new CircuitBreaker(severityOf);
  }

  /** Why it was given up; no more requests are sent to it in this run. */
  get givenUp(): string | undefined {
    return this.breaker.givenUp;
  }

  get progress(): MirrorProgress {
    const { name, done, total, failed, bytes } = this;
    return { name, done, total, failed, bytes };
  }
}

/** The progress of all mirrors together. */
export function sumOf(mirrors: readonly MirrorProgress[]): Progress {
  const sum = (of: "done" | "total" | "failed" | "bytes"): number => mirrors.reduce((all, one) => all + one[of], 0);
  return { done: sum("done"), total: sum("total"), failed: sum("failed"), bytes: sum("bytes"), mirrors };
}
