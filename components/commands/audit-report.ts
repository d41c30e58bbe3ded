import type { PlannedFills } from "../promotion/provider/planned-fills.ts";
import type { Unverified } from "../promotion/run/production-verification.ts";
import type { Inventory } from "../promotion/run/request.ts";
import { countOf } from "../promotion/text/count-of.ts";
import { formatCount } from "../promotion/text/format-count.ts";
import { escapeUnprintable } from "../promotion/text/printable.ts";
import type { Unmanaged } from "../promotion/unmanaged/unmanaged.ts";
import { pulumiCommand } from "./pulumi-command.ts";
import { textTable } from "./text-table.ts";

/** What one project has in production, of one kind, against what it should have. */
export interface Audited {
  readonly project: string;
  readonly kind: "images" | "files";
  /** Names of the mirrors that were looked at. */
  readonly mirrors: readonly string[];
  /** How many lines are wanted. */
  readonly wanted: number;
  readonly inventory: Inventory;
}

/** One difference. */
export interface Difference {
  /** "-": there, and below the prefix of no project. */
  readonly project: string;
  readonly kind: "images" | "files";
  readonly mirror: string;
  /**
   * `missing`: wanted and not there; `extra`: there, beyond or instead of what is wanted; `incomplete`: there, but not with all that it lists
   * or that other mirrors have attached to it.
   */
  readonly what: "missing" | "extra" | "incomplete";
  /**
   * As the manifests' lines: `image:tag sha256:...`, `path sha256:...`; of an incomplete image `image@sha256:...`. Of what no manifest names: from
   * the mirror's root on, if it is no project's; of files `binaries/<folder>/ (3 files, 1.2 MiB)`.
   */
  readonly line: string;
}

/** Everything that an audit found. */
export interface Report {
  readonly projects: number;
  readonly mirrors: number;
  /** Lines of manifests, each looked for in every mirror of its kind. */
  readonly lines: number;
  readonly differences: readonly Difference[];
  /** Mirrors that could not be read, a sentence each. */
  readonly unreadable: readonly string[];
  /** What explains the differences: signatures that staging has and mirrors lack, layers that a mirror has lost; a sentence each. */
  readonly notes: readonly string[];
  /** What could not be searched, a sentence each. */
  readonly unlisted: readonly string[];
  /** Images and files in production that do not satisfy their project's policy of today; only of an audit that verifies. */
  readonly unverified?: readonly (Unverified & { readonly project: string })[];
  /** How many digests were verified, and what could not be. */
  readonly verification?: { readonly digests: number; readonly failures: readonly string[] };
}

const signs: Readonly<Record<string, Difference["what"]>> = { "+": "missing", "-": "extra", "~": "incomplete" };

/** Combines the inventories of all projects and the unmanaged artifacts. */
export function reportOf(audited: readonly Audited[], unmanaged: readonly Unmanaged[] = []): Report {
  return {
    projects: new Set(audited.map(({ project }) => project)).size,
    mirrors: new Set(audited.flatMap(({ mirrors }) => mirrors)).size,
    lines: audited.reduce((sum, { wanted }) => sum + wanted, 0),
    differences: [
      ...audited.flatMap(({ project, kind, inventory }) =>
        Object.entries(inventory.incomplete).flatMap(([mirror, text]) =>
          text
            .split("\n")
            .filter((line) => line !== "")
            .map((line) => ({ project, kind, mirror, what: signs[line[0]!]!, line: line.slice(2) })),
        ),
      ),
      ...unmanaged.flatMap(({ found }) =>
        found.map(({ kind, mirror, project = "-", line }) => ({ project, kind, mirror, what: "extra" as const, line })),
      ),
    ],
    unreadable: [
      ...audited.flatMap(({ inventory }) => inventory.failures),
      ...unmanaged.flatMap(({ failures }) => failures),
    ],
    notes: audited.flatMap(({ project, inventory }) => (inventory.notes ?? []).map((note) => `${project}: ${note}`)),
    unlisted: unmanaged.flatMap(({ unlisted }) => unlisted),
  };
}

