/** The start of a fill as a Cloud Run job: its program and its order go to the bucket that the tasks mount. */
import { createHash } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { bucketMirrorName, regionsWithImages, storeMirrors } from "../mirrors/bucket-mirrors.ts";
import { fillBucket } from "../mirrors/fill-names.ts";
import { putObject } from "../promotion/storage/small-object.ts";
import { openStorage } from "../promotion/storage/storage.ts";
import type { StackConfig } from "../stack/config.ts";
import { asking } from "./command.ts";
import { type FillExecution, fillExecutions, fillRegionOf, orderFolder, runFillJob } from "./fill-executions.ts";
import { fillOrderOf } from "./fill-order.ts";
import type { Production } from "./production.ts";

/** What a start did for one mirror. */
export interface FillStart {
  readonly mirror: string;
  /** False: an execution for this mirror runs already, which was left alone. */
  readonly started: boolean;
  readonly execution: FillExecution;
}

/** The config that a start needs. */
export type FillSettings = Pick<
  StackConfig,
  "project" | "runEndpoint" | "googlePrefix" | "gcpRegions" | "imageStores" | "storage"
>;

/** Why no job can fill a mirror; undefined: one can. */
export function whyNoJob(
  config: Pick<StackConfig, "imageStores" | "imageBuckets" | "gcpRegions">,
  mirror: string,
): string | undefined {
  if (storeMirrors(config.imageStores).some(({ name }) => name === mirror))
    return "its keys are in your environment, not in that of a job";
  // To replace an object in Cloud Storage takes the right to delete it, which the job's account has nowhere.
  if (regionsWithImages({ ...config, awsRegions: [] }).some((region) => bucketMirrorName(region) === mirror))
    return "its lists of tags are replaced with each image, which a job may not do in Cloud Storage";
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

/**
 * Starts the fill of one mirror, unless one runs: its order and the program go to the bucket, then the job of the nearest region is run.
 * @param filling names of all mirrors that are filled now: they are read last.
 * @throws CommandError
 */
export async function startFill(
  settings: FillSettings,
  production: Production,
  mirror: string,
  filling: ReadonlySet<string>,
  program: () => Promise<Buffer>,
  signal: AbortSignal,
): Promise<FillStart> {
  const region = fillRegionOf(settings, mirror);
  const executions = await fillExecutions(settings, region);
  const running = executions.find((one) => one.mirror === mirror && one.state === "running");
  if (running !== undefined) return { mirror, started: false, execution: running };
  const order = gzipSync(JSON.stringify(fillOrderOf(production, mirror, filling)));
  const storage = openStorage(settings.storage);
  try {
    const bucket = storage.open({ kind: "gcs", bucket: fillBucket(settings.googlePrefix) });
    const put = async (folder: string, bytes: Buffer, ending: string): Promise<string> => {
      const key = `${folder}${createHash("sha256").update(bytes).digest("hex")}${ending}`;
      await asking(`${bucket.url}, which pulumi up makes where artifacts:fillAbove is set`, () =>
        putObject(bucket, key, bytes, signal),
      );
      return key;
    };
    const args = [
      await put("programs/", await program(), ".tar.gz"),
      await put(orderFolder(mirror), order, ".json.gz"),
    ];
    return { mirror, started: true, execution: await runFillJob(settings, region, args, process.env) };
  } finally {
    await storage.close();
  }
}
