import { escapeUnprintable } from "../promotion/text/printable.ts";
import { type Problem, quoted } from "./problem.ts";
import type { Source } from "./source.ts";

/** Where one project of k8s.io stages its artifacts. */
export interface K8sStaging {
  readonly name: string;
  /** Its folder in k8s.io, after which its staging area is named: `k8s-staging-kops`. */
  readonly folder: string;
  /** The sources of its manifests, each with the file that says it. */
  readonly sources: readonly { readonly name: string; readonly source: Source; readonly start: number }[];
}

/** A project's staging area here. */
export interface StagingGrant {
  /** The project whose area it uses; undefined: it has its own. */
  readonly project: string | undefined;
  /** Projects that use its own. */
  readonly sharedWith: readonly string[];
}

/**
 * Which projects stage together: all of a project's artifacts come from where those of another come from. That one, the first or the one that
 * the area is named after, has the area here. A project that shares a part of its sources only gets an area of its own, which is a warning: new
 * artifacts of it are pushed there.
 */
export function stagingOfAll(all: readonly K8sStaging[], problems: Problem[]): ReadonlyMap<string, StagingGrant> {
  const owners = ownersOfAreas(all);
  const lenderOf = (user: string, source: string): string | undefined => {
    const owner = owners.get(areaOf(source));
    return owner === user ? undefined : owner;
  };
  const borrowers = new Set(
    all
      .filter(({ name, sources }) => sources.some((from) => lenderOf(name, from.name) !== undefined))
      .map(({ name }) => name),
  );
  const grants = new Map(
    all.map(({ name }) => [name, { project: undefined as string | undefined, sharedWith: [] as string[] }]),
  );
  for (const { name, sources } of all) {
    const shared = sources.map((from) => ({ ...from, lender: lenderOf(name, from.name) }));
    const first = shared.find(({ lender }) => lender !== undefined);
    if (first?.lender === undefined) continue;
    if (!borrowers.has(first.lender) && shared.every(({ lender }) => lender === first.lender)) {
      grants.get(name)!.project = first.lender;
      grants.get(first.lender)!.sharedWith.push(name);
    } else
      problems.push(
        first.source.problem(
          "warning",
          first.start,
          `${quoted(first.name)} is the staging area of project ${quoted(escapeUnprintable(first.lender))} too, and only a part of what this project publishes comes from it: it gets one of its own; push what is new there`,
        ),
      );
  }
  return grants;
}

/** The project that has each area: the one that it is named after, or the first that uses it. */
function ownersOfAreas(all: readonly K8sStaging[]): ReadonlyMap<string, string> {
  const uses = all.flatMap(({ name, folder, sources }) =>
    sources.map((from) => ({ area: areaOf(from.name), name, folder })),
  );
  return new Map(
    [...Map.groupBy(uses, ({ area }) => area)].map(([area, users]) => {
      const named = users.find(({ folder }) => area.endsWith(`/${folder}`));
      return [area, (named ?? users[0]!).name];
    }),
  );
}

/** A registry, or a bucket whatever the folder in it. */
function areaOf(source: string): string {
  return (/^gs:\/\/[^/]+/.exec(source)?.[0] ?? source).replace(/\/+$/, "");
}
