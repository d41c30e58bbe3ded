import type { Values } from "./inventory.ts";

/** A text in a resource's inputs, else in the provider's settings. Throws an error that names it if neither has it. */
export function text(inputs: Values, name: string, config: Values = {}): string {
  const value = inputs[name] ?? config[name];
  if (typeof value !== "string" || value === "")
    throw new Error(`googleapi: Error 400: Required field '${name}' not set, invalid`);
  return value;
}

/** The value if it is an object, else an empty object. */
export function object(value: unknown): Values {
  return value !== null && typeof value === "object" && !Array.isArray(value) ? (value as Values) : {};
}

/** The value as a list of objects; empty if it is not a list. */
export function objects(value: unknown): Values[] {
  return Array.isArray(value) ? value.map(object) : [];
}

/** The texts in the value; empty if it is not a list. */
export function texts(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((one): one is string => typeof one === "string") : [];
}
