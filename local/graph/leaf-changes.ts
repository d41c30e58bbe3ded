/** How much of a text is shown before and after what differs. */
const context = 40;
/** Longer texts are shown in part, with their length. */
const maximalText = 4000;

/**
 * What differs between two values, leaf by leaf: `- path: before` and `+ path: after`. Texts that are JSON are taken apart; lists of single values
 * are compared as sets. Pure. Of a very long text only the part that differs is shown, with how long it is.
 */
export function leafChanges(before: unknown, after: unknown): string[] {
  const olds = leavesOf(before);
  const news = leavesOf(after);
  const lines: string[] = [];
  for (const path of new Set([...olds.keys(), ...news.keys()])) {
    const [old, wanted] = [new Set(olds.get(path)), new Set(news.get(path))];
    const gone = (olds.get(path) ?? []).filter((one) => !wanted.has(one));
    const come = (news.get(path) ?? []).filter((one) => !old.has(one));
    if (gone.length === 1 && come.length === 1) {
      const [shownGone, shownCome] = shownPair(gone[0]!, come[0]!);
      lines.push(`- ${path}: ${shownGone}`, `+ ${path}: ${shownCome}`);
      continue;
    }
    lines.push(...gone.map((one) => `- ${path}: ${cut(one)}`), ...come.map((one) => `+ ${path}: ${cut(one)}`));
  }
  return lines;
}

/** The values of a resource that is made, `path: value`; texts that are JSON as they are, the long ones in part. Pure. */
export function leaves(inputs: unknown): string[] {
  return [...leavesOf(inputs, false)].flatMap(([path, values]) => values.map((one) => `${path}: ${cut(one, 500)}`));
}

/** Values by path. A list of single values has one path, and all of them. */
function leavesOf(value: unknown, apart = true): Map<string, string[]> {
  const leaves = new Map<string, string[]>();
  const add = (path: string, leaf: unknown) => {
    const known = leaves.get(path);
    if (known === undefined) leaves.set(path, [JSON.stringify(leaf)]);
    else known.push(JSON.stringify(leaf));
  };
  const walk = (path: string, given: unknown): void => {
    const one = apart && typeof given === "string" && /^\s*[[{]/.test(given) ? parsed(given) : given;
    if (Array.isArray(one)) {
      const single = one.every((item) => typeof item !== "object" || item === null);
      for (const [index, item] of one.entries()) single ? add(path, item) : walk(`${path}[${index}]`, item);
    } else if (typeof one === "object" && one !== null) {
      for (const [key, item] of Object.entries(one)) walk(path === "" ? key : `${path}.${key}`, item);
    } else if (one !== undefined) add(path, one);
  };
  walk("", value);
  return leaves;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** Two long texts without what they have in common at both ends. */
function shownPair(one: string, other: string): [string, string] {
  if (one.length <= maximalText && other.length <= maximalText) return [one, other];
  let start = 0;
  while (start < one.length && one[start] === other[start]) start++;
  let end = 0;
  while (end < Math.min(one.length, other.length) - start && one.at(-1 - end) === other.at(-1 - end)) end++;
  const part = (text: string): string => {
    const from = Math.max(0, start - context);
    const shown = text.slice(from, text.length - Math.max(0, end - context));
    return `${from > 0 ? "…" : ""}${cut(shown)}${shown.length + from < text.length ? "…" : ""} (${text.length} characters)`;
  };
  return [part(one), part(other)];
}

function cut(text: string, maximum = maximalText): string {
  if (text.length <= maximum) return text;
  return `${text.slice(0, maximum)}… (${text.length - maximum} more characters, which are in the record)`;
}
