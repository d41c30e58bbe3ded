import { escapeUnprintable } from "../promotion/text/printable.ts";

/** One problem in the manifests. */
export interface Problem {
  /** An error stops the program; a warning does not. */
  readonly severity: "error" | "warning";
  /** The file's path, relative to the working directory. */
  readonly file: string;
  /** 1-based. */
  readonly line: number;
  /** 1-based, in UTF-16 units, as editors and GitHub's annotations count. */
  readonly column: number;
  /** What is wrong and what to do, on one line. Text from the manifest is always escaped by `quoted`. */
  readonly message: string;
}

/** {@link locatedMessage}, with a prefix for warnings. */
export function problemLine(problem: Problem): string {
  const { severity, message } = problem;
  return locatedMessage(severity === "warning" ? { ...problem, message: `warning: ${message}` } : problem);
}

/** `file:line:column: message`, the form that editors and terminals make clickable. Without the severity. */
export function locatedMessage({ file, line, column, message }: Omit<Problem, "severity">): string {
  // GitHub's log reads `::` at the start of a line as a command.
  return `${escapeUnprintable(file).replace(/^::/, "\\u{3a}:")}:${line}:${column}: ${message}`;
}

/** Orders problems by file, line, column, and then by message, so that the order is always the same. */
export function inReadingOrder(a: Problem, b: Problem): number {
  return compare(a.file, b.file) || a.line - b.line || a.column - b.column || compare(a.message, b.message);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/**
 * Makes text of an untrusted manifest safe for a message: in double quotes, with quotes, control characters and
 * bidirectional controls escaped, and cut after 100 characters.
 */
export function quoted(text: string): string {
  return `"${escapeUnprintable(text.length > 100 ? `${text.slice(0, 100)}…` : text).replaceAll('"', '\\"')}"`;
}
