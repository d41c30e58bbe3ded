import { otherReading } from "./scalars.ts";
import { Source } from "./source.ts";
import { lineEndOf } from "./text-lines.ts";
import { parseYaml } from "./yaml/parse.ts";
import type { Node } from "./yaml/tree.ts";

/** A manifest that a command cannot edit, or an edit that is not allowed. The message is for people. */
export class EditError extends Error {}

/** The model of a kind of manifest, in which an edit's result is described and compared. */
export interface Understanding<Model> {
  readonly read: (root: Node | undefined, source: Source) => Model;
  /** Lines that represent all of its content, in any order. */
  readonly describe: (model: Model) => readonly string[];
}

/**
 * Edits a text and checks that the result has exactly the intended content, so that a faulty edit is never promoted.
 * Keeps a byte order mark. Throws EditError for text with errors, and for a style of YAML that the edit cannot
 * handle.
 */
export function editText<Model>(
  text: string,
  { read, describe }: Understanding<Model>,
  mean: (model: Model) => void,
  edit: (content: string, root: Node | undefined) => string,
): string {
  const mark = text.startsWith("\uFEFF") ? "\uFEFF" : "";
  const content = text.slice(mark.length);
  const lines = (model: Model) => describe(model).toSorted().join("\n");
  const root = parsed(content);
  const wanted = read(root, new Source("", content));
  mean(wanted);
  const edited = edit(content, root);
  if (lines(read(parsed(edited), new Source("", edited))) !== lines(wanted))
    throw new EditError("commands cannot edit this style of YAML: edit it by hand");
  return mark + edited;
}

/** The error for flow style, which commands do not edit. */
export function notInLines(content: string, node: Node): EditError {
  const { line } = new Source("", content).position(node.start);
  return new EditError(
    `line ${line} is in flow style ({} or []), which commands do not edit: write each key on its own line, or edit it by hand`,
  );
}

/** Whether a list or map is in flow style (brackets or braces). */
export function inBraces(content: string, node: Node): boolean {
  return node.kind !== "scalar" && /[[{]/.test(content.charAt(node.start));
}

/**
 * Text as a YAML scalar: plain, as in most manifests, unless some reader would read it as another type.
 */
export function plainOrQuoted(text: string): string {
  const plain = /^[A-Za-z0-9_][A-Za-z0-9._/+-]*$/.test(text) && !/^null$/i.test(text);
  return plain && otherReading({ text, plain: true }) === undefined ? text : JSON.stringify(text);
}

/** Adds lines at the end of a text that has only comments. */
export function appended(content: string, lines: readonly string[]): string {
  const newline = lineEndOf(content);
  return `${content === "" || content.endsWith("\n") ? content : content + newline}${lines.join(newline)}${newline}`;
}

function parsed(content: string): Node | undefined {
  const result = parseYaml(content);
  if (!result.ok) throw new EditError(`the manifest has errors: ${result.errors[0]?.message ?? "unknown"}`);
  return result.root;
}
