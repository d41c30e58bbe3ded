import type { FirstStep } from "../stack/first-steps.ts";

/** Steps as numbered lines for a terminal, each with its commands and its note below. */
export function stepLines(steps: readonly FirstStep[]): string[] {
  return steps.flatMap(({ title, commands, note }, index) => [
    `${index + 1}. ${title}`,
    ...commands.map((command) => `     ${command}`),
    ...(note === undefined ? [] : [`   (${note})`]),
  ]);
}
