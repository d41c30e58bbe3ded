/** Promotions that are being filled as planned: a comparison with the manifests need not tell what their mirrors lack. */
import { readFileSync } from "node:fs";
import { afterSign } from "../run/differences.ts";
import type { Differences, Inventory } from "../run/request.ts";
import { joinLines } from "../text/join-lines.ts";
import { splitLines } from "../text/split-lines.ts";
import type { Kind } from "./kinds.ts";
import { artifactOf } from "./left-to-fill.ts";

/** What of a project a mirror is being filled with. */
export interface FilledPart {
  readonly mirror: string;
  readonly project: string;
  readonly kind: "images" | "files";
}

/** By mirror and promotion: a project that is whole in a mirror that lacks others is compared there. */
export class PlannedFills {
  readonly #parts: ReadonlySet<string>;

  constructor(parts: readonly FilledPart[]) {
    this.#parts = new Set(parts.map(lineOf));
  }

  has(part: FilledPart): boolean {
    return this.#parts.has(lineOf(part));
  }
}

/** As the file in ARTIFACTS_FILLING has it. */
function lineOf({ mirror, project, kind }: FilledPart): string {
  return `${mirror} ${project} ${kind}`;
}

/** The file in ARTIFACTS_FILLING, which the nightly comparison writes: what jobs fill now, or have filled since the last deployment. @throws Error if it cannot be read. */
export function plannedFills(environment: NodeJS.ProcessEnv): PlannedFills {
  const file = environment["ARTIFACTS_FILLING"] ?? "";
  const lines = file === "" ? [] : splitLines(readFileSync(file, "utf8"));
  return new PlannedFills(
    lines.map((line) => {
      const [mirror = "", project = "", kind] = line.split(" ");
      return { mirror, project, kind: kind === "images" ? "images" : "files" };
    }),
  );
}

/** The differences without what such mirrors lack. What is there beyond what is wanted stays. @param isPlanned for a mirror's name. */
export function withoutPlanned(differences: Differences, isPlanned: (mirror: string) => boolean): Differences {
  return Object.fromEntries(
    Object.entries(differences).flatMap(([name, text]) => {
      const lines = splitLines(text).filter((line) => !isPlanned(name) || line.startsWith("- "));
      return lines.length === 0 ? [] : [[name, joinLines(lines)]];
    }),
  );
}

/** An inventory as if such mirrors had what they lack. @param wanted the lines that were asked for. @param isPlanned for a mirror's name. */
export function asPlanned(
  kind: Kind,
  inventory: Inventory,
  wanted: string,
  isPlanned: (mirror: string) => boolean,
): Inventory {
  if (!Object.keys(inventory.incomplete).some(isPlanned)) return inventory;
  const incomplete = withoutPlanned(inventory.incomplete, isPlanned);
  const lines = Object.values(incomplete).flatMap(splitLines);
  const [missing, partial] = [new Set(afterSign("+ ", lines)), new Set(afterSign("~ ", lines))];
  const isThere = (line: string) => !missing.has(line) && !partial.has(line) && !partial.has(artifactOf(kind, line));
  const there = splitLines(wanted).filter(isThere);
  return { ...inventory, incomplete, text: joinLines(new Set([...there, ...splitLines(inventory.text)])) };
}
