/** The bucket with the orders of the jobs that fill mirrors. */
import { buffer } from "node:stream/consumers";
import { gunzipSync } from "node:zlib";
import { fillBucket } from "../mirrors/fill-names.ts";
import { readAll } from "../promotion/blobs/fan-out.ts";
import type { Bucket } from "../promotion/storage/bucket.ts";
import { openStorage } from "../promotion/storage/storage.ts";
import type { StackConfig } from "../stack/config.ts";
import { asking, CommandError } from "./command.ts";
import type { FillExecution } from "./fill-executions.ts";
import { type FillOrder, linesWithdrawn } from "./fill-order.ts";
import { readTaskOrder } from "./task-order.ts";

/** Does something with the bucket. @throws CommandError */
export async function inFillBucket<Result>(
  settings: Pick<StackConfig, "googlePrefix" | "storage">,
  work: (bucket: Bucket) => Promise<Result>,
): Promise<Result> {
  const storage = openStorage(settings.storage);
  try {
    const bucket = storage.open({ kind: "gcs", bucket: fillBucket(settings.googlePrefix) });
    return await asking(`${bucket.url}, which pulumi up makes where artifacts:fillAbove is set`, () => work(bucket));
  } finally {
    await storage.close();
  }
}

/**
 * How many lines of an execution's order are not wanted any more; undefined: its order is gone, or is of another version of this program.
 * @param now what is wanted now. @param projects only these; none: all.
 */
export async function linesWithdrawnSince(
  bucket: Bucket,
  { order: key }: FillExecution,
  now: FillOrder,
  projects: readonly string[],
  signal: AbortSignal,
): Promise<number | undefined> {
  const order = await readOrder(bucket, key, signal);
  if (order === undefined) return undefined;
  const isAsked = ({ project }: { readonly project: string }) => projects.length === 0 || projects.includes(project);
  const { images, files } = order;
  return linesWithdrawn({ ...order, images: images.filter(isAsked), files: files.filter(isAsked) }, now);
}

async function readOrder(bucket: Bucket, key: string, signal: AbortSignal): Promise<FillOrder | undefined> {
  const object = key === "" ? undefined : await bucket.stat(key, signal);
  if (object === undefined) return undefined;
  const bytes = await buffer(readAll(bucket, object, signal));
  try {
    const read = readTaskOrder(gunzipSync(bytes).toString("utf8"), key);
    return "fillOrder" in read ? read : undefined;
  } catch (error) {
    if (error instanceof CommandError || (error as NodeJS.ErrnoException).code?.startsWith("Z_") === true)
      return undefined;
    throw error;
  }
}
