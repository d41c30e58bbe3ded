import type { Values } from "./inventory.ts";

/** A text among the inputs of a resource, else among the provider's settings. Throws, naming it, if it is in neither. */
export function text(inputs: Values, name: string, config: Values = {}): string {
  const value = inputs[name] ?? config[name];
  if (typeof value !== "string" || value === "")
    throw new Error(`googleapi: Error 400: Required field '${name}' not set, invalid`);
  return value;
}

/** A property that is an object, or an empty one. */
export function object(value: unknown): Values {
  return value !== null && typeof value === "object" && !Array.isArray(value) ? (value as Values) : {};
}

/** A property that is a list of objects, or an empty one. */
export function objects(value: unknown): Values[] {
  return Array.isArray(value) ? value.map(object) : [];
}

/** A property that is a list of texts, or an empty one. */
export function texts(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((one): one is string => typeof one === "string") : [];
}
