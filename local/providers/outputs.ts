import { type Properties, unknown } from "../../components/plugin/properties.ts";
import type { Resource, Values } from "../cloud/inventory.ts";
import { type ResourceKind, resourceId, type Subject } from "./kind.ts";
import type { DeclaredOutput, Schema } from "./schema.ts";

/** Keys of the plugin's own values in a resource's computed values. The engine never shows keys that start with `__`. */
export const internalKeys = { seed: "__seed", created: "__created", updated: "__updated" };

/**
 * All outputs of an existing resource: its inputs, what the cloud added, and a placeholder for every other declared output. A missing output
 * would be unknown in every preview, so that its readers would always show a change. The same resource always gives the same outputs,
 * because `refresh` compares them.
 */
export function outputsOf(resource: Resource, kind: ResourceKind, schema: Schema | undefined): Properties {
  const { inputs, computed, config, id } = resource;
  const subject: Subject = { inputs, config, id, seed: String(computed[internalKeys.seed] ?? "") };
  const special = kind.outputs?.(subject) ?? {};
  const outputs: Properties = {};
  for (const [name, declared] of schema?.outputs ?? []) {
    outputs[name] = computed[name] ?? inputs[name] ?? special[name] ?? placeholder(name, declared, resource);
  }
  return { ...special, ...computed, ...outputs, ...given(inputs) };
}

/** The outputs of a new resource in a preview. Outputs that only the cloud knows are unknown. */
export function plannedOutputs(
  inputs: Properties,
  config: Values,
  kind: ResourceKind,
  schema: Schema | undefined,
): Properties {
  const outputs: Properties = {};
  for (const [name, declared] of schema?.outputs ?? []) {
    const predicted = predictable.has(name)
      ? placeholder(name, declared, { type: "", id: "", inputs, computed: {}, config })
      : undefined;
    outputs[name] = predicted ?? (declared.optional && !kind.volatile?.includes(name) ? null : unknown);
  }
  return { ...outputs, ...given(inputs) };
}

/** The outputs of an update in a preview: the present ones, except those that every update changes. */
export function plannedUpdate(resource: Resource, kind: ResourceKind, schema: Schema | undefined): Properties {
  const { inputs, computed, config, id } = resource;
  const special = kind.outputs?.({ inputs, config, id, seed: String(computed[internalKeys.seed] ?? "") }) ?? {};
  const kept = Object.entries(computed).filter(([name]) => !(name in special) && !predictable.has(name));
  const changing = Object.fromEntries((kind.volatile ?? []).map((name) => [name, unknown]));
  return { ...outputsOf({ ...resource, computed: Object.fromEntries(kept) }, kind, schema), ...changing };
}

/** The id of a new resource. Throws if one of its parts is missing. */
export function newId(kind: ResourceKind, subject: Omit<Subject, "id">): string {
  const id = resourceId(kind, { ...subject, id: "" });
  if (id === undefined || id === "") throw new Error("The inputs do not determine the resource's id.");
  return id;
}

/** Outputs that the real providers know in a preview from their own settings. */
const predictable = new Set(["project", "region", "deletionPolicy", "effectiveLabels", "pulumiLabels", "tagsAll"]);

/** A placeholder for an output: by its name where the clouds agree on the meaning, else an empty value of its type. */
function placeholder(name: string, declared: DeclaredOutput, { inputs, computed, config }: Resource): unknown {
  const seed = String(computed[internalKeys.seed] ?? "");
  const labels = { ...record(config["defaultLabels"]), ...record(inputs["labels"] ?? inputs["userLabels"]) };
  switch (name) {
    case "project":
    case "region":
    case "zone":
      return config[name] ?? "";
    case "deletionPolicy":
      return "DELETE";
    case "pulumiLabels":
      return labels;
    case "effectiveLabels":
      return { ...labels, "goog-pulumi-provisioned": "true" };
    case "tagsAll":
      return { ...record(record(config["defaultTags"])["tags"]), ...record(inputs["tags"]) };
    case "createTime":
    case "creationTimestamp":
    case "timeCreated":
    case "createDate":
    case "createdOn":
      return computed[internalKeys.created];
    case "updateTime":
    case "updated":
    case "modifiedOn":
    case "commentModifiedOn":
      return computed[internalKeys.updated];
    case "etag":
    case "fingerprint":
    case "labelFingerprint":
      return Buffer.from(seed.slice(0, 16), "hex").toString("base64");
    case "uid":
      return seed.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12}).*$/, "$1-$2-$3-$4-$5");
    default:
      return declared.optional ? null : empty[declared.kind];
  }
}

const empty = { text: "", number: 0, boolean: false, list: [], object: {} } as const;

function given(inputs: Properties): Properties {
  return Object.fromEntries(Object.entries(inputs).filter(([name]) => name !== "__defaults"));
}

function record(value: unknown): Record<string, unknown> {
  return value !== null && typeof value === "object" ? (value as Record<string, unknown>) : {};
}
