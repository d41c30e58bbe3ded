import { otherReading } from "./scalars.ts";
import { Source } from "./source.ts";
import { lineEndOf } from "./text-lines.ts";
import { parseYaml } from "./yaml/parse.ts";
import type { Node } from "./yaml/tree.ts";

/** A manifest that a command cannot edit, or an edit that it does not admit: for people. */
export class EditError extends Error {}

/** How a kind of manifest is understood: as a model that an edit's meaning can be said in, and compared by. */
export interface Understanding<Model> {
  readonly read: (root: Node | undefined, source: Source) => Model;
  /** Lines that say all of it, in any order. */
  readonly describe: (model: Model) => readonly string[];
}

/**
 * Edits a text and makes sure that it then says exactly what was meant, no more and no less: a mistake of an edit must
 * not become a promotion. Keeps a byte order mark. Throws EditError for text with errors and for a spelling that the
 * edit did not grasp.
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

/** Says that a place is written in a way that commands do not edit. */
export function notInLines(content: string, node: Node): EditError {
  const { line } = new Source("", content).position(node.start);
  return new EditError(
    `line ${line} is in flow style ({} or []), which commands do not edit: write each key on its own line, or edit it by hand`,
  );
}

/** Whether a list or map is written in brackets or braces, not in lines. */
export function inBraces(content: string, node: Node): boolean {
  return node.kind !== "scalar" && /[[{]/.test(content.charAt(node.start));
}

/**
 * Text as a YAML scalar: plain, as most manifests have names, unless some reader would take that for something else.
 */
export function plainOrQuoted(text: string): string {
  const plain = /^[A-Za-z0-9_][A-Za-z0-9._/+-]*$/.test(text) && !/^null$/i.test(text);
  return plain && otherReading({ text, plain: true }) === undefined ? text : JSON.stringify(text);
}

/** Lines at the end of a text that holds nothing but comments. */
export function appended(content: string, lines: readonly string[]): string {
  const newline = lineEndOf(content);
  return `${content === "" || content.endsWith("\n") ? content : content + newline}${lines.join(newline)}${newline}`;
}

function parsed(content: string): Node | undefined {
  const result = parseYaml(content);
  if (!result.ok) throw new EditError(`the manifest has errors: ${result.faults[0]?.message ?? "unknown"}`);
  return result.root;
}
