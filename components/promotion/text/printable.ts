/**
 * Makes hostile text safe to print. Names, tags, error messages of registries and texts of manifests are untrusted.
 * Printed unchanged, they can forge lines of a log, recolour or clear a terminal, reverse the displayed order (Trojan
 * Source, CVE-2021-42574), or run a command of the CI system that reads the log.
 */
import { stripVTControlCharacters } from "node:util";

/**
 * Everything that is not visible: Unicode's categories C (control, format, unassigned, private use, lone surrogates) and the line and
 * paragraph separators. Contains C0 and C1 controls, the zero-width characters U+200B to U+200F and U+FEFF, and the bidirectional controls
 * U+202A to U+202E and U+2066 to U+2069.
 */
const unprintable = /[\p{C}\p{Zl}\p{Zp}]/gu;
const unprintableRuns = /[\p{C}\p{Zl}\p{Zp}]+/gu;
/** As {@link unprintable}, except the line feed. */
const unprintableInLines = /[^\P{C}\n]|[\p{Zl}\p{Zp}]/gu;

/** One line for a message: unprintable characters become a space, CI commands (`::`, `##[`) are broken up, the text is cut after `length`. */
export function printable(text: string, length: number): string {
  const clean = text
    .replace(unprintableRuns, " ")
    .replace(/:(?=:)/g, ": ")
    .replace(/#(?=#\[)/g, "# ");
  return clean.length > length ? `${clean.slice(0, length).replace(/[\ud800-\udbff]$/, "")}...` : clean;
}

/**
 * The same text with each unprintable character written as `\u{hex}`: for names and paths, where nothing may be lost. `##[` is escaped
 * too, which GitHub's log reads as a command wherever it stands (actions/runner, ActionCommand.cs).
 */
export function escapeUnprintable(text: string): string {
  return text.replace(unprintable, codePoint).replace(/#(?=#\[)/g, codePoint);
}

/** Several lines of a program's output, without colours and other terminal sequences. A tab becomes a space. */
export function printableLines(text: string): string {
  return stripVTControlCharacters(text).replaceAll("\t", " ").replace(unprintableInLines, "");
}

function codePoint(character: string): string {
  return `\\u{${character.codePointAt(0)!.toString(16)}}`;
}
