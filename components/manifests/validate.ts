import type { z } from "zod";
import { countOf } from "../promotion/text/count-of.ts";
import { nearest } from "../promotion/text/nearest.ts";
import { oddCharacter } from "./odd-character.ts";
import { type Problem, quoted } from "./problem.ts";
import type { Source } from "./source.ts";
import { type Entry, isNull, type Node } from "./yaml/tree.ts";

/** So many unknown keys of a map are reported, each with a suggestion; of more keys only the number is reported. */
const maximalUnknownKeys = 10;

/**
 * Validates a tree by a format of formats.ts and returns its value, or adds a problem for every error, at its
 * position, and returns undefined. A duplicate key is an error too, reported with both lines. `image` is the name of
 * the image that the tree belongs to, if any.
 */
export function validate<Format extends z.ZodType>(
  format: Format,
  root: Node,
  source: Source,
  problems: Problem[],
  image?: string,
): z.output<Format> | undefined {
  const before = problems.length;
  const result = parsed(format, plainValue(root, source, problems));
  if (result === undefined) {
    problems.push(source.problem("error", root.start, "has too many errors to list: is this a manifest?"));
    return undefined;
  }
  if (!result.success) {
    const find = finder(root, image);
    for (const issue of result.error.issues)
      for (const problem of problemsOf(issue, find(issue.path), source)) problems.push(problem);
  }
  return result.success && problems.length === before ? result.data : undefined;
}

/** Undefined for a value with too many errors (some hundred thousand) for zod, which passes them as arguments of one call. */
function parsed<Format extends z.ZodType>(
  format: Format,
  value: unknown,
): z.ZodSafeParseResult<z.output<Format>> | undefined {
  try {
    return format.safeParse(value);
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

/** The tree as zod's input: scalars as text, nulls as null. */
function plainValue(node: Node, source: Source, problems: Problem[]): unknown {
  if (node.kind === "scalar") return isNull(node) ? null : node.text;
  if (node.kind === "list") return node.items.map((item) => plainValue(item, source, problems));
  const map: Record<string, unknown> = {};
  let first: ReadonlyMap<string, Entry> | undefined;
  for (const { key, value } of node.entries) {
    if (Object.hasOwn(map, key.text)) {
      first ??= entriesOf(node);
      const { start } = first.get(key.text)!.key;
      const [there, here] = [source.position(start).line, source.position(key.start).line];
      problems.push(source.problem("error", start, `${quoted(key.text)} is also in line ${here}: keep one`));
      problems.push(source.problem("error", key.start, `${quoted(key.text)} is also in line ${there}: keep one`));
    } else if (key.text === "__proto__") {
      // JavaScript would set the map's prototype, and zod ignores it; no format has this key.
      problems.push(source.problem("error", key.start, `unknown key ${quoted(key.text)}: remove it`));
    } else map[key.text] = plainValue(value, source, problems);
  }
  return map;
}

function problemsOf(issue: z.core.$ZodIssue, found: Found, source: Source): Problem[] {
  const { node, entry, image } = found;
  const problem = (start: number, message: string) =>
    source.problem("error", start, image === undefined ? message : `image ${quoted(image)}: ${message}`);
  if (issue.code === "unrecognized_keys") {
    const entries = entriesOf(node);
    const known = issue.message.split(", ");
    const unknown = issue.keys
      .map((key) => ({ key, start: entries.get(key)?.key.start ?? node.start }))
      .sort((one, other) => one.start - other.start);
    const more = unknown.slice(maximalUnknownKeys);
    return [
      ...unknown.slice(0, maximalUnknownKeys).map(({ key, start }) => problem(start, unknownKey(key, entries, known))),
      ...more.slice(0, 1).map(({ start }) => problem(start, `... and ${countOf(more.length, "more unknown key")}`)),
    ];
  }
  if (issue.code === "invalid_key")
    return issue.issues.map(({ message }) => problem(entry?.key.start ?? node.start, message));
  return [problem(node.start, issue.message)];
}

function unknownKey(key: string, entries: ReadonlyMap<string, Entry>, known: readonly string[]): string {
  if (key === "<<") return "merge keys (<<) are not supported: write the keys out";
  const absent = known.filter((candidate) => !entries.has(candidate));
  const meant = nearest(key, absent) ?? nearest(key, known);
  const odd = oddCharacter(key, /[\x20-\x7e]/);
  return `unknown key ${quoted(key)}${odd === undefined ? "" : ` (it has ${odd})`}: ${meant === undefined ? `known here: ${known.join(", ")}` : `did you mean ${meant}?`}`;
}

interface Found {
  readonly node: Node;
  readonly entry: Entry | undefined;
  /** Name of the image that the tree belongs to. */
  readonly image: string | undefined;
}

/**
 * Finds the node at a path, or its deepest existing parent (for a missing key, the map), in time independent of the
 * maps' sizes.
 */
function finder(root: Node, within: string | undefined): (path: readonly PropertyKey[]) => Found {
  const indexes = new Map<Node, ReadonlyMap<string, Entry>>();
  const entriesAt = (node: Node): ReadonlyMap<string, Entry> => {
    const entries = indexes.get(node) ?? entriesOf(node);
    indexes.set(node, entries);
    return entries;
  };
  return (path) => {
    let found: Found = { node: root, entry: undefined, image: within };
    for (const step of path) {
      const entry = entriesAt(found.node).get(String(step));
      const node = found.node.kind === "list" ? found.node.items[Number(step)] : entry?.value;
      if (node === undefined) break;
      // A problem of the name itself does not repeat the name.
      const name = entriesAt(node).has("dmap") ? entriesAt(node).get("name")?.value : undefined;
      found = { node, entry, image: step === "name" ? undefined : name?.kind === "scalar" ? name.text : found.image };
    }
    return found;
  };
}

/** The entries of a map by key (the first of duplicates); none for other nodes. */
function entriesOf(node: Node): ReadonlyMap<string, Entry> {
  const entries = new Map<string, Entry>();
  if (node.kind === "map")
    for (const entry of node.entries) if (!entries.has(entry.key.text)) entries.set(entry.key.text, entry);
  return entries;
}
