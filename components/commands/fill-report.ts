/** What a task of a fill reports that gave up artifacts: Cloud Run has it for one that succeeded, as it would try again what no later try brings. */
import { buffer } from "node:stream/consumers";
import { z } from "zod";
import { reportsFolder } from "../mirrors/fill-names.ts";
import { readAll } from "../promotion/blobs/fan-out.ts";
import type { Bucket } from "../promotion/storage/bucket.ts";
import { createSmall } from "../promotion/storage/small-object.ts";

/** More than anybody reads have the same cause. */
const mostLines = 20;

/** Bytes of a report. */
const mostBytes = 1024 * 1024;

const reportSchema = z.object({ failed: z.number(), failures: z.array(z.string()) });

/** What tasks gave up. */
export interface GivenUp {
  readonly failed: number;
  /** The first of them, a line each. */
  readonly failures: readonly string[];
}

/** Whose report it is, as Cloud Run's variables say. */
export interface TaskAttempt {
  readonly execution: string;
  readonly task: number;
  readonly attempt: number;
}

/** Writes the report of a task. Its account may not replace any: each attempt has its own. @throws if it cannot be written. */
export async function writeReport(
  bucket: Bucket,
  { execution, task, attempt }: TaskAttempt,
  failures: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  const report: GivenUp = { failed: failures.length, failures: failures.slice(0, mostLines) };
  const key = `${folderOf(execution)}${task}-${String(attempt).padStart(3, "0")}.json`;
  await createSmall(bucket, key, Buffer.from(JSON.stringify(report)), signal);
}

/** What the tasks of an execution gave up, by the last report of each. What they say may be anything: it is printed as text from outside. */
export async function readReports(bucket: Bucket, execution: string, signal: AbortSignal): Promise<GivenUp> {
  const last = new Map<string, GivenUp>();
  for await (const object of bucket.list(folderOf(execution), signal)) {
    const [, task] = /\/(\d+)-\d+\.json$/.exec(object.key) ?? [];
    if (task === undefined) continue;
    const text = object.size > mostBytes ? "" : (await buffer(readAll(bucket, object, signal))).toString("utf8");
    last.set(task, reportIn(text) ?? { failed: 1, failures: [`task ${task}: its report cannot be read`] });
  }
  const all = [...last.values()];
  return {
    failed: all.reduce((sum, { failed }) => sum + failed, 0),
    failures: all.flatMap(({ failures }) => failures).slice(0, mostLines),
  };
}

function reportIn(text: string): GivenUp | undefined {
  try {
    return reportSchema.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}

function folderOf(execution: string): string {
  return `${reportsFolder}${execution}/`;
}
