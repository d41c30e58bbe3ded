/** What is missing in production, since when and why, as the state of a stack remembers it. Pure. */

import { keyOfUrn } from "../adoption/adoption-list.ts";
import { type FilledPart, PlannedFills } from "../promotion/provider/planned-fills.ts";
import { lastRunOutput, type RunRecord, unpackRecord } from "../promotion/provider/run-record.ts";
import { countOf } from "../promotion/text/count-of.ts";
import { formatBytes } from "../promotion/text/format-bytes.ts";
import { namesIn } from "../promotion/text/names-in.ts";
import { escapeUnprintable } from "../promotion/text/printable.ts";
import type { FillExecution } from "./fill-executions.ts";
import { pulumiCommand } from "./pulumi-command.ts";
import { parseState } from "./state-file.ts";

/** An operation of a run that was killed, or is under way. */
export interface UnfinishedOperation {
  /** What was done: `creating`, `updating`, `deleting`, `reading` or `importing`. */
  readonly operation: string;
  /** Type and name of the resource, as the engine prints them: `promotion:index:PromotedImages tool`. */
  readonly resource: string;
}

/** One project in one mirror that is not as it should be. */
export interface StatusRow {
  readonly project: string;
  readonly kind: "images" | "files";
  readonly mirror: string;
  readonly missing: number;
  readonly extra: number;
  readonly incomplete: number;
  /** When the state last changed: it has been so since then. ISO 8601; undefined: the state does not say. */
  readonly since: string | undefined;
}

/** What the state says of all promotions. */
export interface PromotionStatus {
  readonly projects: number;
  readonly rows: readonly StatusRow[];
  /** Each cause once, with the projects that it holds back. */
  readonly failures: readonly {
    readonly cause: string;
    readonly projects: readonly string[];
    readonly since: string | undefined;
  }[];
  /** Mirrors that the last runs left to `artifacts fill`, whatever it has brought since. */
  readonly filling: readonly string[];
  /** Which promotions left them. */
  readonly leftToFill: readonly FilledPart[];
  /** Projects of the manifests that no deployment has promoted yet. */
  readonly undeployed: readonly string[];
  /** What a run that was killed, or is under way, has begun: the state does not say how it ended. */
  readonly unfinished: readonly UnfinishedOperation[];
  /** Each promotion's last run that had something to do, the latest first; none of states of earlier versions. */
  readonly runs: readonly RunRecord[];
}

/**
 * Reads an exported state. @param from the file's name, for messages. @param wanted names of the projects in the manifests that want something.
 * @throws CommandError if it is no state.
 */
export function promotionStatus(text: string, from: string, wanted: readonly string[]): PromotionStatus {
  const state = parseState(text, from);
  const promotions = (state.resources ?? []).flatMap(
    ({ type, inputs = {}, outputs = {}, modified, initErrors = [] }) => {
      const [, kind] = /^promotion:index:Promoted(Images|Files)$/.exec(type ?? "") ?? [];
      if (kind === undefined) return [];
      const incomplete = (outputs["incomplete"] ?? {}) as Readonly<Record<string, string>>;
      return [
        {
          project: String(inputs["project"]),
          kind: kind === "Images" ? ("images" as const) : ("files" as const),
          incomplete,
          modified,
          initErrors,
          run: unpackRecord(outputs[lastRunOutput]),
          filling: namesIn(outputs["filling"]),
        },
      ];
    },
  );
  const deployed = new Set(promotions.map(({ project }) => project));
  const causes = Map.groupBy(
    promotions.flatMap(({ project, modified, initErrors }) =>
      initErrors
        .flatMap((error) => error.split("\n"))
        .map((line) => ({
          project,
          modified,
          cause: line.replace(`project ${project}, `, "").replace(/; the next `pulumi up` resumes$/, ""),
        })),
    ),
    ({ cause }) => cause,
  );
  return {
    projects: deployed.size,
    rows: promotions.flatMap(({ project, kind, incomplete, modified }) =>
      Object.entries(incomplete).flatMap(([mirror, lines]) => {
        const count = (sign: string) => lines.split("\n").filter((line) => line.startsWith(`${sign} `)).length;
        const [missing, extra, partial] = [count("+"), count("-"), count("~")];
        return missing + extra + partial === 0
          ? []
          : [{ project, kind, mirror, missing, extra, incomplete: partial, since: modified }];
      }),
    ),
    failures: [...causes].map(([cause, held]) => ({
      cause,
      projects: [...new Set(held.map(({ project }) => project))],
      since: held.map(({ modified }) => modified).sort()[0],
    })),
    filling: [...new Set(promotions.flatMap(({ filling }) => filling))].sort(),
    leftToFill: promotions.flatMap(({ project, kind, filling }) =>
      filling.map((mirror) => ({ mirror, project, kind })),
    ),
    undeployed: wanted.filter((name) => !deployed.has(name)),
    unfinished: (state.pending_operations ?? []).map(({ type = "changing", resource }) => ({
      operation: type,
      resource: resource?.urn === undefined ? "?" : keyOfUrn(resource.urn),
    })),
    runs: promotions.flatMap(({ run }) => run ?? []).sort((one, other) => (one.time < other.time ? 1 : -1)),
  };
}

