/** What a command prints: results and notes on standard output, everything else on standard error. */
import { stripVTControlCharacters, styleText } from "node:util";

/** What the options of every command say about its output. */
export interface OutputSettings {
  /** One JSON document and nothing else on standard output. */
  readonly json?: boolean | undefined;
  /** Results and errors only. */
  readonly quiet?: boolean | undefined;
  /** Details of what is done, on standard error. */
  readonly verbose?: boolean | undefined;
}

let settings: OutputSettings = {};

/** Says once, before a command acts, how it prints. */
export function setOutput(given: OutputSettings): void {
  settings = given;
}

/** Prints the result as JSON, if that is asked for. */
export function printJson(document: unknown): void {
  if (settings.json === true) console.log(JSON.stringify(document, undefined, 2));
}

/** Prints a line of the result. An added line (`+ `) is green, a removed one (`- `) red. */
export function printResult(line: string): void {
  if (settings.json !== true) console.log(coloured(line));
}

/** Prints a result that another program reads as it is: a script, Markdown, lines for a workflow. No colours, no end of line of ours. */
export function printRaw(text: string): void {
  if (settings.json !== true) process.stdout.write(text);
}

/** Prints a summary or what to do next: what a script does not read. */
export function printNote(line: string): void {
  if (settings.json !== true && settings.quiet !== true) console.log(line);
}

/**
 * Where the output of a program goes that a command runs for its user to read: to standard output; with --json to standard error; with --quiet
 * nowhere (undefined), and the command prints it when the program has failed.
 */
export function relayedTo(): NodeJS.WriteStream | undefined {
  if (settings.quiet === true) return undefined;
  return settings.json === true ? process.stderr : process.stdout;
}

/** Prints how far long work is, to standard error. */
export function printProgress(line: string): void {
  if (settings.quiet !== true) console.error(line);
}

/** Prints what is being done, to standard error, with --verbose. */
export function printDetail(line: string): void {
  if (settings.verbose === true) console.error(line);
}

/** Prints what a program says of its failure, as it says it, to standard error. */
export function printProblem(text: string): void {
  process.stderr.write(text);
}

/** Prints an error to standard error. */
export function printError(message: string): void {
  console.error(`${paint("red", "error:", process.stderr)} ${message}`);
}

/**
 * Whether a stream gets colours: a terminal that a person reads. Not in CI, whose logs are files, and not where NO_COLOR is set (no-color.org).
 */
export function hasColours(stream: { readonly isTTY?: boolean }, env: NodeJS.ProcessEnv = process.env): boolean {
  return stream.isTTY === true && !env["NO_COLOR"] && !env["CI"] && env["TERM"] !== "dumb";
}

/** A text in a colour or weight, if the stream gets colours. */
export function paint(
  format: "red" | "green" | "yellow" | "bold" | "dim",
  text: string,
  stream: { readonly isTTY?: boolean } = process.stdout,
): string {
  return hasColours(stream) ? styleText(format, text, { validateStream: false }) : stripVTControlCharacters(text);
}

function coloured(line: string): string {
  if (line.startsWith("+ ")) return paint("green", line);
  if (line.startsWith("- ")) return paint("red", line);
  const warning = /^(.*?\bwarning:)(.*)$/s.exec(line);
  return warning === null ? line : `${paint("yellow", warning[1]!)}${warning[2]}`;
}
