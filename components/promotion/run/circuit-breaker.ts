import { TransientError } from "../http/retry.ts";
import { BucketAbsent, Denied } from "../storage/bucket.ts";

/** After so many failed pieces of work in a row a store is given up for the run; each that may pass had six attempts. */
const failuresOfALostStore = 4;

/** Tells when one store is to be given up for a run, so that a dead region, or a right that lacks, costs minutes and not hours. */
export class CircuitBreaker {
  #failuresInARow = 0;

  succeeded(): void {
    this.#failuresInARow = 0;
  }

  /** Counts a failure. @returns whether nothing more is to be asked of the store in this run. */
  isLost(error: unknown): boolean {
    if (error instanceof BucketAbsent) return true;
    if (!(error instanceof TransientError) && !(error instanceof Denied)) return false;
    return ++this.#failuresInARow >= failuresOfALostStore;
  }
}
