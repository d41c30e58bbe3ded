import { CommandError } from "./command.ts";
import type { Production } from "./production.ts";

/** Tells the mirrors with these names, or all if there are none. Throws CommandError for a name that no mirror has. */
export function mirrorsNamed(production: Production, names: readonly string[]): (name: string) => boolean {
  const known = new Set([
    ...production.images.flatMap(({ mirrors, layerMirrors }) => [...mirrors, ...layerMirrors].map(({ name }) => name)),
    ...production.files.flatMap(({ mirrors }) => mirrors.map(({ name }) => name)),
  ]);
  const unknown = names.filter((name) => !known.has(name));
  if (unknown.length > 0) {
    throw new CommandError(`there is no mirror ${unknown.join(", ")}; there are ${[...known].sort().join(", ")}`);
  }
  return (name) => names.length === 0 || names.includes(name);
}
