import { Composer, type CST, type Document, isAlias, isCollection, isMap, isScalar, isSeq, Lexer, Parser } from "yaml";
import { escapeUnprintable } from "../../promotion/text/printable.ts";
import { oddCharacter } from "../odd-character.ts";
import { treeFromEvents } from "./from-events.ts";
import type { Entry, Node, Parsed, ScalarNode, YamlError } from "./tree.ts";

/**
 * Deeper than any manifest (5: map, list, map, map, list), and far below the depth at which the parser's recursion
 * would overflow.
 */
const maximalDepth = 20;
/** Longest line that is read, in UTF-16 units; the longest lines of real manifests have some thousand. */
const maximalLine = 64 * 1024;
/**
 * Most lexemes (indents, scalars, indicators, line ends) that are read: some ten seconds of work and 1 GiB at the worst. A list of digests
 * has about ten a line, so that one of 4 MiB, the longest file that is read, stays below.
 */
const maximalLexemes = 1_000_000;
/** One mistake can cause many errors; the first few are enough to find it. */
const maximalErrors = 5;

/**
 * Parses a manifest's text (one YAML document, without byte order mark), in time linear to its length: by js-yaml if all of its lines are simple,
 * else, and to say what is wrong, by the `yaml` package, which both read alike.
 * Refuses what a manifest does not need: anchors, aliases (never followed, so none can explode), tags, complex keys, more
 * than one document, lines longer than 64 Ki, nesting deeper than 20. Never throws.
 */
export function parseYaml(text: string): Parsed {
  const tree = treeFromEvents(text, { depth: maximalDepth, line: maximalLine, lexemes: maximalLexemes });
  return tree === undefined ? parseAnyYaml(text) : { ok: true, root: tree.root };
}

/** As {@link parseYaml}, by the `yaml` package alone. @internal */
export function parseAnyYaml(text: string): Parsed {
  const long = longLine(text);
  if (long !== undefined) return { ok: false, errors: [long] };
  const conflict = mergeConflict(text);
  if (conflict !== undefined) return { ok: false, errors: [conflict] };
  const read = tokensOf(text);
  if ("error" in read) return { ok: false, errors: [read.error] };
  const documents = composed(read.tokens, text.length);
  const notYaml = documents.flatMap((document) => document.errors);
  if (notYaml.length > 0) {
    const found = notYaml.map(({ pos, message }) => ({ start: Math.max(0, pos[0]), message }));
    return {
      ok: false,
      errors: firstOfEachLine(found, text).map((error) => oddSpace(error, text) ?? fromPackage(error)),
    };
  }
  const errors: YamlError[] = [];
  const root = nodeOf(documents[0]?.contents ?? null, errors);
  return errors.length === 0 ? { ok: true, root } : { ok: false, errors: firstOfEachLine(errors, text) };
}

/** What a merge leaves where two sides changed the same lines (git-merge, "How conflicts are presented"). */
function mergeConflict(text: string): YamlError | undefined {
  const marks = [/^<{7}(?: |$)/m, /^>{7}(?: |$)/m, /^={7}\r?$/m, /^\|{7}(?: |\r?$)/m];
  const start = marks.map((mark) => mark.exec(text)?.index).find((index) => index !== undefined);
  if (start === undefined) return undefined;
  return {
    start,
    message:
      "a merge left its conflict here: keep the lines of one side, or of both, and remove the <<<<<<<, ======= and >>>>>>> lines",
  };
}

/** What passes for a space in most fonts, or for nothing, in the line of an error: YAML takes it for a letter. */
function oddSpace({ start }: YamlError, text: string): YamlError | undefined {
  const begin = text.lastIndexOf("\n", start - 1) + 1;
  const line = /.*/.exec(text.slice(begin))![0];
  const at = line.search(/[\u00a0\u1680\u2000-\u200f\u2028-\u202f\u205f-\u2064\u3000\ufeff]/);
  if (at < 0) return undefined;
  const which = oddCharacter(line.charAt(at), /[\x20-\x7e]/);
  return {
    start: begin + at,
    message: `not YAML: the line has ${which}, which YAML takes for a letter: type it again`,
  };
}

/** A message of the package, which may quote the text. */
function fromPackage({ start, message }: YamlError): YamlError {
  return { start, message: `not YAML: ${escapeUnprintable(message.slice(0, 200))}` };
}

function longLine(text: string): YamlError | undefined {
  for (let start = 0; start <= text.length; ) {
    const newline = text.indexOf("\n", start);
    const end = newline === -1 ? text.length : newline;
    if (end - start > maximalLine)
      return {
        start,
        message: `the line has ${end - start} characters, ${maximalLine} at most: break it into several lines`,
      };
    start = end + 1;
  }
  return undefined;
}

