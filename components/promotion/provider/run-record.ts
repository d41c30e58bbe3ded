import { appendFileSync } from "node:fs";
import { z } from "zod";
import type { Outcome, Progress } from "../run/request.ts";
import { packLines, unpackLines } from "./packed-lines.ts";

/** What a run did in one mirror. */
const mirrorSchema = z.object({
  mirror: z.string(),
  steps: z.number(),
  failed: z.number(),
  bytes: z.number(),
  /** From the begin of the run until the mirror's last step. */
  seconds: z.number(),
  /** How long after the first mirror that was done: what clients of this one wait longer. */
  lagSeconds: z.number(),
});

const recordSchema = z.object({
  /** When it ended. */
  time: z.string(),
  project: z.string(),
  kind: z.enum(["images", "files"]),
  /** Whether every mirror has everything. */
  everywhere: z.boolean(),
  /** The mirrors that are left to a fill: not everywhere, and no failure; absent: none. */
  filling: z.array(z.string()).optional(),
  seconds: z.number(),
  bytes: z.number(),
  failures: z.number(),
  mirrors: z.array(mirrorSchema),
});

/** What a run of one project did. */
export type RunRecord = Readonly<z.infer<typeof recordSchema>>;

/** The output of a promotion that has the record of its last run, packed; absent in states of earlier versions. */
export const lastRunOutput = "__lastRun";

/** Packs a record for the state: of 28 mirrors some 600 bytes. */
export function packRecord(record: RunRecord): string {
  return packLines(JSON.stringify(record));
}

/** A record in the state; undefined if a state has none, or one that a later version wrote otherwise. */
export function unpackRecord(packed: unknown): RunRecord | undefined {
  if (typeof packed !== "string") return undefined;
  try {
    const { success, data } = recordSchema.safeParse(JSON.parse(unpackLines(packed)));
    return success ? data : undefined;
  } catch {
    return undefined;
  }
}

/** Records a run from its reports. */
export class RunRecorder {
  readonly #now: () => number;
  readonly #began: number;
  /** When each mirror's state last changed. */
  readonly #moves = new Map<string, { readonly state: string; readonly at: number }>();
  #last: Progress | undefined;

  /** @param now ms since 1970. */
  constructor(now: () => number = Date.now) {
    this.#now = now;
    this.#began = now();
  }

  /** Receives a report of the run's progress. */
  report(progress: Progress): void {
    this.#last = progress;
    for (const { name, done, failed, bytes } of progress.mirrors) {
      const state = `${done} ${failed} ${bytes}`;
      if (this.#moves.get(name)?.state !== state) this.#moves.set(name, { state, at: this.#now() });
    }
  }

  /**
   * The record of the run, which has ended; undefined if there was nothing to do.
   * @param filling names of the mirrors that are left to a fill.
   */
  ended(
    project: string,
    kind: "images" | "files",
    { failures, incomplete }: Pick<Outcome, "failures" | "incomplete">,
    filling: readonly string[] = [],
  ): RunRecord | undefined {
    const busy = (this.#last?.mirrors ?? []).filter(({ total }) => total > 0);
    if (busy.length === 0 && failures.length === 0) return undefined;
    const secondsTo = (at: number) => Math.round(at - this.#began) / 1_000;
    const ends = busy.map(({ name }) => secondsTo(this.#moves.get(name)?.at ?? this.#began));
    const first = Math.min(...ends);
    return {
      time: new Date(this.#now()).toISOString(),
      project,
      kind,
      everywhere: failures.length + Object.keys(incomplete).length + filling.length === 0,
      ...(filling.length > 0 && { filling: [...filling] }),
      seconds: secondsTo(this.#now()),
      bytes: busy.reduce((sum, { bytes }) => sum + bytes, 0),
      failures: failures.length,
      mirrors: busy.map(({ name, total, failed, bytes }, at) => ({
        mirror: name,
        steps: total,
        failed,
        bytes,
        seconds: ends[at]!,
        lagSeconds: Math.round((ends[at]! - first) * 1_000) / 1_000,
      })),
    };
  }
}

/** A promotion that is everywhere after more seconds is late, for the objective in components/monitoring/log-metrics.ts. */
const objectiveSeconds = 15 * 60;

/**
 * A record as lines of JSON, which `deploy` writes to Cloud Logging: one of the run, and one of each mirror, as a metric of a log takes one value of
 * a line. Names are those of the configuration and of projects, which have no unusual characters.
 * @internal exported for its tests.
 */
export function recordLines({ mirrors, ...run }: RunRecord): string[] {
  const { time, project, kind, everywhere, filling, failures, seconds } = run;
  // What it left to a fill was there before it: clients find it in other mirrors.
  const failed = failures > 0 || (!everywhere && filling === undefined);
  const late = failed || seconds > objectiveSeconds;
  const where = everywhere ? "everywhere" : failed ? "not everywhere" : `everywhere but in ${filling?.join(", ")}`;
  const message = `${project}, ${kind}: ${where} after ${seconds} s`;
  return [
    { ...run, event: "promotion", late: late ? 1 : 0, failed: failed ? 1 : 0, message },
    ...mirrors.map((mirror) => ({ time, project, kind, event: "promotion-mirror", ...mirror })),
  ].map((line) => JSON.stringify(line));
}

/** Appends a record to the file that ARTIFACTS_RECORDS names, if any. */
export function keepRecord(record: RunRecord | undefined, environment: NodeJS.ProcessEnv): void {
  if (record !== undefined) appendLines(recordLines(record), environment);
}

/** Appends a line for each CDN that a run of a project could not purge, which a metric counts (components/monitoring/log-metrics.ts). */
export function keepFailedPurges(
  project: string,
  { unpurged = [] }: Pick<Outcome, "unpurged">,
  environment: NodeJS.ProcessEnv,
): void {
  const time = new Date().toISOString();
  const lines = [...new Set(unpurged.map(({ cdn }) => cdn))].map((cdn) =>
    JSON.stringify({ time, event: "purge-failed", project, cdn, message: `${project}: ${cdn} could not be purged` }),
  );
  if (lines.length > 0) appendLines(lines, environment);
}

function appendLines(lines: readonly string[], environment: NodeJS.ProcessEnv): void {
  const file = environment["ARTIFACTS_RECORDS"];
  if (file === undefined || file === "") return;
  try {
    appendFileSync(file, `${lines.join("\n")}\n`);
  } catch {
    // What is measured is no part of the work.
  }
}
