import type { Resource, Values } from "../cloud/inventory.ts";
import type { TypeFacts } from "./type-facts.ts";

/** An existing resource that an import's id names. */
export interface ImportedResource {
  readonly resource: Resource;
  /** What the provider gives back as inputs: what the cloud stores and an import reads. */
  readonly inputs: Values;
}

/**
 * Finds what an import's id names, by the forms that the real provider takes for the type.
 * @param resources all of the type.
 * @param outputsOf the outputs of a resource: some ids have parts that the cloud has chosen.
 * @returns undefined if there is none, or the id has another form.
 * @throws if the type cannot be imported.
 */
export function findImported(
  type: string,
  facts: TypeFacts,
  asked: string,
  resources: readonly Resource[],
  outputsOf: (resource: Resource) => Values,
): ImportedResource | undefined {
  if (facts.importable === false) throw new Error(`resource ${asked}: ${type} cannot be imported`);
  for (const resource of resources) {
    const values = { ...resource.config, ...outputsOf(resource), ...resource.inputs };
    const form = facts.importIds.find((one) => filled(one, resource, values) === asked);
    if (form !== undefined) return { resource, inputs: readInputs(facts, form, resource.inputs) };
  }
  return undefined;
}

/** The inputs that an import reads. What it takes from a wrong form of the id is not the program's: the next plan replaces it. */
function readInputs(facts: TypeFacts, form: string, inputs: Values): Values {
  const lost = [...(facts.notReadOnImport ?? []), ...(facts.replacedAfterImport?.[form] ?? [])];
  const read = Object.fromEntries(
    Object.entries(inputs).filter(([name]) => !lost.includes(name) && name !== "__defaults"),
  );
  const foreign = (facts.replacedAfterImport?.[form] ?? []).includes("project") && "project" in facts.properties;
  return foreign ? { ...read, project: "(the project's number)" } : read;
}

function filled(form: string, { id }: Resource, values: Values): string {
  return form.replaceAll(/\{(\w+)\}/g, (_all, name: string) => {
    if (name === "id") return id;
    if (name === "dashboardId" || name === "job") return id.slice(id.lastIndexOf("/") + 1);
    return String(values[name] ?? "");
  });
}
