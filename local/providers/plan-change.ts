import { canonicalJson, type Properties, unknown } from "../../components/plugin/properties.ts";
import type { PropertyFacts, TypeFacts } from "./type-facts.ts";

/** What a change of inputs does, by the facts of the type. */
export interface PlannedChange {
  /** Top-level inputs that differ; none: nothing to do. */
  readonly changed: readonly string[];
  /** Top-level inputs of which a part cannot be changed in place. */
  readonly replaces: readonly string[];
  /** A refusal of the plan itself. */
  readonly refused?: string;
}

/** Compares the inputs of the last run with the wanted ones as the real provider plans them. */
export function planChange(facts: TypeFacts, olds: Properties, news: Properties): PlannedChange {
  const paths = changedPaths(facts, olds, news);
  const refusedPath = paths.find((path) => facts.onChange?.[path]?.startsWith("refused"));
  const replaces = paths.filter((path) => replacesAt(facts, path, news));
  return {
    changed: topLevel(paths),
    replaces: topLevel(replaces),
    ...(refusedPath !== undefined && { refused: `${refusedPath} cannot be changed` }),
  };
}

/** The paths of the inputs that differ, without the indices of lists. */
function changedPaths(facts: TypeFacts, olds: Properties, news: Properties): string[] {
  const paths = new Set<string>();
  compare(facts, "", olds, news, paths);
  return [...paths].filter((path) => facts.onChange?.[path] !== "no change").sort();
}

function compare(facts: TypeFacts, path: string, before: unknown, after: unknown, paths: Set<string>): void {
  if (before === after) return;
  const property = facts.properties[path];
  if (property?.type?.includes("|") && isPresent(before) && isPresent(after) && typeof before !== typeof after)
    throw new Error(`${path}: can't unmarshal ${JSON.stringify(before)} into the type of ${JSON.stringify(after)}`);
  const given = after !== undefined && after !== null;
  if (path !== "" && !given && isKept(facts, path, property)) return;
  // What an import does not give back is taken to be the default, which Check fills in.
  if (!isPresent(before) && property?.default !== undefined && String(after) === String(property.default)) return;
  if (after === unknown || !isComposite(before) || !isComposite(after)) {
    if (
      !isComposite(before) &&
      !isComposite(after) &&
      String(before ?? "") === String(after ?? "") &&
      isPresent(before) === isPresent(after)
    )
      return;
    if (isPresent(before) || isPresent(after)) paths.add(path);
    return;
  }
  if (Array.isArray(before) && Array.isArray(after)) {
    const [one, other] = [before, after].map((list) => (property?.type?.startsWith("set<") ? sorted(list) : list));
    const length = Math.max(before.length, after.length);
    for (let at = 0; at < length; at++) {
      if (at >= before.length || at >= after.length) paths.add(path);
      else compare(facts, path, one?.[at], other?.[at], paths);
    }
    return;
  }
  if (Array.isArray(before) || Array.isArray(after)) {
    paths.add(path);
    return;
  }
  const [old, wanted] = [before as Properties, after as Properties];
  for (const name of new Set([...Object.keys(old), ...Object.keys(wanted)])) {
    if (name.startsWith("__")) continue;
    compare(facts, path === "" ? name : `${path}.${name}`, old[name], wanted[name], paths);
  }
}

/** Whether the provider leaves an input as it is when the program no longer sets it. */
function isKept(facts: TypeFacts, path: string, property: PropertyFacts | undefined): boolean {
  if (facts.removalIgnored?.includes(path)) return true;
  return property?.computed === true && path.includes(".");
}

function replacesAt(facts: TypeFacts, path: string, news: Properties): boolean {
  const said = facts.onChange?.[path];
  if (said !== undefined) return said === "replace";
  const parts = path.split(".");
  return parts.some((_part, at) => {
    const { replaces } = facts.properties[parts.slice(0, at + 1).join(".")] ?? {};
    return replaces === true || (replaces === "where set" && isPresent(news[parts[0]!]));
  });
}

function topLevel(paths: readonly string[]): string[] {
  return [...new Set(paths.map((path) => path.split(".")[0]!))];
}

function sorted(list: readonly unknown[]): unknown[] {
  const keyed = list.map((value) => [canonicalJson(value) ?? "", value] as const);
  return keyed.sort(([a], [b]) => (a < b ? -1 : 1)).map(([, value]) => value);
}

function isComposite(value: unknown): boolean {
  return value !== null && typeof value === "object";
}

function isPresent(value: unknown): boolean {
  return value !== undefined && value !== null;
}
