import type { Values } from "../inventory.ts";
import { objects } from "../values.ts";

/** The environment variables of a container of Cloud Run. */
export function containerEnvironment(container: Values): Record<string, string> {
  const variables: Record<string, string> = {};
  for (const variable of objects(container["envs"])) {
    const name = String(variable["name"]);
    if (variable["valueSource"] !== undefined)
      throw new Error(`Variable ${name}: the emulated cloud has no secrets (valueSource).`);
    variables[name] = String(variable["value"] ?? "");
  }
  return variables;
}
