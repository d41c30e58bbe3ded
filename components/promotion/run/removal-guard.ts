import { ofOneWord } from "../text/one-word.ts";
import { splitLines } from "../text/split-lines.ts";

/** A run would remove more of a project than one run may. */
export class RemovalRefused extends Error {}

/**
 * The references (`image@sha256:<hex>`, `image:tag`, or paths of files) that a project withdraws: their removal is confirmed and does not count.
 * @param lines each begins with one of them.
 */
export function withdrawnReferences(lines: string | undefined): ReadonlySet<string> {
  return new Set(splitLines(lines ?? "").map((line) => ofOneWord(line.split(" ", 1)[0]!)));
}

/**
 * Stops a run that would remove more than the project's share of what it has in production.
 * @param what is counted, for the message: `files`.
 * @throws {@link RemovalRefused}, whose message the caller completes with how to confirm.
 */
export function guardRemoval(project: string, what: string, removing: number, present: number, share: number): void {
  if (removing <= share * present) return;
  const percent = Math.round((removing / present) * 100);
  throw new RemovalRefused(
    `${project}: this would remove ${removing} of ${present} ${what} from production (${percent}%), ` +
      `more than the ${Math.round(share * 100)}% that removalShare in its project.yaml allows`,
  );
}

/**
 * The same for a project that leaves mirrors because its regions change: production keeps all of it, in fewer places.
 * @throws {@link RemovalRefused}
 */
export function guardPlacement(project: string, leaving: number, held: number, share: number): void {
  if (leaving <= share * held) return;
  const percent = Math.round((leaving / held) * 100);
  throw new RemovalRefused(
    `${project}: this would remove the whole project from ${leaving} of its ${held} mirrors (${percent}%), ` +
      `more than the ${Math.round(share * 100)}% that removalShare in its project.yaml allows`,
  );
}
