import type { Stock } from "../promotion/request.ts";

/** What one project has in production, of one kind, against what it should have. */
export interface Audited {
  readonly project: string;
  readonly kind: "images" | "files";
  /** Names of the mirrors that were looked at. */
  readonly mirrors: readonly string[];
  /** How many lines are wanted. */
  readonly wanted: number;
  readonly stock: Stock;
}

/** One difference. */
export interface Difference {
  readonly project: string;
  readonly kind: "images" | "files";
  readonly mirror: string;
  /** `missing`: wanted and not there; `extra`: there, beyond or instead of what is wanted. */
  readonly what: "missing" | "extra";
  /** As the manifests' lines: `image:tag sha256:...`, `path sha256:...`. */
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
}

/** Puts the stocks of all projects together. */
export function reportOf(audited: readonly Audited[]): Report {
  return {
    projects: new Set(audited.map(({ project }) => project)).size,
    mirrors: new Set(audited.flatMap(({ mirrors }) => mirrors)).size,
    lines: audited.reduce((sum, { wanted }) => sum + wanted, 0),
    differences: audited.flatMap(({ project, kind, stock }) =>
      Object.entries(stock.incomplete).flatMap(([mirror, text]) =>
        text
          .split("\n")
          .filter((line) => line !== "")
          .map((line) => ({
            project,
            kind,
            mirror,
            what: line.startsWith("+") ? "missing" : "extra",
            line: line.slice(2),
          })),
      ),
    ),
    unreadable: audited.flatMap(({ stock }) => stock.failures),
  };
}

/** Whether production is exactly what the manifests say, as far as could be seen and all of it could be seen. */
export function isClean(report: Report): boolean {
  return report.differences.length === 0 && report.unreadable.length === 0;
}

/** A report for people: a table of the mirrors that differ, the lines, a summary. */
export function describeReport(report: Report, shown = 50): string {
  const parts: string[] = [];
  const rows = new Map<string, { cells: [string, string, string]; missing: number; extra: number }>();
  for (const { project, kind, mirror, what } of report.differences) {
    const key = `${project}\n${kind}\n${mirror}`;
    const row = rows.get(key) ?? { cells: [project, kind, mirror], missing: 0, extra: 0 };
    row[what]++;
    rows.set(key, row);
  }
  if (rows.size > 0) {
    const cells = [...rows.values()].map(({ cells, missing, extra }) => [...cells, count(missing), count(extra)]);
    parts.push(table(["PROJECT", "KIND", "MIRROR", "MISSING", "EXTRA"], cells));
    const lines = report.differences.slice(0, shown).map(({ project, mirror, what, line }) => {
      return `${what === "missing" ? "+" : "-"} ${project} ${mirror} ${line}`;
    });
    if (report.differences.length > shown)
      lines.push(`... and ${count(report.differences.length - shown)} more (--json has all)`);
    parts.push(`+ missing there, - there beyond what is wanted:\n${lines.join("\n")}`);
  }
  if (report.unreadable.length > 0) parts.push(`could not be read:\n${report.unreadable.join("\n")}`);
  const what = `${counted(report.projects, "project")}, ${counted(report.lines, "line")}, ${counted(report.mirrors, "mirror")}`;
  parts.push(
    isClean(report)
      ? `${what}: production is what the manifests say`
      : `${what}: ${counted(report.differences.length, "difference")}, ${count(report.unreadable.length)} unreadable`,
  );
  return parts.join("\n\n");
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((cell, column) => Math.max(cell.length, ...rows.map((row) => row[column]?.length ?? 0)));
  return [head, ...rows]
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

function count(n: number): string {
  return n.toLocaleString("en-US");
}

function counted(n: number, one: string): string {
  return `${count(n)} ${one}${n === 1 ? "" : "s"}`;
}
