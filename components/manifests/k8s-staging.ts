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
  const users = new Map<string, K8sStaging[]>();
  for (const one of all)
    for (const area of new Set(one.sources.map(({ name }) => areaOf(name))))
      users.set(area, [...(users.get(area) ?? []), one]);
  const lenders = new Map<string, string>();
  for (const [area, sharing] of users) {
    const owner = sharing.find(({ folder }) => area.endsWith(`/${folder}`)) ?? sharing[0];
    for (const one of sharing) if (owner !== undefined && one !== owner) lenders.set(`${one.name} ${area}`, owner.name);
  }
  const grants = new Map(
    all.map(({ name }) => [name, { project: undefined as string | undefined, sharedWith: [] as string[] }]),
  );
  for (const { name, sources } of all) {
    const shared = sources.map((from) => ({ ...from, lender: lenders.get(`${name} ${areaOf(from.name)}`) }));
    const [first] = shared.filter(({ lender }) => lender !== undefined);
    if (first?.lender === undefined) continue;
    const [own, theirs] = [grants.get(name), grants.get(first.lender)];
    const lends = [...lenders.keys()].some((key) => key.startsWith(`${first.lender} `));
    if (own !== undefined && theirs !== undefined && !lends && shared.every(({ lender }) => lender === first.lender)) {
      own.project = first.lender;
      theirs.sharedWith.push(name);
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

/** A registry, or a bucket whatever the folder in it. */
function areaOf(source: string): string {
  return (/^gs:\/\/[^/]+/.exec(source)?.[0] ?? source).replace(/\/+$/, "");
}
