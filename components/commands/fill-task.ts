/**
 * A task of the Cloud Run job that fills a mirror, or of the one that reads it back: `node fill.mjs ORDER`, with the part in Cloud Run's variables. Built into one file by
 * build-fill.ts, because the job runs on a base image that has Node and nothing of ours.
 */
import { readFile } from "node:fs/promises";
import { gunzipSync } from "node:zlib";
import { quotaShare, quotaVariable } from "../promotion/http/request-budget.ts";
import { type AuditOrder, readAuditOrder } from "./audit-order.ts";
import { auditTask } from "./audit-task.ts";
import { CommandError, UsageError } from "./command.ts";
import { exitCodes } from "./exit-codes.ts";
import { FillLog } from "./fill-log.ts";
import { fillMirror } from "./fill-mirror.ts";
import { type FillOrder, readFillOrder } from "./fill-order.ts";
import { interruptible } from "./interruptible.ts";
import { printResult } from "./output.ts";
import { parseShard, type Shard } from "./shard.ts";

try {
  const [file] = process.argv.slice(2);
  if (file === undefined) throw new UsageError("the order's file is missing");
  const text = gunzipSync(await readFile(file)).toString("utf8");
  const shard = parseShard(undefined, process.env);
  // Beside deployments, all tasks of all executions together send each region what one promotion may: the start has divided it by the executions.
  process.env[quotaVariable] = quotaShare(shard.count, process.env);
  const audit = readAuditOrder(text);
  const failed = audit === undefined ? await fill(readFillOrder(text, file), shard) : await readAll(audit, shard);
  // Cloud Run tries a task again that fails, and it goes on where it stopped.
  process.exitCode = failed ? exitCodes.error : exitCodes.ok;
} catch (error) {
  if (!(error instanceof CommandError || error instanceof UsageError)) throw error;
  printResult(JSON.stringify({ severity: "ERROR", message: error.message }));
  process.exitCode = exitCodes.error;
}

/** @returns whether something could not be copied. */
async function fill(order: FillOrder, shard: Shard): Promise<boolean> {
  const log = new FillLog(order.mirror, shard);
  const filled = await interruptible((signal) => fillMirror(order, shard, { signal }, (told) => log.progress(told)));
  log.ended(filled);
  return filled.failures.length > 0;
}

/** @returns whether something could not be read. */
async function readAll(order: AuditOrder, shard: Shard): Promise<boolean> {
  const environment = process.env;
  const { unread } = await interruptible((signal) => auditTask(order, shard, { signal, environment }));
  return unread.length > 0;
}