/** A report without what mirrors lack that are being filled, which a note says. */
export function withoutPlannedFills(report: Report, planned: Pick<PlannedFills, "has">): Report {
  const isPlanned = (one: Difference) => one.what !== "extra" && planned.has(one);
  const left = Map.groupBy(report.differences.filter(isPlanned), ({ mirror }) => mirror);
  const notes = [...left].map(([mirror, lines]) => `${mirror}: filling, ${countOf(lines.length, "line")} left`);
  return {
    ...report,
    differences: report.differences.filter((one) => !isPlanned(one)),
    notes: [...report.notes, ...notes],
  };
}

/** Whether production is exactly what the manifests say, as far as could be seen and all of it could be seen. */
export function isClean(report: Report): boolean {
  const { differences, unreadable, unverified = [], verification } = report;
  return [differences, unreadable, unverified, verification?.failures ?? []].every(({ length }) => length === 0);
}

/**
 * A report for people: a table of what differs, the lines, a summary. Mirrors that differ alike stand together, so that what is missing
 * in 22 regions is told once. Names that somebody has put into a mirror can neither steer a terminal nor, as `##[`, a CI log.
 * @param shown the most rows, and the most lines, that are printed; `--json` has all.
 */
export function describeReport(report: Report, shown = 50): string {
  const parts: string[] = [];
  if (report.differences.length > 0) {
    const rows = rowsOf(report.differences);
    const head = ["PROJECT", "KIND", "MISSING", "EXTRA", "INCOMPLETE", "MIRRORS"];
    parts.push([...textTable([head, ...rows.slice(0, shown)]), ...more(rows.length, shown)].join("\n"));
    const lines = linesOf(report.differences);
    parts.push(
      [
        "+ missing, - there beyond what is wanted, ~ there without all that belongs to it:",
        ...lines.slice(0, shown),
        ...more(lines.length, shown),
      ].join("\n"),
    );
  }
  if (report.notes.length > 0) {
    const lines = report.notes.map(escapeUnprintable);
    parts.push(["why:", ...lines.slice(0, shown), ...more(lines.length, shown)].join("\n"));
  }
  if (report.unreadable.length > 0) {
    const lines = causesIn(report.unreadable);
    parts.push(["could not be read:", ...lines.slice(0, shown), ...more(lines.length, shown)].join("\n"));
  }
  if (report.unlisted.length > 0) parts.push(["could not be searched:", ...report.unlisted].join("\n"));
  const { unverified = [], verification } = report;
  if (unverified.length > 0) {
    const lines = unverified.map(({ project, line, missing }) =>
      escapeUnprintable(`${project} ${line}: ${missing.join("; ")}`),
    );
    parts.push(
      [
        "in production, and not what the trust policy requires:",
        ...lines.slice(0, shown),
        ...more(lines.length, shown),
      ].join("\n"),
    );
  }
  if (verification !== undefined) {
    const { digests, failures } = verification;
    parts.push(
      ...(failures.length > 0 ? [["could not be verified:", ...failures.slice(0, shown)].join("\n")] : []),
      `${countOf(digests, "digest")} verified again, ${formatCount(unverified.length)} without what the policy requires`,
    );
  }
  const what = `${countOf(report.projects, "project")}, ${countOf(report.lines, "line")}, ${countOf(report.mirrors, "mirror")}`;
  parts.push(
    isClean(report)
      ? `${what}: production is what the manifests say`
      : `${what}: ${countOf(report.differences.length, "difference")}, ${formatCount(report.unreadable.length)} unreadable${unverified.length === 0 ? "" : `, ${formatCount(unverified.length)} unverified`}`,
  );
  return parts.join("\n\n");
}