/** How far the fill of a mirror is that the last deployment left to one. */
export interface FillStatus {
  readonly mirror: string;
  /** Lines that it lacked when the deployment, or a refresh, ended. */
  readonly left: number;
  /** A job fills it, or has filled it since: the next deployment sees the end, and nothing is wrong. */
  readonly planned: boolean;
  /** The promotions that left it, `project kind` each: others are complete there, or drift. */
  readonly promotions: readonly string[];
  /** The latest execution of a job that filled it. */
  readonly execution?: FillExecution;
  /** Why no job can fill it: it is filled by hand. */
  readonly noJob?: string;
}

/**
 * How far the fills are that the last deployment left.
 * @param executions the latest of each mirror.
 * @param whyNoJob why no job can fill a mirror; undefined: one can.
 */
export function fillsOf(
  { filling, leftToFill, rows }: PromotionStatus,
  executions: ReadonlyMap<string, FillExecution>,
  whyNoJob: (mirror: string) => string | undefined = () => undefined,
): FillStatus[] {
  return filling.map((mirror) => {
    const execution = executions.get(mirror);
    const noJob = whyNoJob(mirror);
    const parts = leftToFill.filter((part) => part.mirror === mirror);
    const isPart = (row: FilledPart) => parts.some(({ project, kind }) => row.project === project && row.kind === kind);
    const here = rows.filter((row) => row.mirror === mirror && isPart(row));
    // The latest: what a later run left was in no order of before.
    const since =
      here
        .map((row) => row.since ?? "")
        .sort()
        .at(-1) ?? "";
    const hasEnded = execution?.state === "succeeded" && (execution.until ?? "") >= since;
    return {
      mirror,
      left: here.reduce((sum, { missing, incomplete }) => sum + missing + incomplete, 0),
      planned: execution?.state === "running" || hasEnded,
      promotions: parts.map(({ project, kind }) => `${project} ${kind}`),
      ...(execution && { execution }),
      ...(noJob !== undefined && { noJob }),
    };
  });
}

/** Whether everything that was deployed is in place, but for what is being filled as planned. */
export function isInPlace(
  { rows, failures, unfinished, leftToFill }: PromotionStatus,
  fills: readonly FillStatus[] = [],
): boolean {
  const mirrors = new Set(fills.flatMap(({ mirror, planned }) => (planned ? [mirror] : [])));
  const planned = new PlannedFills(leftToFill.filter(({ mirror }) => mirrors.has(mirror)));
  return failures.length === 0 && unfinished.length === 0 && rows.every((row) => planned.has(row) && row.extra === 0);
}

/** What a run has begun and not ended, a line; undefined: nothing. */
export function unfinishedLine({ unfinished }: PromotionStatus): string | undefined {
  if (unfinished.length === 0) return undefined;
  const shown = unfinished.slice(0, 5).map(({ operation, resource }) => `${operation} ${escapeUnprintable(resource)}`);
  const more = unfinished.length > shown.length ? `, and ${unfinished.length - shown.length} more` : "";
  return `a run is under way, or was killed: it has begun ${countOf(unfinished.length, "operation")} and recorded no end: ${shown.join(", ")}${more}`;
}

