import { causeOf } from "../http/errors.ts";
import { type FailureKind, failureKind, mostHopeful } from "../http/failure-kind.ts";
import { joinLines } from "../text/join-lines.ts";
import { differencesIn } from "./differences.ts";
import { failureLine } from "./failures.ts";
import type { Inventory } from "./request.ts";

/** Why mirrors are not wholly in an inventory: lines by mirror, and what they say of a later one. */
export class InventoryFailures {
  readonly #project: string;
  readonly #lines = new Map<string, readonly string[]>();
  #kind: FailureKind | undefined;

  constructor(project: string) {
    this.#project = project;
  }

  /** What the failures say of a later inventory; undefined: there is none. */
  get kind(): FailureKind | undefined {
    return this.#kind;
  }

  /** Whether no mirror failed. */
  get areNone(): boolean {
    return this.#lines.size === 0;
  }

  /** Whether a mirror failed. */
  has(mirror: string): boolean {
    return this.#lines.has(mirror);
  }

  /** The lines of a mirror. */
  of(mirror: string): readonly string[] {
    return this.#lines.get(mirror) ?? [];
  }

  /** A mirror cannot be read: it is left out. */
  cannotRead(mirror: string, error: unknown): void {
    this.#add(mirror, [`cannot be read: ${causeOf(error)}`], failureKind(error));
  }

  /** A mirror has what a person has to mend. */
  hasBroken(mirror: string, causes: readonly string[]): void {
    if (causes.length > 0) this.#add(mirror, causes, "permanent");
  }

  #add(mirror: string, causes: readonly string[], kind: FailureKind): void {
    const lines = causes.map((cause) => failureLine({ project: this.#project, mirrors: [mirror] }, cause));
    this.#lines.set(mirror, lines);
    this.#kind = mostHopeful([this.#kind, kind]);
  }
}

/**
 * Builds an inventory from the mirrors' differences.
 * @param wanted the wanted lines.
 * @param differences each mirror's text, by its name.
 * @param linesOf the wanted lines of the item that a line `~ ` names.
 */
export function inventoryOf(
  mirrors: readonly { readonly name: string }[],
  wanted: Iterable<string>,
  differences: ReadonlyMap<string, string>,
  failures: InventoryFailures,
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
  return {
    text: joinLines(lines),
    incomplete,
    failures: mirrors.flatMap(({ name }) => failures.of(name)),
    ...(failures.kind && { failureKind: failures.kind }),
  };
}
