import type { FairShare } from "../http/fair-share.ts";
import { Failures, unnamed } from "./failures.ts";
import { type MirrorRun, sumOf } from "./mirror-run.ts";
import { outcomeOf, type StepCounts } from "./outcome.ts";
import type { Context, Outcome } from "./request.ts";

/** ms between two reports of bytes. */
const reportEvery = 100;

/**
 * One project's run: its mirrors, its failures, its progress. Each kind of content adds what its steps need. A step
 * reports a failure at a mirror to {@link stepFailed} instead of throwing it, so that the others continue; it throws
 * only the signal's reason.
 */
export abstract class PromotionRun<Mirror extends MirrorRun = MirrorRun> {
  readonly project: string;
  readonly context: Context;
  readonly failures: Failures;
  /** The share of what some mirrors have already and others are filled with; what is new has the run's own. */
  readonly filling: FairShare = {};
  readonly counts: StepCounts = { copied: 0, replaced: 0, tagged: 0, untagged: 0, removed: 0 };
  #reported = Number.NEGATIVE_INFINITY;

  /** @param describe names a step's image or file for a line: `file a sha256:...`. */
  constructor(
    { project, mirrors }: { readonly project: string; readonly mirrors: readonly { readonly name: string }[] },
    context: Context,
    describe: (what: string) => string,
  ) {
    this.project = project;
    this.context = context;
    const names = mirrors.map(({ name }) => name);
    this.failures = new Failures(project, names, describe);
  }

  /** All mirrors, the canonical one first. */
  abstract readonly all: readonly Mirror[];
  /** What is left to do at a mirror, in the format of `Differences`. */
  abstract differencesAt(mirror: Mirror): string;

  /** Reports the end of a step at one mirror. */
  stepDone(mirror: MirrorRun): void {
    mirror.done++;
    this.report("step");
  }

  /**
   * Reports a step that failed at a mirror, or was skipped because the mirror was given up or the run was stopped.
   * @param what image or file.
   */
  stepFailed(mirror: MirrorRun, what: string, cause: unknown): void {
    const { signal } = this.context;
    if (!this.failures.add(mirror.name, what, signal.aborted && isAbort(cause, signal) ? unnamed : cause)) return;
    mirror.failed++;
    this.report("step");
  }

  /** Reports the progress whenever a step has ended, and for bytes at a limited rate. */
  report(of: "step" | "bytes"): void {
    const now = performance.now();
    if (of === "bytes" && now - this.#reported < reportEvery) return;
    this.#reported = now;
    this.context.report(sumOf(this.all.map(({ progress }) => progress)));
  }

  outcome(): Outcome {
    this.report("step");
    const differences = new Map(this.all.map((mirror) => [mirror.name, this.differencesAt(mirror)]));
    const { project, all, counts, failures, context } = this;
    return outcomeOf(project, all, counts, failures, differences, context.signal.aborted);
  }
}

function isAbort(cause: unknown, signal: AbortSignal): boolean {
  return cause === signal.reason || (cause instanceof Error && cause.name === "AbortError");
}
