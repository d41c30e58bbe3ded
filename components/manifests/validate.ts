import type { z } from "zod";
import { nearest } from "./nearest.ts";
import { type Problem, quoted } from "./problem.ts";
import type { Source } from "./source.ts";
import { type Entry, entryAt, isNull, type Node, type ScalarNode } from "./yaml/tree.ts";

/**
 * Validates a tree by a format of formats.ts and returns its value, or adds a problem for every fault, each where it stands, and returns undefined. A
 * key that stands twice is a fault too, named with both lines.
 */
export function validate<Format extends z.ZodType>(
  format: Format,
  root: Node,
  source: Source,
  problems: Problem[],
): z.output<Format> | undefined {
  const before = problems.length;
  const result = format.safeParse(plainValue(root, source, problems));
  if (!result.success) for (const issue of result.error.issues) problems.push(...problemsOf(issue, root, source));
  return result.success && problems.length === before ? result.data : undefined;
}

/** The tree as zod takes it: scalars as text, nulls as null. */
function plainValue(node: Node, source: Source, problems: Problem[]): unknown {
  if (node.kind === "scalar") return isNull(node) ? null : node.text;
  if (node.kind === "list") return node.items.map((item) => plainValue(item, source, problems));
  const map: Record<string, unknown> = {};
  const seen = new Map<string, ScalarNode>();
  for (const { key, value } of node.entries) {
    const first = seen.get(key.text);
    if (first !== undefined) {
      const [there, here] = [source.position(first.start).line, source.position(key.start).line];
      problems.push(
        source.problem("error", first.start, `${quoted(key.text)} stands here and again in line ${here}: keep one`),
      );
      problems.push(
        source.problem("error", key.start, `${quoted(key.text)} stands already in line ${there}: keep one`),
      );
    } else if (key.text === "__proto__") {
      // JavaScript would take it for the map's prototype, and zod leaves it out; in no format is it a key.
      problems.push(source.problem("error", key.start, `unknown key ${quoted(key.text)}: remove it`));
    } else {
      seen.set(key.text, key);
      map[key.text] = plainValue(value, source, problems);
    }
  }
  return map;
}

function problemsOf(issue: z.core.$ZodIssue, root: Node, source: Source): Problem[] {
  const { node, entry, image } = walk(root, issue.path);
  const problem = (start: number, message: string) =>
    source.problem("error", start, image === undefined ? message : `image ${quoted(image)}: ${message}`);
  if (issue.code === "unrecognized_keys")
    return issue.keys.map((key) =>
      problem(entryAt(node, key)?.key.start ?? node.start, unknownKey(key, node, issue.message.split(", "))),
    );
  if (issue.code === "invalid_key")
    return issue.issues.map(({ message }) => problem(entry?.key.start ?? node.start, message));
  return [problem(node.start, issue.message)];
}

function unknownKey(key: string, node: Node, known: readonly string[]): string {
  if (key === "<<") return "merge keys (<<) are not read: write the keys out";
  const absent = known.filter((candidate) => entryAt(node, candidate) === undefined);
  const meant = nearest(key, absent) ?? nearest(key, known);
  return `unknown key ${quoted(key)}: ${meant === undefined ? `known here: ${known.join(", ")}` : `did you mean ${meant}?`}`;
}

/** The node at a path, or the deepest one on the way to it (that of a missing key is its map), its entry, and the image it belongs to. */
function walk(
  root: Node,
  path: readonly PropertyKey[],
): { node: Node; entry: Entry | undefined; image: string | undefined } {
  let node = root;
  let entry: Entry | undefined;
  let image: string | undefined;
  for (const step of path) {
    const child: Entry | undefined = entryAt(node, step);
    const next: Node | undefined = node.kind === "list" ? node.items[Number(step)] : child?.value;
    if (next === undefined) break;
    [node, entry] = [next, child];
    const name: Node | undefined = entryAt(node, "dmap") === undefined ? undefined : entryAt(node, "name")?.value;
    if (name?.kind === "scalar") image = name.text;
  }
  return { node, entry, image };
}
