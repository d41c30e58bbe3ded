import { setTimeout as sleep } from "node:timers/promises";
import { InterruptedError } from "../http/errors.ts";
import { isTransientStatus } from "../http/retry-policy.ts";
import { beginning, type ResumePoint, readBlob } from "../oci/blobs.ts";
import { RegistryError, WrongContentError } from "../oci/errors.ts";
import type { Remote } from "../oci/remote.ts";
import { type BlobCopy, type BlobFailures, type CopyDependencies, SourceError } from "./blob-copy.ts";
import type { BlobTarget, BlobWriter } from "./blob-target.ts";
import { Channel } from "./channel.ts";

/** Downloads of one blob: the first for all targets, further ones for those that broke or were too slow. */
const mostRounds = 6;
/**
 * ms before a broken upload is resumed, times the rounds so far: the registry may not have noticed yet that the
 * connection broke.
 */
const breath = 250;

/**
 * Streams a blob to targets, downloaded once for all that keep up. A target whose upload broke resumes where it
 * stopped, with a new download of the rest; one that is much slower than the others continues without them. Memory:
 * half a MiB for each target.
 * @param failures gets an entry for each target that finally failed.
 */
export async function copyLargeBlob(
  copy: BlobCopy,
  failures: BlobFailures,
  dependencies: CopyDependencies,
): Promise<void> {
  const state: State = { resumePoints: [beginning()], writers: new Map() };
  let targets = copy.targets;
  let sources = copy.sources;
  let wrong: WrongContentError | undefined;
  for (let round = 1; targets.length > 0 && !dependencies.signal.aborted; round++) {
    const { broken, unread } = await copyRound({ ...copy, targets, sources }, state, dependencies);
    if (unread instanceof WrongContentError && unread.from) {
      wrong ??= unread;
      // The bytes of this round are useless: every upload starts again, from another source.
      await Promise.all([...state.writers.values()].map((writer) => writer.abandon()));
      state.writers.clear();
      state.resumePoints = [beginning()];
      sources = sources.filter((source) => source.repository !== unread.from);
    } else if (unread) {
      for (const target of copy.targets) if (broken.has(target)) failures.set(target, new SourceError(wrong ?? unread));
      break;
    }
    if (broken.size > 0)
      await sleep(breath * round, undefined, { signal: dependencies.signal }).catch((error: unknown) => error);
    targets = [...broken.keys()].filter((target) => round < mostRounds && mayRepeat(broken.get(target)));
    for (const [target, error] of broken) if (!targets.includes(target)) failures.set(target, error);
  }
  const given = [...state.writers].filter(([target]) => failures.has(target));
  await Promise.all(given.map(([, writer]) => writer.abandon()));
}

interface State {
  /** By offset; the first is the start. */
  resumePoints: ResumePoint[];
  readonly writers: Map<BlobTarget, BlobWriter>;
}

/** One target in a round. */
interface Lane {
  readonly target: BlobTarget;
  readonly from: number;
  readonly channel: Channel;
  /** Stops the upload at its current offset. */
  readonly stop: AbortController;
  /** ms for which the others had to wait for this target. */
  lag: number;
}

/** Downloads once and writes to all targets. `unread`: why the download failed; then no target has the blob. */
async function copyRound(
  copy: BlobCopy,
  state: State,
  dependencies: CopyDependencies,
): Promise<{ broken: BlobFailures; unread?: unknown }> {
  const broken: BlobFailures = new Map();
  const lanes: Lane[] = [];
  await Promise.all(
    copy.targets.map(async (target) => {
      try {
        let writer = state.writers.get(target);
        const from = writer ? await writer.offset() : 0;
        writer ??= await target.begin(copy.blob);
        state.writers.set(target, writer);
        lanes.push({ target, from, channel: new Channel(), stop: new AbortController(), lag: 0 });
      } catch (error) {
        broken.set(target, error);
      }
    }),
  );
  if (lanes.length === 0) return { broken };
  const least = Math.min(...lanes.map((lane) => lane.from));
  const start = state.resumePoints.findLast((resumePoint) => resumePoint.offset <= least)!;
  const writing = lanes.map(async ({ target, from, channel, stop }) => {
    try {
      await state.writers.get(target)!.write(from, channel, AbortSignal.any([dependencies.signal, stop.signal]));
      state.writers.delete(target);
    } catch (error) {
      broken.set(target, error);
    } finally {
      channel.close();
    }
  });
  let unread: unknown;
  try {
    await pump(copy, copy.sources, start, state, lanes, dependencies);
    for (const { channel } of lanes) channel.end();
  } catch (error) {
    unread = error ?? new Error("the download failed");
    for (const { channel } of lanes) channel.fail(unread);
  }
  await Promise.all(writing);
  if (unread) for (const { target } of lanes) broken.set(target, unread);
  return { broken, ...(unread !== undefined && { unread }) };
}

async function pump(
  copy: BlobCopy,
  sources: readonly Remote[],
  start: ResumePoint,
  state: State,
  lanes: readonly Lane[],
  dependencies: CopyDependencies,
): Promise<void> {
  let { offset } = start;
  const mark = (resumePoint: ResumePoint) => {
    if (resumePoint.offset > state.resumePoints.at(-1)!.offset) state.resumePoints.push(resumePoint);
  };
  for await (const chunk of readBlob(sources, copy.blob, start, mark)) {
    dependencies.signal.throwIfAborted();
    const live = lanes.filter((lane) => !lane.channel.closed);
    if (live.length === 0) return; // all targets have failed: the rest is not needed
    for (const { channel, from, target } of live) {
      const slice = chunk.subarray(Math.min(chunk.length, Math.max(0, from - offset)));
      channel.write(slice);
      copy.received(target, slice.length);
    }
    offset += chunk.length;
    if (live.some((lane) => lane.channel.full)) await waitForRoom(live, dependencies);
  }
}

/** Waits until all targets can take more; those that take too long are moved to the next round. */
async function waitForRoom(live: readonly Lane[], dependencies: CopyDependencies): Promise<void> {
  const slow = live.filter((lane) => lane.channel.full);
  const othersWait = slow.length < live.length;
  const began = Date.now();
  await Promise.all(
    slow.map(async (lane) => {
      const allowed = othersWait ? Math.min(dependencies.stall, dependencies.maxLag - lane.lag) : dependencies.stall;
      if (await isIn(lane.channel.room(), allowed)) {
        if (othersWait) lane.lag += Date.now() - began;
      } else {
        const cause = othersWait ? "the others waited too long for it" : "it accepted nothing";
        lane.stop.abort(new InterruptedError(`${lane.target.mirror} takes the blob too slowly`, cause));
        lane.channel.close();
      }
    }),
  );
}

/** Whether a promise is fulfilled within so many ms. */
async function isIn(promise: Promise<void>, milliseconds: number): Promise<boolean> {
  const timer = new AbortController();
  try {
    const late = sleep(Math.max(0, milliseconds), false, { signal: timer.signal });
    return await Promise.race([promise.then(() => true), late]);
  } finally {
    timer.abort();
  }
}

/** Statuses of an upload that the registry has lost or has at another offset, and of an expired token. */
const lostUpload = new Set([400, 401, 404, 416]);

/**
 * Whether resuming or restarting may help: after broken connections, and for uploads that a registry has lost or has at
 * another offset.
 */
function mayRepeat(error: unknown): boolean {
  if (error instanceof InterruptedError || error instanceof WrongContentError) return true;
  return error instanceof RegistryError && (isTransientStatus(error.status) || lostUpload.has(error.status));
}
