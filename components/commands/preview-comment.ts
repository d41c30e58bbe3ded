import { countOf } from "../promotion/text/count-of.ts";
import { formatCount } from "../promotion/text/format-count.ts";
import { printableLines } from "../promotion/text/printable.ts";
import { longestRun } from "./markdown-code.ts";

/** GitHub takes 65,536 characters as one comment or issue. Room is left for what a caller puts around it. */
const maximalLength = 60_000;
/** More comments than that nobody reads: what is beyond them is in the run's artifact, and the last one says so. */
const maximalComments = 8;
/** Longer lines are shown in several, so that each fits into a comment. */
const maximalLine = 10_000;

/** A report for GitHub. */
export interface GithubReport {
  /** An HTML comment at the start of each comment, by which a later report finds this one to replace it. */
  readonly marker: string;
  readonly title: string;
  /** Markdown that is read first. Nothing in it is hostile: names stand in it as markdownCode makes them. */
  readonly summary?: string;
  /** Texts that are shown folded, as they are: hostile, in any length. */
  readonly details: readonly Detail[];
  /** Where the whole output is. */
  readonly runUrl: string;
  /** The artifact of that run which has all of it; default `preview`. */
  readonly artifact?: string;
}

/** A text with a heading of its own. */
export interface Detail {
  readonly heading: string;
  readonly text: string;
}

/**
 * A report as comments of GitHub, each within its limit of length: the summary, then the details in diff blocks that nothing inside can close.
 * Nothing is left out in silence.
 */
export function reportComments(report: GithubReport): string[] {
  const { marker, title, summary = "", details, runUrl, artifact = "preview" } = report;
  const pages = pagesOf(details, maximalLength - summary.length);
  const shown = pages.slice(0, maximalComments);
  const missing = pages
    .slice(maximalComments)
    .flat()
    .reduce((sum, { lines }) => sum + lines.length, 0);
  return shown.map((page, index) => {
    const number = shown.length === 1 ? "" : ` (${index + 1} of ${shown.length})`;
    const rest =
      missing > 0 && index === shown.length - 1
        ? `**${countOf(missing, "more line")}** of the details did not fit: the whole is the artifact \`${artifact}\` of [the run](${runUrl}).\n\n`
        : "";
    return [
      `<!-- ${marker} ${index + 1} -->\n### ${title}${number}\n\n`,
      index === 0 && summary !== "" ? `${summary}\n\n` : "",
      ...page.map(blockText),
      rest,
      `[The run](${runUrl})\n`,
    ].join("");
  });
}

/** A report as one text for an issue, which has no comments of its own: what does not fit is counted, and is in the run. */
export function reportIssue({ marker, title, details, runUrl }: GithubReport): string {
  const [page = []] = pagesOf(details, maximalLength);
  const all = details.reduce((sum, { text }) => sum + linesOf(text).length, 0);
  const missing = all - page.reduce((sum, { lines }) => sum + lines.length, 0);
  const cut = missing === 0 ? "" : `${countOf(missing, "more line")}: see [the run](${runUrl}).\n\n`;
  const blocks = page.map(({ lines }) => fenced(lines)).join("");
  return `<!-- ${marker} -->\n### ${title}\n\n${blocks}${cut}[The run](${runUrl})\n`;
}

/** Lines of one detail that stand in one block. */
interface Block {
  readonly heading: string;
  readonly lines: readonly string[];
  /** 1-based: the number of the first line. */
  readonly from: number;
  /** How many lines the detail has. */
  readonly of: number;
}

/** The details in pages. The first has `room` characters for its blocks, the others all of a comment. */
function pagesOf(details: readonly Detail[], room: number): Block[][] {
  const pages: Block[][] = [[]];
  let left = room;
  for (const { heading, text } of details) {
    const lines = linesOf(text);
    for (let from = 0; from < lines.length; ) {
      // Two fences, each as long as the longest can be, and the words around them.
      const around = 2 * maximalFence(lines) + heading.length + 200;
      const taken = fitting(lines, from, left - around);
      if (taken === 0) {
        pages.push([]);
        left = maximalLength;
        continue;
      }
      const block = { heading, lines: lines.slice(from, from + taken), from: from + 1, of: lines.length };
      pages.at(-1)!.push(block);
      left -= around + block.lines.reduce((sum, line) => sum + line.length + 1, 0);
      from += taken;
    }
  }
  return pages;
}

function fitting(lines: readonly string[], from: number, room: number): number {
  let length = 0;
  let count = 0;
  for (let index = from; index < lines.length; index++) {
    length += lines[index]!.length + 1;
    if (length > room) break;
    count++;
  }
  return count;
}

function maximalFence(lines: readonly string[]): number {
  return lines.reduce((longest, line) => Math.max(longest, longestRun(line) + 1), 3);
}

function blockText({ heading, lines, from, of }: Block): string {
  const last = formatCount(from + lines.length - 1);
  const part =
    lines.length === of ? countOf(of, "line") : `lines ${formatCount(from)} to ${last} of ${formatCount(of)}`;
  return `<details><summary>${heading}: ${part}</summary>\n\n${fenced(lines)}</details>\n\n`;
}

/** A fence that is longer than any run of backticks inside is closed by nothing inside (CommonMark 0.31.2, "Fenced code blocks"). */
function fenced(lines: readonly string[]): string {
  const fence = "`".repeat(maximalFence(lines));
  return `${fence}diff\n${lines.join("\n")}\n${fence}\n\n`;
}

function linesOf(text: string): string[] {
  const clean = printableLines(text).replace(/^\n+/, "").trimEnd();
  return clean === "" ? [] : clean.split("\n").map(signFirst).flatMap(pieces);
}

/** The engine indents what it changes; GitHub colours a line by its first character. */
function signFirst(line: string): string {
  return line.replace(
    /^( +)([-+~])( )/,
    (_, indent: string, sign: string, space: string) => `${sign === "~" ? "!" : sign}${indent}${space}`,
  );
}

function pieces(line: string): string[] {
  if (line.length <= maximalLine) return [line];
  return line.match(new RegExp(`.{1,${maximalLine}}`, "gsu")) ?? [];
}
