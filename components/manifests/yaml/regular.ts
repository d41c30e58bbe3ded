import type { Entry, ListNode, MapNode, Node, ScalarNode } from "./tree.ts";

/**
 * Parses the plain block style that manifests are written in (indented maps and lists, one-line `[a, "b"]`, scalars
 * without escapes, comments) some twenty times faster than a whole YAML parser, or returns undefined for anything else,
 * be it another spelling or a mistake: then the caller asks parseFull. Where it answers, its tree equals parseFull's,
 * which a differential test holds it to. Linear in the text's length; never throws.
 */
export function parseRegular(text: string): { root: Node | undefined } | undefined {
  try {
    const lines = new Lines(text);
    if (lines.done) return { root: undefined };
    const root = block(lines, lines.indent, 0);
    return lines.done ? { root } : undefined;
  } catch (error) {
    if (error === irregular) return undefined;
    throw error;
  }
}

const irregular = new Error("not in the regular style");
const maximalDepth = 8;

const tab = 9;
const newline = 10;
const carriageReturn = 13;
const space = 32;
const doubleQuote = 34;
const hash = 35;
const singleQuote = 39;
const comma = 44;
const dash = 45;
const dot = 46;
const colon = 58;
const openBracket = 91;
const backslash = 92;
const closeBracket = 93;

/**
 * Characters of a plain scalar that mean nothing special in YAML wherever they stand, but for `:` at the end and `-`
 * `.` at the start.
 */
const plainCharacters = new Uint8Array(128);
for (const character of "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_./+-:")
  plainCharacters[character.charCodeAt(0)] = 1;

/** A cursor that stands at the first character of a line that holds something, or is done. */
class Lines {
  readonly text: string;
  at = 0;
  indent = 0;
  done = false;

  constructor(text: string) {
    this.text = text;
    this.next();
  }

  /** From the start of a line to the next content, over blank lines and comments. */
  next(): void {
    const { text } = this;
    for (;;) {
      const lineStart = this.at;
      while (text.charCodeAt(this.at) === space) this.at++;
      if (this.at >= text.length) {
        this.done = true;
        return;
      }
      const code = text.charCodeAt(this.at);
      if (code === tab) throw irregular;
      if (code === hash) this.skipComment();
      else if (code === newline) this.at++;
      else if (code === carriageReturn && text.charCodeAt(this.at + 1) === newline) this.at += 2;
      else {
        this.indent = this.at - lineStart;
        return;
      }
    }
  }

  /** After a value: only spaces and a comment may follow on its line. */
  finishLine(): void {
    const { text } = this;
    const end = this.at;
    while (text.charCodeAt(this.at) === space) this.at++;
    if (this.at < text.length) {
      const code = text.charCodeAt(this.at);
      if (code === newline) this.at++;
      else if (code === carriageReturn && text.charCodeAt(this.at + 1) === newline) this.at += 2;
      else if (code === hash && this.at > end) this.skipComment();
      else throw irregular;
    }
    this.next();
  }

  private skipComment(): void {
    const end = this.text.indexOf("\n", this.at);
    this.at = end === -1 ? this.text.length : end + 1;
  }
}

/**
 * The list or map whose first line the cursor is on. It ends at the first line that is not one of its own; what no list
 * or map around it takes either leaves the text unfinished, and so irregular.
 */
function block(lines: Lines, indent: number, depth: number): Node {
  if (depth > maximalDepth) throw irregular;
  return startsItem(lines) ? list(lines, indent, depth) : map(lines, indent, depth);
}

function startsItem({ text, at }: Lines): boolean {
  return text.charCodeAt(at) === dash && text.charCodeAt(at + 1) === space;
}

function list(lines: Lines, indent: number, depth: number): ListNode {
  const start = lines.at;
  const items: Node[] = [];
  while (!lines.done && lines.indent === indent && startsItem(lines)) {
    const itemStart = lines.at;
    lines.at += 2;
    while (lines.text.charCodeAt(lines.at) === space) lines.at++;
    items.push(item(lines, indent + lines.at - itemStart, depth + 1));
  }
  return { kind: "list", items, start, end: items.at(-1)?.end ?? start };
}

