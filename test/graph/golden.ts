/** The whole program as one page that a reviewer reads: each component, in it each resource, with what is said of it. */
import { readFile, writeFile } from "node:fs/promises";
import { Document, isCollection, isMap, isScalar, visit } from "yaml";
import { regions } from "../../components/stack/geography.ts";
import type { Declared } from "../../local/graph/record-program.ts";

/**
 * What a golden file holds and what it should: the page. With UPDATE_GOLDEN set in the environment the file is written first, so that
 * the change is reviewed in its diff.
 */
export async function compareWithGolden(file: URL, text: string): Promise<{ golden: string; text: string }> {
  if (process.env["UPDATE_GOLDEN"]) await writeFile(file, text);
  return { golden: await readFile(file, "utf8"), text };
}

/** The page, as YAML: `Component name` -> `Type name` -> inputs. JSON texts are shown as what they say. */
export function page(resources: readonly Declared[]): string {
  const components = new Map<string, Map<string, unknown>>();
  const types = new Map(
    resources.flatMap(({ type, name, component }) => (component ? [[name, lastPart(type)] as const] : [])),
  );
  for (const { type, name, inputs, path, protect, component } of resources) {
    if (component) continue;
    const owner = path.at(-1);
    const group = owner === undefined ? "Stack" : `${types.get(owner)} ${owner}`;
    const shown = { ...(protect && { PROTECTED: true }), ...(spoken(inputs) as object) };
    components.set(
      group,
      (components.get(group) ?? new Map()).set(`${type.split(":")[0]} ${lastPart(type)} ${name}`, shown),
    );
  }
  const document = new Document(new Map([...components].sort(([a], [b]) => (a < b ? -1 : 1))));
  visit(document, {
    Collection: (_, collection, ancestors) => {
      const depth = ancestors.filter(isCollection).length;
      const small = collection.items.length <= 8 && JSON.stringify(collection).length < 160;
      if (depth >= 3 && small) collection.flow = true;
    },
    Pair: (_, pair, ancestors) => {
      if (isScalar(pair.key) && isMap(pair.value) && ancestors.filter(isCollection).length === 1)
        pair.key.spaceBefore = true;
    },
  });
  document.commentBefore =
    " The whole program as test/graph/program.test.ts declares it, for review; UPDATE_GOLDEN=1 writes it anew.";
  return document.toString({ lineWidth: 180, flowCollectionPadding: false });
}

/**
 * The whole program as a list: a line for each component and, in it, a line for each resource with what matters: where it is, what it is called in the
 * cloud, who gets which role, whether it is protected. What is the same in many regions is told once, with the regions: one that differs stands
 * by itself.
 */
export function overview(resources: readonly Declared[]): string {
  const groups = new Map<string, string[]>();
  const types = new Map(resources.filter(({ component }) => component).map(({ type, name }) => [name, lastPart(type)]));
  for (const { type, name, inputs, path, protect, component } of resources) {
    if (component) continue;
    const owner = path.at(-1);
    const group = owner === undefined ? "Stack" : `${types.get(owner)} ${owner}`;
    const facts = matters.flatMap((key) => {
      const value = inputs[key];
      return value === undefined || value === inputs["project"]
        ? []
        : [Array.isArray(value) ? value.join(" ") : typeof value === "object" ? JSON.stringify(value) : String(value)];
    });
    const line = [`  ${type.split(":")[0]} ${lastPart(type)}`, ...facts, ...(protect ? ["PROTECTED"] : [])].join("  ");
    groups.set(group, [...(groups.get(group) ?? []), facts.length === 0 ? `${line}  (${name})` : line]);
  }
  const texts = [...groups]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([group, lines]) => `${group}\n${onceForAllRegions(lines).join("\n")}\n`);
  return onceForAllRegions(texts).join("\n");
}

/** How one overview differs from another: for each component that does, the lines that go (`-`) and that come (`+`). */
export function differences(from: string, to: string): string {
  const [before, after] = [from, to].map(
    (text) =>
      new Map(
        text.split("\n\n").map((group) => {
          const [head = "", ...lines] = group.trimEnd().split("\n");
          return [head, lines] as const;
        }),
      ),
  ) as [Map<string, string[]>, Map<string, string[]>];
  const heads = [...new Set([...before.keys(), ...after.keys()])].sort();
  const groups = heads.flatMap((head) => {
    const [old, now] = [before.get(head) ?? [], after.get(head) ?? []];
    const lines = [
      ...old.filter((line) => !now.includes(line)).map((line) => `- ${line.trimStart()}`),
      ...now.filter((line) => !old.includes(line)).map((line) => `+ ${line.trimStart()}`),
    ];
    return lines.length === 0 ? [] : [`${[head, ...lines].join("\n")}\n`];
  });
  return groups.join("\n");
}

/** Texts that differ in nothing but a region become one, in the first's place, which begins with the regions. */
function onceForAllRegions(texts: readonly string[]): string[] {
  const alike = new Map<string, { first: string; regions: string[] }>();
  texts.forEach((text, index) => {
    const region = text.match(regionName)?.[0].toLowerCase();
    if (region === undefined) {
      alike.set(`${text} ${index}`, { first: text, regions: [] });
      return;
    }
    const key = text.replaceAll(regionName, "<region>");
    const known = alike.get(key);
    if (known === undefined) alike.set(key, { first: text, regions: [region] });
    else known.regions.push(region);
  });
  return [...alike].map(([key, { first, regions: where }]) => {
    if (where.length < 2) return first;
    const [line = "", ...others] = key.split("\n");
    return [`${line}  in ${where.length} regions: ${where.join(" ")}`, ...others].join("\n");
  });
}

/** Longest first: `europe-west1` is the beginning of others. */
const regionName = new RegExp(
  regions
    .map(({ name }) => name)
    .sort((a, b) => b.length - a.length)
    .join("|"),
  "gi",
);

/** The inputs that an overview shows, in this order. */
const matters = [
  "location",
  "region",
  "name",
  "repositoryId",
  "bucket",
  "repository",
  "accountId",
  "workloadIdentityPoolProviderId",
  "serviceAccountId",
  "cryptoKeyId",
  "role",
  "members",
  "member",
  "permissions",
  "service",
  "type",
  "status",
  "content",
  "rrdatas",
  "records",
  "data",
  "ipAddress",
  "portRange",
  "displayName",
  "sloId",
  "goal",
  "summary",
  "policy",
];

function lastPart(type: string): string {
  return type.slice(type.lastIndexOf(":") + 1);
}

/** JSON texts as what they say; a long list of regions as how long it is. */
function spoken(value: unknown): unknown {
  if (typeof value === "string" && /^[[{]"/.test(value)) return spoken(JSON.parse(value));
  if (Array.isArray(value)) return value.map(spoken);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [
      key,
      key === "cloudRegions" ? `${(item as unknown[]).length} regions` : spoken(item),
    ]),
  );
}
