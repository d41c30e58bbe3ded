import { countOf } from "../promotion/text/count-of.ts";
import { printableLines } from "../promotion/text/printable.ts";

/** Most that GitHub takes as one comment or issue: 65,536 characters. Room is left for what a caller puts around it. */
const maximalLength = 60_000;

/**
 * The output of `pulumi preview --diff` as Markdown: a diff block in which changes have their colours, cut to what GitHub takes, with a word on how
 * much is missing. The marker, an HTML comment, is how a later report finds this one to replace it.
 */
export function previewReport({
  marker,
  title,
  output,
  runUrl,
}: {
  readonly marker: string;
  readonly title: string;
  readonly output: string;
  /** Where the whole output is. */
  readonly runUrl: string;
}): string {
  const lines = printableLines(output).replace(/^\n+/, "").trimEnd().split("\n").map(signFirst);
  const fence = "`".repeat(Math.max(3, longestFence(output) + 1));
  const kept: string[] = [];
  let length = 0;
  for (const line of lines) {
    length += line.length + 1;
    if (length > maximalLength) break;
    kept.push(line);
  }
  const missing = lines.length - kept.length;
  const cut = missing === 0 ? "" : `\n${countOf(missing, "more line")}: see [the run](${runUrl}).\n`;
  return `<!-- ${marker} -->\n### ${title}\n\n${fence}diff\n${kept.join("\n")}\n${fence}\n${cut}\n[The run](${runUrl})\n`;
}

/** The engine indents what it changes; GitHub colours a line by its first character. */
function signFirst(line: string): string {
  return line.replace(
    /^( +)([-+~])( )/,
    (_, indent: string, sign: string, space: string) => `${sign === "~" ? "!" : sign}${indent}${space}`,
  );
}

function longestFence(text: string): number {
  return Math.max(0, ...(text.match(/`+/g) ?? []).map((run) => run.length));
}
