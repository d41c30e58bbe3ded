import { isDeepStrictEqual } from "node:util";
import { providerOf } from "./emulated.ts";
import type { GraphResource } from "./graph.ts";
import { leafChanges, leaves } from "./leaf-changes.ts";
import { rightsIn } from "./rights.ts";

/** What a change of the program or its config does to the resources, by the emulated providers. Texts in it are whatever the programs say. */
export interface GraphDifference {
  readonly made: readonly Made[];
  readonly changed: readonly Changed[];
  readonly removed: readonly (Named & { readonly protect: boolean })[];
  /** Rights that there were not before, and that there are no longer: who, which, on what. */
  readonly gained: readonly string[];
  readonly lost: readonly string[];
  /** What the providers refuse of the new graph, and did not refuse of the old one. */
  readonly refused: readonly string[];
}

interface Named {
  readonly type: string;
  readonly name: string;
}

interface Made extends Named {
  /** Its inputs, `path: value`. */
  readonly inputs: readonly string[];
}

interface Changed extends Named {
  /** `- path: value` and `+ path: value`; by another URN, `- urn: ...` and `+ urn: ...` first. */
  readonly lines: readonly string[];
  /** Inputs that cannot be changed in place: the resource is removed and made anew. Empty: it is changed in place. */
  readonly replaces: readonly string[];
}

/** Compares the graphs of two programs that did not fail. */
export async function graphDifference(
  before: readonly GraphResource[],
  after: readonly GraphResource[],
): Promise<GraphDifference> {
  const olds = new Map(before.map((resource) => [resource.urn, resource]));
  const news = new Set(after.map(({ urn }) => urn));
  // As the engine does: a resource that is still declared by its own URN is nobody's former self, and each has one successor.
  const left = new Map(before.filter(({ urn }) => !news.has(urn)).map((resource) => [resource.urn, resource]));
  const made: GraphResource[] = [];
  const changed: Changed[] = [];
  for (const resource of after) {
    const former = resource.formerUrns.find((urn) => left.has(urn));
    const old = olds.get(resource.urn) ?? (former === undefined ? undefined : left.get(former));
    if (old === undefined) {
      made.push(resource);
      continue;
    }
    left.delete(old.urn);
    if (old.urn !== resource.urn || old.protect !== resource.protect || !isDeepStrictEqual(old.inputs, resource.inputs))
      changed.push(await changeOf(old, resource));
  }
  const [had, has] = [rightsIn(before), rightsIn(after)];
  const refusedBefore = new Set(await refusals(before));
  return {
    made: made.map(({ type, name, inputs }) => ({ type, name, inputs: leaves(inputs) })),
    changed,
    removed: [...left.values()].map(({ type, name, protect }) => ({ type, name, protect })),
    gained: [...has].filter((right) => !had.has(right)).sort(),
    lost: [...had].filter((right) => !has.has(right)).sort(),
    refused: (await refusals(after)).filter((line) => !refusedBefore.has(line)),
  };
}

async function changeOf(old: GraphResource, resource: GraphResource): Promise<Changed> {
  const { type, name } = resource;
  const protection =
    old.protect === resource.protect ? [] : [`- protect: ${old.protect}`, `+ protect: ${resource.protect}`];
  const renamed = old.urn === resource.urn ? [] : [`- urn: ${old.urn}`, `+ urn: ${resource.urn}`];
  const lines = [...renamed, ...leafChanges(old.inputs, resource.inputs), ...protection];
  const [olds, news] = [{ ...old.inputs }, { ...resource.inputs }];
  const call = { urn: resource.urn, type, name, id: "", olds, oldInputs: olds, news };
  try {
    const plan = await providerOf(type)?.diff?.(call);
    return { type, name, lines, replaces: plan?.replaces ?? [] };
  } catch (error) {
    return { type, name, lines: [...lines, `! the provider refuses: ${(error as Error).message}`], replaces: [] };
  }
}

async function refusals(resources: readonly GraphResource[]): Promise<string[]> {
  const lines: string[] = [];
  for (const { urn, type, name, inputs } of resources) {
    const { failures = [] } =
      (await providerOf(type)?.check?.({ urn, type, name, olds: { ...inputs }, news: { ...inputs } })) ?? {};
    lines.push(...failures.map((failure) => `${name}: ${failure}`));
  }
  return lines;
}
