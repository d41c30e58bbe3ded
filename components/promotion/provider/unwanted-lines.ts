/**
 * What promotions no longer want, told to the fills that run. A fill keeps its order for hours: it would bring back what a deployment removes meanwhile.
 * So a deployment writes into the bucket of the fills what it is going to remove or replace, and waits until every task that runs knows it; the tasks
 * look there again and again, and stop writing when they cannot (commands/fill-while-wanted.ts).
 */
import { setTimeout as sleep } from "node:timers/promises";
import { gunzipSync, gzipSync } from "node:zlib";
import { readAll } from "../blobs/fan-out.ts";
import { auditOrderEnding, ordersFolder, unwantedFolder } from "../run/fill-folders.ts";
import type { FilesRequest, ImagesRequest, StorageSettings } from "../run/request.ts";
import { Storages } from "../run/storages.ts";
import { unplacedOf } from "../run/unplaced-mirrors.ts";
import { wantedText } from "../run/wanted-text.ts";
import { type Bucket, BucketAbsent, type Stored } from "../storage/bucket.ts";
import { putObject } from "../storage/small-object.ts";
import { openStorage } from "../storage/storage.ts";
import { splitLines } from "../text/split-lines.ts";

/** ms after which a task writes nothing more without knowing what is unwanted. */
export const unwantedKnownFor = 15_000;

/** ms that a deployment waits: longer than tasks write without knowing, by what it takes to end a request. */
const untilAllKnow = 2 * unwantedKnownFor;

/** ms after which a deployment gives up to tell: tasks that cannot look either have stopped by then. */
const longestTelling = 60_000;

/** What one promotion does not want. */
export interface Unwanted {
  readonly project: string;
  readonly kind: "images" | "files";
  /** What it wanted once, as {@link keyedLines} names it, and does not want now. */
  readonly lines: readonly string[];
  /** Names of mirrors in which it wants nothing. */
  readonly mirrors: readonly string[];
}

/** The wanted lines with the folder that they are in: another one of the same project has other artifacts. */
export function keyedLines(request: ImagesRequest | FilesRequest): string[] {
  return splitLines(wantedText(request)).map((line) => `${request.prefix} ${line}`);
}

/** What changes for one promotion. */
export interface WantedChange extends Pick<Unwanted, "project" | "kind" | "mirrors"> {
  /** What it wants. */
  readonly wanted: readonly string[];
  /** What it wanted before. */
  readonly before: readonly string[];
  /** Names of the mirrors that it leaves now. */
  readonly left: readonly string[];
}

/** What a run changes. @param last what the last one was asked for; undefined: there was none. */
export function changeOf(
  kind: "images" | "files",
  request: ImagesRequest | FilesRequest,
  last: ImagesRequest | FilesRequest | undefined,
): WantedChange {
  const unplacedIn = (one: ImagesRequest | FilesRequest) =>
    unplacedOf<{ readonly name: string }>(one).map(({ name }) => name);
  const mirrors = unplacedIn(request);
  const former = last === undefined ? mirrors : unplacedIn(last);
  return {
    project: request.project,
    kind,
    mirrors,
    wanted: keyedLines(request),
    before: last === undefined ? [] : keyedLines(last),
    left: mirrors.filter((name) => !former.includes(name)),
  };
}

/** The bucket of the fills. All promotions of this process share the client, which is not that of their copies: behind those a request may wait for long. */
export function openFills(settings: StorageSettings, bucket: string): Bucket {
  return storages.at({ ...settings, purges: [] }).open({ kind: "gcs", bucket });
}

/**
 * Tells the fills what a promotion does not want any more.
 * @throws if they cannot be told.
 * @param waits is told before it waits for them.
 * @returns when no task brings any of it: at once if nothing is withdrawn, or no fill can run.
 */
export async function tellFills(
  bucket: Bucket,
  { project, kind, mirrors, wanted, before, left }: WantedChange,
  signal: AbortSignal,
  waits: () => void,
): Promise<void> {
  const soon = AbortSignal.any([signal, AbortSignal.timeout(longestTelling)]);
  const key = `${unwantedFolder}${project}/${kind}.json.gz`;
  const stored = await bucket.stat(key, soon);
  const told = stored === undefined ? undefined : await unwantedIn(bucket, stored, soon);
  const isWanted = new Set(wanted);
  const withdrawn = before.filter((line) => !isWanted.has(line));
  const lines = new Set([...(told?.lines ?? []), ...withdrawn].filter((line) => !isWanted.has(line)));
  const isRestored =
    told !== undefined &&
    (told.lines.some((line) => !lines.has(line)) || told.mirrors.some((name) => !mirrors.includes(name)));
  const isLess = withdrawn.length > 0 || left.length > 0;
  if (!isLess && !isRestored) return;
  if ((await hasOrders(bucket, soon)) === undefined) return; // this deployment makes the bucket
  const unwanted: Unwanted = { project, kind, lines: [...lines], mirrors };
  await putObject(bucket, key, gzipSync(JSON.stringify(unwanted)), soon);
  // Now: a fill that is ordered later begins with what was written.
  if (!isLess || (await hasOrders(bucket, soon)) !== true) return;
  waits();
  await sleep(untilAllKnow, undefined, { signal });
}

/** Whether a fill may run, as orders are kept for longer than an execution lasts; undefined: the bucket does not exist. */
async function hasOrders(bucket: Bucket, signal: AbortSignal): Promise<boolean | undefined> {
  try {
    for await (const { key } of bucket.list(ordersFolder, signal)) if (!key.endsWith(auditOrderEnding)) return true;
    return false;
  } catch (error) {
    if (error instanceof BucketAbsent) return undefined;
    throw error;
  }
}

/** Reads what an object of the folder says. */
export async function unwantedIn(bucket: Bucket, object: Stored, signal: AbortSignal): Promise<Unwanted> {
  const bytes = await Array.fromAsync(readAll(bucket, object, signal));
  return JSON.parse(gunzipSync(Buffer.concat(bytes)).toString("utf8")) as Unwanted;
}

// Belongs to the process, not to a request.
const storages = new Storages(openStorage);
