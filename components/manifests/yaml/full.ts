import { Composer, type CST, type Document, isAlias, isCollection, isMap, isPair, isScalar, isSeq, Parser } from "yaml";
import { escapeUnprintable } from "../../promotion/text/printable.ts";
import type { Entry, Fault, Node, Parsed, ScalarNode } from "./tree.ts";

/** Deeper than any manifest goes (list, map, dmap, tags), far above where recursion would hurt. */
const maximalDepth = 20;
/** Longest line that is read. The parser's work on one line of nested indicators is what this bounds. */
const maximalLine = 64 * 1024;
/** A broken text breaks in many places at once; the first few say where. */
const maximalFaults = 5;

/**
 * Parses any YAML text of one document by the `yaml` package, in time linear to its length, and refuses what a manifest
 * has no use for: anchors, aliases (never followed, so none can explode), tags, merge keys, complex keys, more
 * than one document, nesting deeper than 20. The text must have no byte order mark. Never throws.
 */
export function parseFull(text: string): Parsed {
  const tooBig = outsize(text);
  if (tooBig !== undefined) return { ok: false, faults: [tooBig] };
  const tokens: CST.Token[] = [];
  let documents = 0;
  for (const token of new Parser().parse(text)) {
    if (token.type === "document" && ++documents === 2) return { ok: false, faults: [secondDocument(token.offset)] };
    const deep = depthFault(token);
    if (deep !== undefined) return { ok: false, faults: [deep] };
    tokens.push(token);
  }
  const faults: Fault[] = [];
  let root: Node | undefined;
  for (const document of composed(tokens, text.length)) {
    // The package's messages quote the text.
    for (const { pos, message } of document.errors)
      faults.push({ start: Math.max(0, pos[0]), message: `not YAML: ${escapeUnprintable(message.slice(0, 200))}` });
    if (faults.length === 0) root = nodeOf(document.contents, faults);
  }
  return faults.length === 0 ? { ok: true, root } : { ok: false, faults: shortened(faults, text) };
}

/**
 * The documents of some tokens. Their faults are Error objects, of which broken text makes one a character: their
 * stacks, most of the time taken, are left out.
 */
function composed(tokens: readonly CST.Token[], length: number): Document.Parsed[] {
  const composer = new Composer({ schema: "failsafe", uniqueKeys: false, prettyErrors: false, logLevel: "silent" });
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  try {
    return [...composer.compose(tokens, true, length)];
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}

function secondDocument(start: number): Fault {
  return {
    start,
    message:
      "a second YAML document starts here; a manifest is one document: remove the --- line or move this to a file of its own",
  };
}

/** Limits checked before the parser sees the text: line length and bracket nesting. */
function outsize(text: string): Fault | undefined {
  let lineStart = 0;
  let open = 0;
  for (let index = 0; index <= text.length; index++) {
    const code = index === text.length ? 10 : text.charCodeAt(index);
    if (code === 10) {
      if (index - lineStart > maximalLine)
        return { start: lineStart, message: `the line is longer than ${maximalLine} characters` };
      lineStart = index + 1;
    } else if (code === 91 || code === 123) {
      if (++open > 1000) return { start: index, message: `nested deeper than ${maximalDepth} levels` };
    } else if ((code === 93 || code === 125) && open > 0) open--;
  }
  return undefined;
}

/** Walks the concrete syntax without recursion, because the composer that comes next does recurse. */
function depthFault(token: CST.Token): Fault | undefined {
  const work: { token: CST.Token; depth: number }[] = [{ token, depth: 0 }];
  for (let next = work.pop(); next !== undefined; next = work.pop()) {
    const { depth } = next;
    if (depth > maximalDepth) return { start: next.token.offset, message: `nested deeper than ${maximalDepth} levels` };
    if (next.token.type === "document" && next.token.value) work.push({ token: next.token.value, depth });
    if ("items" in next.token)
      for (const item of next.token.items) {
        if (item.key) work.push({ token: item.key, depth: depth + 1 });
        if (item.value) work.push({ token: item.value, depth: depth + 1 });
      }
  }
  return undefined;
}

function nodeOf(node: unknown, faults: Fault[]): Node | undefined {
  if (node === null) return undefined;
  if (isAlias(node)) return refused(faults, node.range?.[0] ?? 0, "aliases (*name) are not read: write the value out");
  if (!isScalar(node) && !isCollection(node)) return refused(faults, 0, "not YAML that a manifest can hold");
  const [start, valueEnd] = node.range ?? [0, 0];
  if (node.anchor !== undefined) return refused(faults, start, "anchors (&name) are not read: remove it");
  if (node.tag !== undefined) return refused(faults, start, "YAML tags (!name) are not read: remove it");
  if (isScalar(node))
    return {
      kind: "scalar",
      text: String(node.value),
      plain: node.type === "PLAIN" || node.type === undefined,
      start,
      end: valueEnd,
    };
  if (isSeq(node)) {
    const items: Node[] = [];
    for (const item of node.items) {
      const made = isPair(item)
        ? refused(faults, start, "a `key: value` in a list needs braces or a line of its own")
        : nodeOf(item, faults);
      if (made !== undefined) items.push(made);
    }
    return { kind: "list", items, start, end: node.flow ? valueEnd : (items.at(-1)?.end ?? start) };
  }
  const entries: Entry[] = [];
  if (isMap(node))
    for (const pair of node.items) {
      const key = keyOf(pair.key, faults, start);
      const value = pair.value === null && key !== undefined ? emptyAt(key.end) : nodeOf(pair.value, faults);
      if (key !== undefined && value !== undefined) entries.push({ key, value });
    }
  return { kind: "map", entries, start, end: node.flow ? valueEnd : (entries.at(-1)?.value.end ?? start) };
}

function keyOf(node: unknown, faults: Fault[], start: number): ScalarNode | undefined {
  const key = nodeOf(node, faults);
  if (key === undefined || key.kind === "scalar") return key;
  return refused(faults, start, "a key must be text, not a list or a map");
}

/** `{a, b}` has keys without even an empty value node. */
function emptyAt(start: number): ScalarNode {
  return { kind: "scalar", text: "", plain: true, start, end: start };
}

function refused(faults: Fault[], start: number, message: string): undefined {
  faults.push({ start, message });
  return undefined;
}

/** The first faults, one a line: what follows on the same line mostly comes of the first. */
function shortened(faults: readonly Fault[], text: string): Fault[] {
  const kept: Fault[] = [];
  for (const fault of faults.toSorted((one, other) => one.start - other.start)) {
    const last = kept.at(-1);
    if (last === undefined || text.slice(last.start, fault.start).includes("\n")) kept.push(fault);
    if (kept.length === maximalFaults) break;
  }
  return kept;
}