/** What follows a `- `: a scalar, or a map whose further keys stand below its first. */
function item(lines: Lines, column: number, depth: number): Node {
  if (lines.text.charCodeAt(lines.at) === openBracket) return flowLine(lines);
  const start = lines.at;
  const node = scalar(lines);
  if (lines.text.charCodeAt(lines.at) === colon) {
    lines.at = start;
    return map(lines, column, depth);
  }
  lines.finishLine();
  return node;
}

function map(lines: Lines, indent: number, depth: number): MapNode {
  if (depth > maximalDepth) throw irregular;
  const start = lines.at;
  const entries: Entry[] = [];
  do {
    const key = scalar(lines);
    // A longer implicit key is an error in YAML (1.2.2, section 8.2.2).
    if (lines.at - key.start > 1000 || lines.text.charCodeAt(lines.at) !== colon) throw irregular;
    lines.at++;
    entries.push({ key, value: value(lines, indent, depth) });
  } while (!lines.done && lines.indent === indent && !startsItem(lines));
  return { kind: "map", entries, start, end: entries.at(-1)?.value.end ?? start };
}

/** What follows a `key:`. */
function value(lines: Lines, indent: number, depth: number): Node {
  const { text } = lines;
  const afterColon = lines.at;
  while (text.charCodeAt(lines.at) === space) lines.at++;
  const code = text.charCodeAt(lines.at);
  if (lines.at >= text.length || code === newline || code === carriageReturn || code === hash) {
    lines.at = afterColon;
    lines.finishLine();
    if (lines.done) throw irregular;
    if (lines.indent > indent) return block(lines, lines.indent, depth + 1);
    if (lines.indent === indent && startsItem(lines)) return list(lines, indent, depth + 1);
    throw irregular;
  }
  if (lines.at === afterColon) throw irregular;
  if (code === openBracket) return flowLine(lines);
  const node = scalar(lines);
  if (text.charCodeAt(lines.at) === colon) throw irregular;
  lines.finishLine();
  return node;
}

/** `[a, "b"]` and the end of its line. */
function flowLine(lines: Lines): ListNode {
  const { text } = lines;
  const start = lines.at++;
  const items: Node[] = [];
  const skip = (): void => {
    while (text.charCodeAt(lines.at) === space) lines.at++;
  };
  skip();
  while (text.charCodeAt(lines.at) !== closeBracket) {
    const node = scalar(lines);
    if (node.plain && node.text.includes(":")) throw irregular;
    items.push(node);
    skip();
    const code = text.charCodeAt(lines.at);
    if (code === comma) {
      lines.at++;
      skip();
      if (text.charCodeAt(lines.at) === closeBracket) throw irregular;
    } else if (code !== closeBracket) throw irregular;
  }
  const end = ++lines.at;
  lines.finishLine();
  return { kind: "list", items, start, end };
}

/** One scalar; the cursor stops after it. A plain one stops before a colon that ends it. */
function scalar(lines: Lines): ScalarNode {
  const { text, at: start } = lines;
  const first = text.charCodeAt(start);
  if (first === doubleQuote || first === singleQuote) {
    let at = start + 1;
    for (let code = text.charCodeAt(at); code !== first; code = text.charCodeAt(++at))
      if (at >= text.length || code < space || code === backslash || code > 126) throw irregular;
    if (text.charCodeAt(at + 1) === singleQuote && first === singleQuote) throw irregular;
    lines.at = at + 1;
    return { kind: "scalar", text: text.slice(start + 1, at), plain: false, start, end: at + 1 };
  }
  if (first === dash || first === dot || first === colon) throw irregular;
  let at = start;
  while (plainCharacters[text.charCodeAt(at)] === 1) {
    if (text.charCodeAt(at) === colon && plainCharacters[text.charCodeAt(at + 1)] !== 1) break;
    at++;
  }
  if (at === start) throw irregular;
  lines.at = at;
  return { kind: "scalar", text: text.slice(start, at), plain: true, start, end: at };
}