/** Head and rows of a table. @param now for how long it has been so. */
export function statusTable({ rows }: PromotionStatus, now: Date): string[][] {
  const head = ["PROJECT", "KIND", "MIRROR", "MISSING", "EXTRA", "INCOMPLETE", "SINCE"];
  const body = rows.map(({ project, kind, mirror, missing, extra, incomplete, since }) => [
    ...[project, kind, mirror].map(escapeUnprintable),
    ...[missing, extra, incomplete].map(String),
    since === undefined ? "?" : `${since.slice(0, 16)}Z (${ago(new Date(since), now)})`,
  ]);
  return body.length === 0 ? [] : [head, ...body];
}

/** The runs that a table shows: those of one deployment of many projects are seldom looked at one by one. */
const shownRuns = 10;

/** Head and rows of a table of the latest runs: how long each took, what it sent, and which mirror was how long behind the first. */
export function runsTable({ runs }: PromotionStatus): string[][] {
  const head = ["LAST RUN", "PROJECT", "KIND", "TOOK", "SENT", "SLOWEST MIRROR", "LAG", "FAILURES"];
  const body = runs.slice(0, shownRuns).map(({ time, project, kind, seconds, bytes, mirrors, failures }) => {
    const slowest = mirrors.reduce((most, one) => (one.lagSeconds > most.lagSeconds ? one : most), {
      mirror: mirrors[0]?.mirror ?? "-",
      lagSeconds: 0,
    });
    return [
      `${time.slice(0, 16)}Z`,
      escapeUnprintable(project),
      kind,
      `${seconds.toFixed(1)} s`,
      formatBytes(bytes),
      escapeUnprintable(slowest.mirror),
      `${slowest.lagSeconds.toFixed(1)} s`,
      String(failures),
    ];
  });
  return body.length === 0 ? [] : [head, ...body];
}

/** What to run next, a line each. @param stack its name. */
export function nextCommands(status: PromotionStatus, stack: string, fills: readonly FillStatus[] = []): string[] {
  const { rows, failures, filling, undeployed, unfinished } = status;
  const pulumi = pulumiCommand(stack);
  const up = stack === "local" ? `${pulumi} up` : `${pulumi} up --stack ${stack}`;
  const mirrors = new Set(rows.map(({ mirror }) => mirror));
  const [only] = mirrors;
  const isAll = rows.every(({ mirror }) => filling.includes(mirror));
  const fillOf = (name: string) => fills.find(({ mirror }) => mirror === name);
  return [
    ...(unfinished.length > 0
      ? [
          `if no run is under way, docs/operating.md#a-run-was-killed: ${pulumi} cancel --stack ${stack}, ${pulumi} refresh --stack ${stack} --clear-pending-creates, npm run adopt -- --stack ${stack}`,
        ]
      : []),
    ...filling
      .filter((name) => fillOf(name)?.planned !== true)
      .map((name) => {
        const noJob = fillOf(name)?.noJob;
        return noJob === undefined
          ? `npx artifacts fill --stack ${stack} --start --mirror ${name}: a job brings what deployments leave to it; then ${up}`
          : `npx artifacts fill --stack ${stack} --mirror ${name}: no job can, ${noJob}; then ${up}`;
      }),
    ...fills
      .filter(({ planned, execution }) => planned && execution?.state === "succeeded")
      .map(({ mirror }) => `${up}: sees what the fill has brought to ${mirror}, which has ended`),
    ...((rows.length > 0 && !isAll) || failures.length > 0 ? [`${up}: tries again what is missing, everywhere`] : []),
    ...(mirrors.size === 1
      ? [`npx artifacts sync --stack ${stack} --mirror ${only}: the same for this mirror, without the engine`]
      : []),
    ...(rows.length > 0 ? [`npx artifacts audit --stack ${stack}: looks into the mirrors themselves`] : []),
    ...(undeployed.length > 0
      ? [`${up}: ${countOf(undeployed.length, "project")} not deployed yet: ${undeployed.join(", ")}`]
      : []),
  ];
}

function ago(since: Date, now: Date): string {
  const hours = (now.getTime() - since.getTime()) / 3_600_000;
  if (hours < 1) return `${Math.max(0, Math.round(hours * 60))} min ago`;
  return hours < 48 ? `${Math.round(hours)} h ago` : `${Math.round(hours / 24)} days ago`;
}
