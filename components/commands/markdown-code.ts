import { escapeUnprintable } from "../promotion/text/printable.ts";

/** Longer texts are cut, visibly: the details have them. */
const maximalLength = 300;

/**
 * Hostile text as a code span of CommonMark (0.31.2, "Code spans"), where nothing in it is markup, a mention, a link or an HTML tag. Characters
 * without a picture, line ends among them, are written as `\u{hex}`.
 */
export function markdownCode(text: string): string {
  const escaped = escapeUnprintable(text);
  const shown = escaped.length > maximalLength ? `${escaped.slice(0, maximalLength)}…` : escaped;
  const fence = "`".repeat(longestRun(shown) + 1);
  // One space at each end is not part of the code; without it, a backtick there would belong to the fence.
  const space = /^`|`$|^ .* $|^$/.test(shown) ? " " : "";
  return `${fence}${space}${shown}${space}${fence}`;
}

/** The length of the longest run of backticks. */
export function longestRun(text: string): number {
  let longest = 0;
  for (const [run] of text.matchAll(/`+/g)) longest = Math.max(longest, run.length);
  return longest;
}
