import { below } from "./path-ownership.ts";

/** The paths of one project, as the import found them. */
export interface Publisher {
  readonly name: string;
  readonly prefixes: readonly string[];
  readonly names: readonly string[];
}

/** Names that a project grants another. */
export interface Grant {
  readonly project: string;
  readonly names: readonly string[];
}

/**
 * What projects must grant each other so that each may publish what it publishes today. Of two with one prefix, the one with more names grants
 * the other its names; a project with a prefix around another's prefix or name grants that. By the granting project.
 */
export function grantsFor(publishers: readonly Publisher[]): ReadonlyMap<string, readonly Grant[]> {
  const grants = new Map<string, Map<string, Set<string>>>();
  const grant = (from: Publisher, to: Publisher, name: string) => {
    const given = grants.get(from.name) ?? new Map<string, Set<string>>();
    grants.set(from.name, given);
    given.set(to.name, (given.get(to.name) ?? new Set()).add(name));
  };
  for (const outer of publishers)
    for (const inner of publishers) {
      if (outer === inner) continue;
      const common = inner.prefixes.filter((prefix) => outer.prefixes.includes(prefix));
      if (common.length > 0 && isBefore(outer, inner)) {
        // Even a project without names is let in, so that its prefix is not a mistake.
        if (inner.names.length === 0) grant(outer, inner, "*");
        for (const name of inner.names) grant(outer, inner, name);
      }
      for (const around of outer.prefixes.filter((prefix) => prefix !== ""))
        for (const prefix of inner.prefixes) {
          if (prefix.startsWith(`${around}/`)) grant(outer, inner, `${prefix.slice(around.length + 1)}/*`);
          else if (!common.includes(around))
            for (const name of inner.names) {
              const path = below(prefix, name);
              if (path === around) grant(outer, inner, "*");
              else if (path.startsWith(`${around}/`)) grant(outer, inner, path.slice(around.length + 1));
            }
        }
    }
  return new Map(
    [...grants].map(([from, given]) => [
      from,
      [...given].map(([project, names]) => ({ project, names: [...names].sort() })),
    ]),
  );
}

/** The one with more names; of equals the one whose name comes first. */
function isBefore(one: Publisher, other: Publisher): boolean {
  return one.names.length === other.names.length ? one.name < other.name : one.names.length > other.names.length;
}
