import { type Properties, unknown } from "../../components/plugin/properties.ts";
import { propertyRules } from "./property-rules.ts";
import type { PropertyFacts, TypeFacts } from "./type-facts.ts";

/**
 * What the real provider's Check refuses of a resource's inputs, by the facts of its type: unknown and missing properties, other types and
 * values, properties that exclude or need each other. Values that a preview does not know yet are passed over.
 * @param settings names that the provider's own configuration stands in for (`project`, `region`).
 * @returns one sentence each, in the order of the inputs; empty if all is well.
 */
export function checkInputs(facts: TypeFacts, inputs: Properties, settings: ReadonlySet<string>): string[] {
  const names = new Names(facts);
  const problems: string[] = [];
  checkElement({ facts, names, settings, problems }, "", "", inputs);
  for (const problem of groupProblems(facts, inputs)) problems.push(problem);
  return problems;
}

/** One check of one resource. */
interface Run {
  readonly facts: TypeFacts;
  readonly names: Names;
  readonly settings: ReadonlySet<string>;
  readonly problems: string[];
}

/** The properties of each element of a type. */
class Names {
  readonly #children = new Map<string, string[]>();

  constructor({ properties }: TypeFacts) {
    for (const path of Object.keys(properties)) {
      const parent = parentOf(path);
      this.#children.set(parent, [...(this.#children.get(parent) ?? []), path]);
    }
  }

  of(parent: string): readonly string[] {
    return this.#children.get(parent) ?? [];
  }
}

/**
 * @param path of the element in the facts, "" for the resource.
 * @param shown the same with the indices of lists, as messages show it.
 */
function checkElement(run: Run, path: string, shown: string, element: Properties): void {
  const { facts, names, settings, problems } = run;
  const known = names.of(path);
  for (const [name, value] of Object.entries(element)) {
    if (name.startsWith("__") || !isGiven(value)) continue;
    const inner = path === "" ? name : `${path}.${name}`;
    const where = shown === "" ? name : `${shown}.${name}`;
    const property = facts.properties[inner];
    // Elements whose inner properties nobody measured (aws: the top level only) take anything.
    if (property === undefined && known.length > 0 && facts.takesUnknown !== true)
      problems.push(`${where}: Invalid or unknown key`);
    if (property !== undefined) checkValue(run, inner, where, value, property);
  }
  for (const inner of known) {
    const name = inner.slice(path === "" ? 0 : path.length + 1);
    if (facts.properties[inner]?.required !== true || isGiven(element[name])) continue;
    if (path === "" && settings.has(name)) continue;
    problems.push(`Missing required property '${shown === "" ? name : `${shown}.${name}`}'`);
  }
}

function checkValue(run: Run, path: string, where: string, value: unknown, property: PropertyFacts): void {
  const { problems } = run;
  if (value === unknown || property.type === undefined || property.type.includes("|") || property.type === "asset")
    return;
  const [, outer, inner] = /^(list|set|map)<(.*)>$/.exec(property.type) ?? [];
  if (outer === undefined) {
    checkScalar(run, path, where, value, property, property.type);
    return;
  }
  if (outer === "map") {
    if (!isRecord(value)) problems.push(`${where}: expected an object, got ${describe(value)}`);
    return;
  }
  if (!Array.isArray(value)) {
    problems.push(`${where}: expected a list, got ${describe(value)}`);
    return;
  }
  const { minItems = 0, maxItems = Number.POSITIVE_INFINITY, each } = property;
  if (value.length < minItems) problems.push(`${where}: needs at least ${minItems} elements, has ${value.length}`);
  if (value.length > maxItems) problems.push(`${where}: takes at most ${maxItems} elements, has ${value.length}`);
  value.forEach((element: unknown, index) => {
    if (element === unknown) return;
    checkScalar(run, path, `${where}[${index}]`, element, { ...each }, inner ?? "string");
  });
}

