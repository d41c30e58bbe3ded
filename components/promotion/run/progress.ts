import { formatBytes } from "../text/format-bytes.ts";
import { formatCount } from "../text/format-count.ts";
import { cloudRunTask } from "./cloud-run-task.ts";
import type { MirrorProgress, Progress } from "./request.ts";

/** The clock, the timer and the environment variables, which tests replace. */
interface ProgressOptions {
  readonly now?: () => number;
  readonly environment?: NodeJS.ProcessEnv;
  /** Calls back once after so many ms. @returns cancels it. */
  readonly after?: (ms: number, act: () => void) => () => void;
}

/**
 * Creates a reporter of progress lines. In a terminal each line replaces the previous one: one a second at first, one
 * in five seconds later. In a CI log each line stays, among those of all other projects: the first after ten seconds,
 * then one every half minute. A mirror in which nothing happens for 20 s is named, also when nothing happens anywhere. If any line was shown,
 * the last one has the final counts.
 * @param say shows one line.
 */
export function progressLine(
  say: (line: string) => void,
  { now = Date.now, environment = process.env, after = afterMs }: ProgressOptions = {},
): (progress: Progress) => void {
  const pauses = isLogged(environment) ? pausesInLog : pausesInTerminal;
  const began = now();
  const moves = new Map<string, { readonly state: string; readonly at: number }>();
  let last = began;
  let hasShown = false;
  let cancel = () => {};
  const show = (progress: Progress, time: number): void => {
    last = time;
    hasShown = true;
    say(lineOf(progress, (time - began) / 1_000, standing(progress, moves, time)));
  };
  return (progress) => {
    const time = now();
    for (const { name, done, failed, bytes } of progress.mirrors) {
      const state = `${done} ${failed} ${bytes}`;
      if (moves.get(name)?.state !== state) moves.set(name, { state, at: time });
    }
    cancel();
    const ended = progress.done + progress.failed >= progress.total;
    if (!ended) cancel = after(stillMs, () => show(progress, now()));
    const pause = pauses.findLast((one) => time - began >= one.after)!;
    if (time - last >= pause.ms || (ended && hasShown)) show(progress, time);
  };
}

/** A mirror in which nothing happens for so long stands still. */
const stillMs = 20_000;

/** The mirrors with work left in which nothing happens, in words. */
function standing({ mirrors }: Progress, moves: ReadonlyMap<string, { readonly at: number }>, time: number): string[] {
  return mirrors.flatMap(({ name, done, failed, total }) => {
    const still = time - (moves.get(name)?.at ?? time);
    return done + failed < total && still >= stillMs ? [`${name} stands still for ${inMinutes(still / 1_000)}`] : [];
  });
}

function afterMs(ms: number, act: () => void): () => void {
  const timer = setTimeout(act, ms).unref();
  return () => clearTimeout(timer);
}

/** After so many ms of a run: so many ms between two lines. */
const pausesInTerminal = [
  { after: 0, ms: 1_000 },
  { after: 10_000, ms: 5_000 },
];
const pausesInLog = [
  { after: 0, ms: 10_000 },
  { after: 20_000, ms: 30_000 },
];

/**
 * Variables that CI systems set (GitHub Actions, GitLab, Cloud Build by its templates), and Cloud Run for the tasks
 * of a job. They are needed because the plugin's own output is never a terminal.
 */
function isLogged(environment: NodeJS.ProcessEnv): boolean {
  const { CI } = environment;
  return cloudRunTask(environment).job !== undefined || (CI !== undefined && !/^(|0|false)$/i.test(CI));
}

/**
 * One line of a run's progress, e.g. `12 of 60, 31.2 MiB, 4.1 MiB/s, about 2 min left; eu 5/20 (1 failed), us 7/20`; if
 * there are many mirrors, only those that are behind.
 * @param still what stands still, in words.
 */
function lineOf(progress: Progress, seconds: number, still: readonly string[]): string {
  const parts = [`${formatCount(progress.done)} of ${formatCount(progress.total)}`];
  if (progress.failed > 0) parts.push(`${formatCount(progress.failed)} failed`);
  if (progress.bytes > 0) parts.push(`${formatBytes(progress.bytes)}, ${formatBytes(progress.bytes / seconds)}/s`);
  const left = progress.total - progress.done - progress.failed;
  if (left > 0 && progress.done > 0 && seconds >= settledSeconds)
    parts.push(`about ${inMinutes((seconds / progress.done) * left)} left`);
  const busy = progress.mirrors.filter(({ total }) => total > 0);
  const mirrors = busy.length <= shownMirrors ? busy.map(inWords) : slowest(busy);
  return [parts.join(", "), mirrors.join(", "), still.join(", ")].filter((part) => part !== "").join("; ");
}

/** Before so many seconds a rate says nothing of what is to come. */
const settledSeconds = 10;

/** A duration: `40 s`, `3 min`, `2 h 10 min`. */
function inMinutes(seconds: number): string {
  if (seconds < 90) return `${Math.max(1, Math.round(seconds))} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 120 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
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
