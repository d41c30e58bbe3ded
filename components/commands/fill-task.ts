/**
 * A task of the Cloud Run job that fills a mirror, or of the one that reads it back: `node fill.mjs ORDER`, with the part in Cloud Run's variables. Built into one file by
 * build-fill.ts, because the job runs on a base image that has Node and nothing of ours.
 */
import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { gunzipSync } from "node:zlib";
import { causeOf } from "../promotion/http/errors.ts";
import { quotaShare, quotaVariable } from "../promotion/http/request-budget.ts";
import { cloudRunTask } from "../promotion/run/cloud-run-task.ts";
import type { Bucket } from "../promotion/storage/bucket.ts";
import { openStorage } from "../promotion/storage/storage.ts";
import type { AuditOrder } from "./audit-order.ts";
import { auditTask } from "./audit-task.ts";
import { CommandError, UsageError } from "./command.ts";
import { exitCodes } from "./exit-codes.ts";
import { FillLog } from "./fill-log.ts";
import { type Filled, fillMirror } from "./fill-mirror.ts";
import type { FillOrder } from "./fill-order.ts";
import { writeReport } from "./fill-report.ts";
import { whileWanted } from "./fill-while-wanted.ts";
import { interruptible } from "./interruptible.ts";
import { printResult } from "./output.ts";
import { parseShard, type Shard } from "./shard.ts";
import { readTaskOrder } from "./task-order.ts";

/** ms after each try of a task that is denied something: what was granted just now holds after minutes. One more try, and it is given up. */
const pausesOfDenied = [15_000, 60_000, 240_000] as const;

try {
  const [file] = process.argv.slice(2);
  if (file === undefined) throw new UsageError("the order's file is missing");
  const text = gunzipSync(await readFile(file)).toString("utf8");
  const shard = parseShard(undefined, process.env);
  // Beside deployments, all tasks of all executions together send each region what one promotion may: the start has divided it by the executions.
  process.env[quotaVariable] = quotaShare(shard.count, process.env);
  const order = readTaskOrder(text, file);
  const failed = "auditOrder" in order ? await readAll(order, shard) : await fill(order, shard);
  // Cloud Run tries a task again that fails, and it goes on where it stopped.
  process.exitCode = failed ? exitCodes.error : exitCodes.ok;
} catch (error) {
  if (!(error instanceof CommandError || error instanceof UsageError)) throw error;
  printResult(JSON.stringify({ severity: "ERROR", message: error.message }));
  process.exitCode = exitCodes.error;
}

/** @returns whether something could not be copied that a later try may bring. */
async function fill(order: FillOrder, shard: Shard): Promise<boolean> {
  const [request] = [...order.files, ...order.images];
  const storage = openStorage({ ...request?.storage, purges: [] });
  // An order that was written by hand names none: nobody tells of what is withdrawn, and nobody reads reports.
  const bucket = order.reports === undefined ? undefined : storage.open({ kind: "gcs", bucket: order.reports });
  try {
    return await interruptible(async (signal) => {
      const bring = async (wanted: FillOrder, stop: AbortSignal) => {
        const log = new FillLog(order.mirror, shard);
        return { log, filled: await fillMirror(wanted, shard, { signal: stop }, (told) => log.progress(told)) };
      };
      const brought = bucket === undefined ? bring(order, signal) : whileWanted(order, bucket, signal, bring);
      const { log, filled } = await brought;
      const isGivenUp = bucket !== undefined && (await giveUp(bucket, filled, signal));
      log.ended(filled, isGivenUp);
      if (filled.failures.length === 0 || isGivenUp) return false;
      if (filled.failureKind === "denied")
        await sleep(pausesOfDenied[cloudRunTask(process.env).attempt] ?? 0, undefined, { signal });
      return true;
    });
  } finally {
    await storage.close();
  }
}

/** @returns whether something could not be read. */
async function readAll(order: AuditOrder, shard: Shard): Promise<boolean> {
  const environment = process.env;
  const { unread } = await interruptible((signal) => auditTask(order, shard, { signal, environment }));
  return unread.length > 0;
}

/**
 * Reports failures that no later try mends. Cloud Run knows two ends of a task: success, and a failure that it tries again (Cloud Run docs, "Set maximum
 * retries for jobs"). So such a task succeeds for Cloud Run, and whoever asks after the fill reads its report.
 * @returns whether it did.
 */
async function giveUp(bucket: Bucket, { failures, failureKind }: Filled, signal: AbortSignal): Promise<boolean> {
  const { execution, index, attempt } = cloudRunTask(process.env);
  if (failures.length === 0 || execution === undefined) return false;
  const isLasting = failureKind === "permanent" || (failureKind === "denied" && attempt >= pausesOfDenied.length);
  if (!isLasting || signal.aborted) return false;
  try {
    await writeReport(bucket, { execution, task: Number(index ?? 0), attempt }, failures, signal);
    return true;
  } catch (error) {
    printResult(JSON.stringify({ severity: "WARNING", message: `the report cannot be written: ${causeOf(error)}` }));
    return false;
  }
}
