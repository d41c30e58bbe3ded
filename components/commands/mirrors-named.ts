import type { FilesRequest, ImagesRequest } from "../promotion/run/request.ts";
import { unplacedOf } from "../promotion/run/unplaced-mirrors.ts";
import { CommandError } from "./command.ts";
import type { Production } from "./production.ts";

/** Tells the mirrors with these names, or all if there are none. Throws CommandError for a name that no mirror has. */
export function mirrorsNamed(production: Production, names: readonly string[]): (name: string) => boolean {
  const known = mirrorsOfProduction(production);
  const unknown = names.filter((name) => !known.has(name));
  if (unknown.length > 0) {
    throw new CommandError(`there is no mirror ${unknown.join(", ")}; there are ${[...known].sort().join(", ")}`);
  }
  return (name) => names.length === 0 || names.includes(name);
}

/** Names of all mirrors that the requests of production are about. */
export function mirrorsOfProduction({ images, files }: Production): Set<string> {
  return new Set([...images, ...files].flatMap(mirrorsOfRequest));
}

/** Names of all mirrors that a request is about: those in which its project is placed, then those in which it must have nothing. */
export function mirrorsOfRequest(request: ImagesRequest | FilesRequest): string[] {
  const layers = "layerMirrors" in request ? request.layerMirrors : [];
  return [...request.mirrors, ...layers, ...unplacedOf<{ readonly name: string }>(request)].map(({ name }) => name);
}