function checkScalar(
  run: Run,
  path: string,
  where: string,
  value: unknown,
  property: PropertyFacts,
  type: string,
): void {
  const { problems } = run;
  if (type === "object") {
    if (isRecord(value)) checkElement(run, path, where, value);
    else problems.push(`${where}: expected an object, got ${describe(value)}`);
    return;
  }
  if (!hasType(value, type)) {
    const article = /^[aeiou]/.test(type) ? "an" : "a";
    problems.push(`${where}: expected ${article} ${type}, got ${describe(value)}`);
    return;
  }
  const text = String(value);
  const { oneOf, pattern, min, max, minLength, maxLength, rule } = property;
  if (oneOf && !isOneOf(text, oneOf, rule))
    problems.push(
      `${where}: expected to be one of [${oneOf.map((one) => JSON.stringify(one)).join(" ")}], got ${text}`,
    );
  if (pattern && !new RegExp(pattern).test(text)) problems.push(`${where}: "${text}" does not match ${pattern}`);
  if (min !== undefined && Number(value) < min) problems.push(`${where}: must be at least ${min}, got ${text}`);
  if (max !== undefined && Number(value) > max) problems.push(`${where}: must be at most ${max}, got ${text}`);
  if (minLength !== undefined && text.length < minLength)
    problems.push(`${where}: needs at least ${minLength} characters, has ${text.length}`);
  if (maxLength !== undefined && text.length > maxLength)
    problems.push(`${where}: takes at most ${maxLength} characters, has ${text.length}`);
  const named = rule === undefined ? undefined : propertyRules[rule];
  if (named && !named.holds(text)) problems.push(`${where}: "${text}" ${named.problem}`);
}

function isOneOf(text: string, allowed: readonly string[], rule: string | undefined): boolean {
  if (rule !== "case-insensitive") return allowed.includes(text);
  return allowed.some((one) => one.toLowerCase() === text.toLowerCase());
}

/** Numbers and booleans may come as texts, which the bridge parses. */
function hasType(value: unknown, type: string): boolean {
  switch (type) {
    case "string":
      return typeof value === "string";
    case "boolean":
      return typeof value === "boolean" || value === "true" || value === "false";
    case "integer":
    case "number":
      return isNumber(value) && (type === "number" || Number.isInteger(Number(value)));
    default:
      return true;
  }
}

function isNumber(value: unknown): boolean {
  return typeof value === "number" || (typeof value === "string" && value !== "" && Number.isFinite(Number(value)));
}

/** Problems of properties that exclude or need each other. */
function groupProblems({ properties }: TypeFacts, inputs: Properties): string[] {
  const problems = new Set<string>();
  for (const [path, { conflictsWith, exactlyOneOf, atLeastOneOf, requiredWith }] of Object.entries(properties)) {
    if (elementsAt(inputs, parentOf(path)).length === 0) continue;
    const group = exactlyOneOf ?? atLeastOneOf ?? conflictsWith ?? requiredWith;
    if (group === undefined) continue;
    const members = [...new Set([path, ...group])];
    const ancestor = commonAncestor(members);
    for (const element of elementsAt(inputs, ancestor)) {
      const given = (member: string): boolean =>
        elementsAt(element, member.slice(ancestor === "" ? 0 : ancestor.length + 1)).length > 0;
      const present = members.filter(given);
      const list = [...members].sort().join(",");
      if ((exactlyOneOf || atLeastOneOf) && present.length === 0) problems.add(`one of \`${list}\` must be specified`);
      if (exactlyOneOf && present.length > 1)
        problems.add(`only one of \`${list}\` can be specified, but \`${present.sort().join(",")}\` were specified`);
      if (conflictsWith && given(path)) {
        for (const other of conflictsWith.filter((one) => one !== path && given(one)))
          problems.add(`${[path, other].sort().join(" conflicts with ")}`);
      }
      if (requiredWith && given(path)) {
        const missing = requiredWith.filter((one) => !given(one));
        if (missing.length > 0) problems.add(`${path} needs ${missing.join(" and ")}`);
      }
    }
  }
  return [...problems];
}

/** The given values at a path; lists on the way are looked through. */
function elementsAt(from: unknown, path: string): unknown[] {
  if (!isGiven(from)) return [];
  if (path === "") return [from];
  if (Array.isArray(from)) return from.flatMap((element) => elementsAt(element, path));
  if (!isRecord(from)) return [];
  const dot = path.indexOf(".");
  const name = dot < 0 ? path : path.slice(0, dot);
  const inner = from[name];
  if (dot < 0) return isGiven(inner) ? [inner] : [];
  return elementsAt(inner, path.slice(dot + 1));
}

function commonAncestor(paths: readonly string[]): string {
  const [first = [], ...others] = paths.map((path) => parentOf(path).split("."));
  const length = first.findIndex((part, at) => others.some((other) => other[at] !== part));
  return first.slice(0, length < 0 ? first.length : length).join(".");
}

function parentOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf(".")));
}

function isRecord(value: unknown): value is Properties {
  return value !== null && typeof value === "object" && !Array.isArray(value);
}

function isGiven(value: unknown): boolean {
  return value !== undefined && value !== null;
}

function describe(value: unknown): string {
  if (Array.isArray(value)) return "a list";
  return isRecord(value) ? "an object" : `${typeof value} ${JSON.stringify(value)}`;
}
