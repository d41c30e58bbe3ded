import { causeOf } from "../http/errors.ts";
import { joinLines } from "../text/join-lines.ts";
import { differencesIn } from "./differences.ts";
import { failureLine } from "./failures.ts";
import type { Inventory } from "./request.ts";

/** Why a mirror is left out of an inventory. */
export function unreadable(project: string, mirror: string, error: unknown): string {
  return failureLine({ project, mirrors: [mirror] }, `cannot be read: ${causeOf(error)}`);
}

/**
 * Builds an inventory from the mirrors' differences.
 * @param wanted the wanted lines.
 * @param differences each mirror's text, by its name.
 * @param failures each mirror's lines, by its name.
 * @param linesOf the wanted lines of the item that a line `~ ` names.
 */
export function inventoryOf(
  mirrors: readonly { readonly name: string }[],
  wanted: Iterable<string>,
  differences: ReadonlyMap<string, string>,
  failures: ReadonlyMap<string, readonly string[]>,
  linesOf: (incomplete: string) => Iterable<string> = () => [],
): Inventory {
  const incomplete = differencesIn(mirrors, differences);
  const marked = Object.values(incomplete).flatMap((text) => text.split("\n"));
  const lines = new Set(wanted);
  for (const line of marked) {
    if (line.startsWith("+ ")) lines.delete(line.slice(2));
    if (line.startsWith("~ ")) for (const affected of linesOf(line.slice(2))) lines.delete(affected);
  }
  for (const line of marked) if (line.startsWith("- ")) lines.add(line.slice(2));
  return { text: joinLines(lines), incomplete, failures: mirrors.flatMap(({ name }) => failures.get(name) ?? []) };
}
