/**
 * A task of the Cloud Run job that fills a mirror: `node fill.mjs ORDER`, with the part in Cloud Run's variables. Built into one file by
 * build-fill.ts, because the job runs on a base image that has Node and nothing of ours.
 */
import { readFile } from "node:fs/promises";
import { gunzipSync } from "node:zlib";
import { quotaShare, quotaVariable } from "../promotion/http/request-budget.ts";
import { CommandError, UsageError } from "./command.ts";
import { exitCodes } from "./exit-codes.ts";
import { FillLog } from "./fill-log.ts";
import { fillMirror } from "./fill-mirror.ts";
import { readFillOrder } from "./fill-order.ts";
import { interruptible } from "./interruptible.ts";
import { printResult } from "./output.ts";
import { parseShard } from "./shard.ts";

try {
  const [file] = process.argv.slice(2);
  if (file === undefined) throw new UsageError("the order's file is missing");
  const order = readFillOrder(gunzipSync(await readFile(file)).toString("utf8"), file);
  const shard = parseShard(undefined, process.env);
  // Beside deployments, all tasks together send each region what one promotion may.
  process.env[quotaVariable] = quotaShare(shard.count, process.env);
  const log = new FillLog(order.mirror, shard);
  const filled = await interruptible((signal) => fillMirror(order, shard, { signal }, (told) => log.progress(told)));
  log.ended(filled);
  // Cloud Run tries a task again that fails, and it goes on where it stopped.
  process.exitCode = filled.failures.length === 0 ? exitCodes.ok : exitCodes.error;
} catch (error) {
  if (!(error instanceof CommandError || error instanceof UsageError)) throw error;
  printResult(JSON.stringify({ severity: "ERROR", message: error.message }));
  process.exitCode = exitCodes.error;
}
