import { appendFileSync } from "node:fs";
import { sumOf } from "../run/mirror-run.ts";
import { progressLine } from "../run/progress.ts";
import type { MirrorProgress, Progress } from "../run/request.ts";

/** ms between two sums: with hundreds of projects a sum takes as long as a step. */
const sumEvery = 1_000;

/** Receives the progress of one of the runs of this process. */
export type OverallProgress = (run: string, progress: Progress) => void;

/**
 * The progress of all promotions of this process as lines of a CI log: the first after ten seconds, then one every half minute.
 * @param say shows one line.
 * @internal exported for its tests.
 */
export function overallProgress(say: (line: string) => void, now: () => number = Date.now): OverallProgress {
  const runs = new Map<string, Progress>();
  let report: ((progress: Progress) => void) | undefined;
  let summed = Number.NEGATIVE_INFINITY;
  return (run, progress) => {
    runs.set(run, progress);
    const isOver = progress.done + progress.failed >= progress.total;
    if (!isOver && now() - summed < sumEvery) return;
    summed = now();
    report ??= progressLine(say, { now, environment: { CI: "true" } });
    report(together(runs.values()));
  };
}

/**
 * To the file that ARTIFACTS_PROGRESS names: under `--suppress-progress` the engine shows no row, and lasting messages only at the end.
 * Undefined if it names none.
 */
export function progressFile(environment: NodeJS.ProcessEnv): OverallProgress | undefined {
  const file = environment["ARTIFACTS_PROGRESS"];
  if (file === undefined || file === "") return undefined;
  return overallProgress((line) => {
    try {
      appendFileSync(file, `promotions: ${line}\n`);
    } catch {
      // What is shown is no part of the work.
    }
  });
}

/** Sums the runs, mirror by mirror. */
function together(runs: Iterable<Progress>): Progress {
  const mirrors = new Map<string, MirrorProgress>();
  for (const run of runs) {
    for (const { name, done, total, failed, bytes } of run.mirrors) {
      const sum = mirrors.get(name) ?? { name, done: 0, total: 0, failed: 0, bytes: 0 };
      mirrors.set(name, {
        name,
        done: sum.done + done,
        total: sum.total + total,
        failed: sum.failed + failed,
        bytes: sum.bytes + bytes,
      });
    }
  }
  return sumOf([...mirrors.values()]);
}