/** What a text is made of, read without the environment: the parser looks at LOG_TOKENS for each lexeme, which was a third of its time. */
function tokensOf(text: string): Tokens {
  const { env } = process;
  process.env = {};
  try {
    return limitedTokens(text);
  } finally {
    process.env = env;
  }
}

type Tokens = { readonly tokens: readonly CST.Token[] } | { readonly error: YamlError };

/**
 * The concrete syntax of a text. The parser receives one lexeme at a time, and the depth of its stack (one entry for
 * each open list, map and scalar) is checked after each, because the parser and the composer close open nodes by
 * recursion.
 */
function limitedTokens(text: string): Tokens {
  const parser = new Parser();
  const tokens: CST.Token[] = [];
  let documents = 0;
  let lexemes = 0;
  for (const lexeme of new Lexer().lex(text)) {
    if (++lexemes > maximalLexemes) return { error: tooMuch(parser.offset) };
    for (const token of parser.next(simplyQuoted(lexeme))) {
      if (token.type === "document" && ++documents === 2) return { error: secondDocument(token.offset) };
      tokens.push(token);
    }
    // The lowest entry is the document.
    if (parser.stack.length > maximalDepth + 2) return { error: tooDeep(parser.stack.at(-1)?.offset ?? 0) };
  }
  for (const token of parser.end()) {
    if (token.type === "document" && ++documents === 2) return { error: secondDocument(token.offset) };
    tokens.push(token);
  }
  return { tokens };
}

/**
 * A text in double quotes without escapes as one in single quotes, which has the same value and length. The package builds the value of one in
 * double quotes character by character: for a list of digests that was half of the memory.
 */
function simplyQuoted(lexeme: string): string {
  return /^"[^"\\'\r\n]*"$/.test(lexeme) ? `'${lexeme.slice(1, -1)}'` : lexeme;
}

function secondDocument(start: number): YamlError {
  return {
    start,
    message:
      "a second YAML document starts here; a manifest is one document: remove the --- line or move this to a file of its own",
  };
}

function tooMuch(start: number): YamlError {
  return { start, message: "more than a million YAML tokens up to here: split it into several files" };
}

function tooDeep(start: number): YamlError {
  return {
    start,
    message: `nested deeper than ${maximalDepth} levels; a manifest needs 5: remove the extra dashes, brackets or indentation`,
  };
}

/**
 * The documents of some tokens. Broken text may create an Error object for each character; they are created without
 * stacks, which would take most of the time.
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

function nodeOf(node: unknown, errors: YamlError[]): Node | undefined {
  if (node === null) return undefined;
  if (isAlias(node))
    return refused(errors, node.range?.[0] ?? 0, "aliases (*name) are not supported: write the value out");
  if (!isScalar(node) && !isCollection(node)) return refused(errors, 0, "this YAML is not supported in a manifest");
  const [start, valueEnd] = node.range ?? [0, 0];
  if (node.anchor !== undefined) return refused(errors, start, "anchors (&name) are not supported: remove it");
  if (node.tag !== undefined) return refused(errors, start, "YAML tags (!name) are not supported: remove it");
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
      const made = nodeOf(item, errors);
      if (made !== undefined) items.push(made);
    }
    return { kind: "list", items, start, end: node.flow ? valueEnd : (items.at(-1)?.end ?? start) };
  }
  const entries: Entry[] = [];
  if (isMap(node))
    for (const pair of node.items) {
      const key = keyOf(pair.key, errors, start);
      const value = pair.value === null && key !== undefined ? emptyAt(key.end) : nodeOf(pair.value, errors);
      if (key !== undefined && value !== undefined) entries.push({ key, value });
    }
  return { kind: "map", entries, start, end: node.flow ? valueEnd : (entries.at(-1)?.value.end ?? start) };
}

function keyOf(node: unknown, errors: YamlError[], start: number): ScalarNode | undefined {
  const key = nodeOf(node, errors);
  if (key === undefined || key.kind === "scalar") return key;
  return refused(errors, start, "a key must be text, not a list or a map");
}

/** `{a, b}` has keys without even an empty value node. */
function emptyAt(start: number): ScalarNode {
  return { kind: "scalar", text: "", plain: true, start, end: start };
}

function refused(errors: YamlError[], start: number, message: string): undefined {
  errors.push({ start, message });
  return undefined;
}

/** The first errors, one for each line, since further errors on a line mostly follow from its first. */
function firstOfEachLine(errors: readonly YamlError[], text: string): YamlError[] {
  const kept: YamlError[] = [];
  let lineEnd = -1;
  for (const error of errors.toSorted((one, other) => one.start - other.start)) {
    if (error.start <= lineEnd) continue;
    kept.push(error);
    const newline = text.indexOf("\n", error.start);
    if (newline === -1 || kept.length === maximalErrors) break;
    lineEnd = newline;
  }
  return kept;
}
