/** The start of a fill as a Cloud Run job: its program and its order go to the bucket that the tasks mount. */
import { createHash } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { storeMirrors } from "../mirrors/bucket-mirrors.ts";
import { auditJobName, fillBucket } from "../mirrors/fill-names.ts";
import { auditOrderEnding } from "../promotion/run/fill-folders.ts";
import type { Bucket } from "../promotion/storage/bucket.ts";
import { putObject } from "../promotion/storage/small-object.ts";
import type { StackConfig } from "../stack/config.ts";
import type { RunSettings } from "./cloud-run-call.ts";
import { CommandError } from "./command.ts";
import { inFillBucket, linesWithdrawnSince } from "./fill-bucket.ts";
import { cancelFill } from "./fill-cancel.ts";
import { type FillExecution, type FillExecutions, fillRegionOf, orderFolder, runFillJob } from "./fill-executions.ts";
import { fillOrderOf, type MirrorOrder, orderForJob } from "./fill-order.ts";
import type { Production } from "./production.ts";

/** What a start did for one mirror. */
export interface FillStart {
  readonly mirror: string;
  /** False: an execution for this mirror runs already, which was left alone. */
  readonly started: boolean;
  readonly execution: FillExecution;
  /** The one before, which ran and had what is not wanted any more. */
  readonly cancelled?: FillExecution;
  /** Projects whose images it does not bring, as only stores with keys have them. */
  readonly unreadable: readonly string[];
}

/** The config that a start needs. */
export type FillSettings = Pick<
  StackConfig,
  "project" | "runEndpoint" | "googlePrefix" | "gcpRegions" | "imageStores" | "storage"
>;

/** Why no job can fill a mirror; undefined: one can. */
export function whyNoJob(config: Pick<StackConfig, "fillAbove" | "imageStores">, mirror: string): string | undefined {
  if (config.fillAbove === undefined) return "artifacts:fillAbove is not set, so there are no jobs";
  if (storeMirrors(config.imageStores).some(({ name }) => name === mirror))
    return "its keys are in your environment, not in that of a job";
  return undefined;
}

/**
 * The program that the tasks run, as an archive.
 * @param given its file; undefined: it is built.
 */
export async function fillProgram(given: string | undefined): Promise<Buffer> {
  if (given !== undefined) return await readFile(given);
  const folder = await mkdtemp(join(tmpdir(), "artifacts-fill-"));
  try {
    const file = join(folder, "fill.tar.gz");
    const { buildFill } = await import("./build-fill.ts");
    await buildFill(file);
    return await readFile(file);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** What the start of one fill needs beside the config. */
export interface FillMeans {
  readonly production: Production;
  /** Only these projects; none: all. */
  readonly projects: readonly string[];
  /** Names of all mirrors that are filled now: they are read last. */
  readonly filling: ReadonlySet<string>;
  readonly executions: FillExecutions;
  /** How many executions run once all are started. */
  readonly atOnce: number;
  readonly program: () => Promise<Buffer>;
}

/**
 * Starts the fill of one mirror: its order and the program go to the bucket, then the job of the nearest region is run. One that runs already is left
 * alone, unless its order has what is not wanted any more: then it is cancelled first, and what it brought is not brought again.
 * @throws CommandError
 */
export async function startFill(
  settings: FillSettings,
  { production, projects, filling, executions, atOnce, program }: FillMeans,
  mirror: string,
  signal: AbortSignal,
): Promise<FillStart> {
  const whole = fillOrderOf(production, mirror, filling);
  const { order, unreadable } = orderForJob(whole, fillBucket(settings.googlePrefix));
  if (unreadable.length > 0 && order.images.length + order.files.length === 0)
    throw new CommandError(
      `only stores whose keys are in your environment, not in that of a job, have ${unreadable.join(", ")}: fill it without --start`,
    );
  const latest = await executions.latest(mirror);
  const running = latest?.state === "running" ? latest : undefined;
  if (running !== undefined) {
    const withdrawn = await inFillBucket(settings, (bucket) =>
      linesWithdrawnSince(bucket, running, whole, projects, signal),
    );
    if (withdrawn === 0) return { mirror, started: false, unreadable: [], execution: running };
    await cancelFill(settings, running, signal);
  }
  const execution = await startJob(settings, order, { program, atOnce }, signal);
  return { mirror, started: true, unreadable, execution, ...(running && { cancelled: running }) };
}

/** Puts an order and the program of the tasks into the bucket, and runs the job of the region nearest to the order's mirror. @throws CommandError */
export async function startJob(
  settings: FillSettings & Pick<RunSettings, "job">,
  order: MirrorOrder,
  { program, atOnce }: Pick<FillMeans, "program" | "atOnce">,
  signal: AbortSignal,
): Promise<FillExecution> {
  const archive = await program();
  const ending = settings.job === auditJobName ? auditOrderEnding : ".json.gz";
  const args = await inFillBucket(settings, async (bucket) => [
    await put(bucket, "programs/", archive, ".tar.gz", signal),
    await put(bucket, orderFolder(order.mirror), gzipSync(JSON.stringify(order)), ending, signal),
  ]);
  return await runFillJob(settings, fillRegionOf(settings, order.mirror), args, process.env, atOnce);
}

/** Writes an object that is named by its content. @returns its key. */
async function put(
  bucket: Bucket,
  folder: string,
  bytes: Buffer,
  ending: string,
  signal: AbortSignal,
): Promise<string> {
  const key = `${folder}${createHash("sha256").update(bytes).digest("hex")}${ending}`;
  await putObject(bucket, key, bytes, signal);
  return key;
}
