import type { Declared } from "../../../local/graph/record-program.ts";

/** What must hold for the program: the list of its violations, empty when it holds. */
export type Property = (resources: readonly Declared[]) => string[];

/** The component that a resource belongs to. */
export function owner({ path }: Declared): string {
  return path.at(-1) ?? "";
}

/** A resource as violations name it. */
export const shown = ({ type, name }: Declared): string => `${type} ${name}`;

/** Grants on one bucket, repository, account, key or project. */
export function isGrant({ type }: Declared): boolean {
  return /I[aA][mM](Binding|Member)$/.test(type);
}
