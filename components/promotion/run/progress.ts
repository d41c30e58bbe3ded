import { formatBytes } from "../text/format-bytes.ts";
import { formatCount } from "../text/format-count.ts";
import type { MirrorProgress, Progress } from "./request.ts";

/** The clock and the environment variables, which tests replace. */
interface ProgressOptions {
  readonly now?: () => number;
  readonly environment?: NodeJS.ProcessEnv;
}

/**
 * Creates a reporter of progress lines. In a terminal each line replaces the previous one: one a second at first, one
 * in five seconds later. In a CI log each line stays, among those of all other projects: the first after ten seconds,
 * then one every half minute, and after ten minutes one every two minutes, so that the log of a run of two hours over
 * a hundred projects stays readable.
 * @param say shows one line.
 */
export function progressLine(
  say: (line: string) => void,
  { now = Date.now, environment = process.env }: ProgressOptions = {},
): (progress: Progress) => void {
  const pauses = isLogged(environment) ? pausesInLog : pausesInTerminal;
  const began = now();
  let last = began;
  return (progress) => {
    const time = now();
    const pause = pauses.findLast(({ after }) => time - began >= after)!;
    if (time - last < pause.ms) return;
    last = time;
    say(lineOf(progress, (time - began) / 1_000));
  };
}

/** After so many ms of a run: so many ms between two lines. */
const pausesInTerminal = [
  { after: 0, ms: 1_000 },
  { after: 10_000, ms: 5_000 },
];
const pausesInLog = [
  { after: 0, ms: 10_000 },
  { after: 20_000, ms: 30_000 },
  { after: 600_000, ms: 120_000 },
];

/**
 * Variables that CI systems set (GitHub Actions, GitLab, Cloud Build by its templates), and Cloud Run for the tasks
 * of a job. They are needed because the plugin's own output is never a terminal.
 */
function isLogged({ CI, CLOUD_RUN_JOB }: NodeJS.ProcessEnv): boolean {
  return CLOUD_RUN_JOB !== undefined || (CI !== undefined && !/^(|0|false)$/i.test(CI));
}

/**
 * One line of a run's progress, e.g. `12 of 60, 31.2 MiB, 4.1 MiB/s; eu 5/20 (1 failed), us 7/20`; if there are many
 * mirrors, only those that are behind.
 */
function lineOf(progress: Progress, seconds: number): string {
  const parts = [`${formatCount(progress.done)} of ${formatCount(progress.total)}`];
  if (progress.failed > 0) parts.push(`${formatCount(progress.failed)} failed`);
  if (progress.bytes > 0) parts.push(`${formatBytes(progress.bytes)}, ${formatBytes(progress.bytes / seconds)}/s`);
  const busy = progress.mirrors.filter(({ total }) => total > 0);
  const mirrors = busy.length <= shownMirrors ? busy.map(inWords) : slowest(busy);
  return `${parts.join(", ")}${mirrors.length > 0 ? `; ${mirrors.join(", ")}` : ""}`;
}

/** A row of a terminal has no room for more. */
const shownMirrors = 4;

function slowest(mirrors: readonly MirrorProgress[]): string[] {
  const open = mirrors.filter(({ done, failed, total }) => done + failed < total);
  const share = ({ done, failed, total }: MirrorProgress) => (done + failed) / total;
  const behind = open.toSorted((one, other) => share(one) - share(other)).slice(0, shownMirrors - 1);
  const ended = `${formatCount(mirrors.length - open.length)} of ${formatCount(mirrors.length)} mirrors ended`;
  return behind.length === 0 ? [ended] : [ended, `behind are ${behind.map(inWords).join(", ")}`];
}

function inWords({ name, done, total, failed }: MirrorProgress): string {
  return `${name} ${formatCount(done)}/${formatCount(total)}${failed > 0 ? ` (${formatCount(failed)} failed)` : ""}`;
}