/** What to run next where mirrors differ from the manifests, a line each. @param stack its name. */
export function nextAfterAudit({ differences }: Report, stack: string): string[] {
  const lacking = [...new Set(differences.filter(({ what }) => what !== "extra").map(({ mirror }) => mirror))];
  const [only] = lacking;
  const pulumi = pulumiCommand(stack);
  return [
    ...(only !== undefined && lacking.length === 1
      ? [`npx artifacts sync --stack ${stack} --mirror ${only}: brings what it lacks from the other mirrors`]
      : []),
    ...(differences.length > 0
      ? [`${pulumi} refresh --stack ${stack}, ${pulumi} up --stack ${stack}: show what differs, and repair all mirrors`]
      : []),
    ...(differences.some(({ what }) => what === "extra")
      ? ["docs/operating.md#other-troubles: what stays there because no manifest has named it"]
      : []),
  ];
}

/** A row for each project and kind and all mirrors in which the same is amiss. */
function rowsOf(differences: readonly Difference[]): string[][] {
  const byMirror = Map.groupBy(differences, ({ project, kind, mirror }) => `${project}\n${kind}\n${mirror}`);
  const alike = Map.groupBy(byMirror.values(), (its) =>
    [its[0]!.project, its[0]!.kind, ...its.map(({ what, line }) => `${what} ${line}`).sort()].join("\n"),
  );
  return [...alike.values()].map((mirrors) => {
    const [its] = mirrors as [Difference[]];
    const amount = (what: Difference["what"]) =>
      formatCount(its.filter((difference) => difference.what === what).length);
    const names = mirrors.map(([first]) => first!.mirror);
    return [its[0]!.project, its[0]!.kind, amount("missing"), amount("extra"), amount("incomplete"), some(names)];
  });
}

/** A line for each thing that is amiss, with all mirrors in which it is. */
function linesOf(differences: readonly Difference[]): string[] {
  const marks: Readonly<Record<Difference["what"], string>> = { missing: "+", extra: "-", incomplete: "~" };
  const alike = Map.groupBy(differences, ({ project, what, line }) => `${marks[what]} ${project} ${line}`);
  return [...alike].map(([line, its]) => `${escapeUnprintable(line)}: ${some(its.map(({ mirror }) => mirror))}`);
}

/**
 * Failures of the forms `project P, mirror M: cannot be read: URL: cause` and `M: cannot be searched: URL: cause`, each cause once, with all that it
 * hits. Pure.
 * @param failures a sentence each; those of another form stay as they are.
 * @internal exported for its tests.
 */
export function causesIn(failures: readonly string[]): string[] {
  const parsed = failures.map((failure) => {
    const [, project = "", mirror = "", cause = failure] = failurePattern.exec(failure) ?? [];
    return { project, mirror, cause };
  });
  return [...Map.groupBy(parsed, ({ cause }) => cause)].map(([cause, hit]) => {
    const names = (what: "project" | "mirror") =>
      [...new Set(hit.map((one) => one[what]))].filter((name) => name !== "");
    const [projects, mirrors] = [names("project"), names("mirror")];
    if (mirrors.length === 0) return cause;
    const of = projects.length === 0 ? "" : `${projects.length === 1 ? "project" : "projects"} ${some(projects)}, `;
    return `${of}${mirrors.length === 1 ? "mirror" : "mirrors"} ${some(mirrors)}: ${cause}`;
  });
}

/** Groups: project, mirror, cause. */
const failurePattern =
  /^(?:project ([^\s,:]+), )?(?:mirror )?([\w-]+): (?:cannot be (?:read|searched): )?(?:[a-z0-9]+:\/\/\S+: )?(.*)$/s;

/** So many names that one can read them. */
function some(names: readonly string[]): string {
  if (names.length <= 4) return names.join(", ");
  return `${names.slice(0, 3).join(", ")} and ${names.length - 3} more`;
}

function more(all: number, shown: number): string[] {
  return all > shown ? [`... and ${formatCount(all - shown)} more (--json has all)`] : [];
}
