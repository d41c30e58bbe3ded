import { amount } from "./amount.ts";
import type { Progress } from "./request.ts";

/**
 * Makes a status line of progress, at most one a second in the beginning and one in five later: in a terminal they replace each
 * other, in a CI log each is a line.
 * @param say shows one line.
 */
export function progressLine(say: (line: string) => void, now: () => number = Date.now): (progress: Progress) => void {
  const began = now();
  let last = began;
  return (progress) => {
    const time = now();
    if (time - last < (time - began < 10_000 ? 1_000 : 5_000)) return;
    last = time;
    say(describe(progress, (time - began) / 1_000));
  };
}

/** One line of a run's progress, e.g. `12 of 57, 31.2 MiB, 4.1 MiB/s; us 6/20, eu 6/20 (1 failed)`. */
export function describe(progress: Progress, seconds: number): string {
  const parts = [`${count(progress.done)} of ${count(progress.total)}`];
  if (progress.bytes > 0) parts.push(`${amount(progress.bytes)}, ${amount(progress.bytes / seconds)}/s`);
  const busy = progress.mirrors.filter(({ total }) => total > 0);
  const mirrors = busy.slice(0, shownMirrors).map(({ name, done, total, failed }) => {
    return `${name} ${count(done)}/${count(total)}${failed > 0 ? ` (${count(failed)} failed)` : ""}`;
  });
  if (busy.length > shownMirrors) mirrors.push(`${busy.length - shownMirrors} more`);
  return `${parts.join(", ")}${mirrors.length > 0 ? `; ${mirrors.join(", ")}` : ""}`;
}

/** A row of a terminal has no place for more. */
const shownMirrors = 4;

function count(n: number): string {
  return n.toLocaleString("en-US");
}
