/** Mirrors that are being filled as planned: a comparison with the manifests need not tell what they lack. */
import { afterSign } from "../run/differences.ts";
import type { Differences, Inventory } from "../run/request.ts";
import { joinLines } from "../text/join-lines.ts";
import { splitLines } from "../text/split-lines.ts";
import type { Kind } from "./kinds.ts";
import { thingOf } from "./left-to-fill.ts";

/** The names in ARTIFACTS_FILLING, which the nightly comparison sets while jobs fill these mirrors, or have filled them since the last deployment. */
export function plannedFills(environment: NodeJS.ProcessEnv): ReadonlySet<string> {
  return new Set((environment["ARTIFACTS_FILLING"] ?? "").split(" ").filter((name) => name !== ""));
}

/** The differences without what such mirrors lack. What is there beyond what is wanted stays. */
export function withoutPlanned(differences: Differences, planned: ReadonlySet<string>): Differences {
  return Object.fromEntries(
    Object.entries(differences).flatMap(([name, text]) => {
      const lines = splitLines(text).filter((line) => !planned.has(name) || line.startsWith("- "));
      return lines.length === 0 ? [] : [[name, joinLines(lines)]];
    }),
  );
}

/** An inventory as if such mirrors had what they lack. @param wanted the lines that were asked for. */
export function asPlanned(kind: Kind, inventory: Inventory, wanted: string, planned: ReadonlySet<string>): Inventory {
  if (planned.size === 0) return inventory;
  const incomplete = withoutPlanned(inventory.incomplete, planned);
  const lines = Object.values(incomplete).flatMap(splitLines);
  const [missing, partial] = [new Set(afterSign("+ ", lines)), new Set(afterSign("~ ", lines))];
  const isThere = (line: string) => !missing.has(line) && !partial.has(line) && !partial.has(thingOf(kind, line));
  const there = splitLines(wanted).filter(isThere);
  return { ...inventory, incomplete, text: joinLines(new Set([...there, ...splitLines(inventory.text)])) };
}
