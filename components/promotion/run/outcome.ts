import { mostHopeful } from "../http/failure-kind.ts";
import { countOf } from "../text/count-of.ts";
import { formatBytes } from "../text/format-bytes.ts";
import { formatCount } from "../text/format-count.ts";
import { differencesIn } from "./differences.ts";
import { type Failures, failureLine } from "./failures.ts";
import type { MirrorRun } from "./mirror-run.ts";
import type { Outcome } from "./request.ts";

/** How many steps of each kind a run has done, over all mirrors. */
export interface StepCounts {
  copied: number;
  /** Files that got other content. */
  replaced: number;
  tagged: number;
  untagged: number;
  removed: number;
}

/**
 * The outcome of a run.
 * @param differences what is left to do at each mirror, by its name.
 * @param stopped the run was aborted.
 */
export function outcomeOf(
  project: string,
  mirrors: readonly MirrorRun[],
  counts: StepCounts,
  failed: Failures,
  differences: ReadonlyMap<string, string>,
  stopped: boolean,
): Outcome {
  const failures = [...linesOfGivenUp(project, mirrors), ...failed.lines()];
  const unfinished = mirrors.some(({ total, done }) => done < total) || [...differences.values()].some((text) => text);
  const isStopped = stopped && unfinished;
  if (isStopped) {
    failures.push(failureLine({ project }, `stopped with ${stepsLeft(mirrors)}; the next run resumes`));
  }
  const kinds = [failed.kind, ...mirrors.map(({ breaker }) => breaker.failureKind)];
  const failureKind = isStopped ? "transient" : mostHopeful(kinds);
  return {
    incomplete: differencesIn(mirrors, differences),
    failures,
    summary: summaryOf(mirrors, counts, failures),
    ...(failureKind && { failureKind }),
  };
}

/** A line for each mirror that was given up. */
export function linesOfGivenUp(project: string, mirrors: readonly MirrorRun[]): string[] {
  return mirrors.flatMap((mirror) => {
    const { name, givenUp } = mirror;
    if (givenUp === undefined) return [];
    return [failureLine({ project, mirrors: [name] }, `given up with ${stepsLeft([mirror])}: ${givenUp}`)];
  });
}

function stepsLeft(mirrors: readonly MirrorRun[]): string {
  const left = mirrors.reduce((sum, { total, done }) => sum + total - done, 0);
  return `${countOf(left, "step")} to go`;
}

/** `copied 12 (31.2 MiB), replaced 3, removed 3 in 2 mirrors; 1 failure`. */
function summaryOf(
  mirrors: readonly MirrorRun[],
  { copied, replaced, tagged, untagged, removed }: StepCounts,
  failures: readonly string[],
): string {
  const bytes = mirrors.reduce((sum, mirror) => sum + mirror.bytes, 0);
  const parts = [
    copied > 0 && `copied ${formatCount(copied)} (${formatBytes(bytes)})`,
    replaced > 0 && `replaced ${formatCount(replaced)}${copied > 0 ? "" : ` (${formatBytes(bytes)})`}`,
    copied + replaced === 0 && bytes > 0 && `sent ${formatBytes(bytes)}`,
    tagged > 0 && `tagged ${formatCount(tagged)}`,
    untagged > 0 && `untagged ${formatCount(untagged)}`,
    removed > 0 && `removed ${formatCount(removed)}`,
  ].filter((part) => part !== false);
  const at = countOf(mirrors.filter(({ done }) => done > 0).length, "mirror");
  if (parts.length > 0) parts.push(`${parts.pop()} in ${at}`);
  else parts.push(failures.length > 0 ? "nothing done" : "nothing to do");
  return `${parts.join(", ")}${failures.length > 0 ? `; ${countOf(failures.length, "failure")}` : ""}`;
}
