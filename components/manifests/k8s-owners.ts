import { approverPattern } from "../stack/approver.ts";
import type { Source } from "./source.ts";
import { parseYaml } from "./yaml/parse.ts";
import { type Node, valueAt } from "./yaml/tree.ts";

/**
 * The approvers that OWNERS files name, in their order, each once: logins at GitHub, and the members of aliases (OWNERS_ALIASES). Files of
 * another form name none.
 */
export function approversIn(owners: readonly Source[], aliases: Source | undefined): string[] {
  const members = aliases === undefined ? undefined : valueAt(rootOf(aliases), "aliases");
  const named = owners.flatMap((source) => {
    const root = rootOf(source);
    const filters = valueAt(root, "filters");
    const filtered = filters?.kind === "map" ? filters.entries.flatMap(({ value }) => texts(value, "approvers")) : [];
    return [...texts(root, "approvers"), ...filtered];
  });
  const people = named.flatMap((name) => {
    const alias = members === undefined ? [] : texts(members, name);
    return alias.length > 0 ? alias : [name];
  });
  return [...new Set(people)].filter((name) => approverPattern.test(name));
}

const nothing: Node = { kind: "map", entries: [], start: 0, end: 0 };

function rootOf(source: Source): Node {
  const parsed = parseYaml(source.text);
  return (parsed.ok ? parsed.root : undefined) ?? nothing;
}

function texts(node: Node, key: string): string[] {
  const list = valueAt(node, key);
  return list?.kind === "list" ? list.items.flatMap((item) => (item.kind === "scalar" ? [item.text] : [])) : [];
}
