import { escapeUnprintable } from "../promotion/text/printable.ts";

/** One thing to mend in the manifests. */
export interface Problem {
  /** An error stops the program; a warning does not. */
  readonly severity: "error" | "warning";
  /** The file's path as the user can open it from where the command runs. */
  readonly file: string;
  /** 1-based. */
  readonly line: number;
  /** 1-based, in UTF-16 units, as editors and GitHub's annotations count. */
  readonly column: number;
  /** What is wrong and what to do, on one line; text from the manifest is in it only as `quoted` makes it. */
  readonly message: string;
}

/** {@link locatedMessage}; warnings say that they are. */
export function problemLine(problem: Problem): string {
  const { severity, message } = problem;
  return locatedMessage(severity === "warning" ? { ...problem, message: `warning: ${message}` } : problem);
}

/** `file:line:column: message`, the form that editors and terminals make clickable; for a reader who is told the severity. */
export function locatedMessage({ file, line, column, message }: Omit<Problem, "severity">): string {
  // At the start of a line GitHub's log reads `::` as a command.
  return `${escapeUnprintable(file).replace(/^::/, "\\u{3a}:")}:${line}:${column}: ${message}`;
}

/** Orders problems as one reads: by file, line, column; then by message, so that the order is always the same. */
export function inReadingOrder(a: Problem, b: Problem): number {
  return compare(a.file, b.file) || a.line - b.line || a.column - b.column || compare(a.message, b.message);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/**
 * Text of an untrusted manifest made fit for a message: in double quotes, control characters, quotes and what steers
 * terminals or bidirectional text escaped, cut off after 100 characters.
 */
export function quoted(text: string): string {
  return `"${escapeUnprintable(text.length > 100 ? `${text.slice(0, 100)}…` : text).replaceAll('"', '\\"')}"`;
}
