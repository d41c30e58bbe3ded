/** A task of a fill leaves out what promotions withdraw after it was ordered, and what it is bringing then it brings no further. */
import { setTimeout as sleep } from "node:timers/promises";
import { causeOf } from "../promotion/http/errors.ts";
import { keyedLines, type Unwanted, unwantedIn, unwantedKnownFor } from "../promotion/provider/unwanted-lines.ts";
import { unwantedFolder } from "../promotion/run/fill-folders.ts";
import type { FilesRequest, ImagesRequest } from "../promotion/run/request.ts";
import { wantedText } from "../promotion/run/wanted-text.ts";
import type { Bucket } from "../promotion/storage/bucket.ts";
import { joinLines } from "../promotion/text/join-lines.ts";
import { splitLines } from "../promotion/text/split-lines.ts";
import { CommandError } from "./command.ts";
import { type FillOrder, linesWithdrawn } from "./fill-order.ts";

/** How often a task looks, and for how long it writes without. */
export interface LookTimes {
  /** ms between two looks. */
  readonly every: number;
  /** ms. */
  readonly knownFor: number;
}

const usualTimes: LookTimes = { every: 5_000, knownFor: unwantedKnownFor };

/** ms that a task waits for the first look, and for the next when it has stopped because it could not look. */
const longestLook = 60_000;

/**
 * Does the work with what is still wanted of an order. When some of that is withdrawn, or it is unknown for too long whether it is, the work is aborted,
 * and done again with the rest, as soon as that is known.
 * @param bucket where promotions say what they do not want any more.
 * @throws CommandError if it cannot be read in the end; what the work throws.
 */
export async function whileWanted<Result>(
  order: FillOrder,
  bucket: Bucket,
  signal: AbortSignal,
  work: (wanted: FillOrder, signal: AbortSignal) => Promise<Result>,
  times: LookTimes = usualTimes,
): Promise<Result> {
  const unwanted = new UnwantedLines(bucket);
  for (;;) {
    const asked = performance.now();
    try {
      await unwanted.look(AbortSignal.any([signal, AbortSignal.timeout(longestLook)]));
    } catch (error) {
      signal.throwIfAborted();
      throw new CommandError(
        `${bucket.url}: what is withdrawn cannot be read, so nothing is brought: ${causeOf(error)}`,
      );
    }
    const wanted = unwanted.without(order);
    const outdated = new AbortController();
    const ended = new AbortController();
    const watching = watch(unwanted, wanted, asked, times, outdated, ended.signal);
    try {
      const result = await work(wanted, AbortSignal.any([signal, outdated.signal]));
      if (!outdated.signal.aborted) return result;
    } catch (error) {
      if (signal.aborted || !outdated.signal.aborted) throw error;
    } finally {
      ended.abort();
      await watching;
    }
    signal.throwIfAborted();
  }
}

/** Aborts the work that `wanted` is no longer right for, or may not be. @param since when the last look began, by performance.now(). */
async function watch(
  unwanted: UnwantedLines,
  wanted: FillOrder,
  since: number,
  { every, knownFor }: LookTimes,
  outdated: AbortController,
  ended: AbortSignal,
): Promise<void> {
  const stop = () => outdated.abort(new Error("what is wanted has changed, or cannot be read"));
  let timer = setTimeout(stop, since + knownFor - performance.now());
  try {
    while (!outdated.signal.aborted) {
      await sleep(every, undefined, { signal: ended });
      const asked = performance.now();
      let hasChanged: boolean;
      try {
        hasChanged = await unwanted.look(AbortSignal.any([ended, outdated.signal]));
      } catch {
        continue; // the timer ends it if this goes on
      }
      if (hasChanged && linesWithdrawn(wanted, unwanted.without(wanted)) > 0) return stop();
      clearTimeout(timer);
      timer = setTimeout(stop, asked + knownFor - performance.now());
    }
  } catch (error) {
    if (!ended.aborted) throw error;
  } finally {
    clearTimeout(timer);
  }
}

/** What promotions do not want, as last read. */
class UnwantedLines {
  readonly #bucket: Bucket;
  /** By object. */
  #known = new Map<string, { readonly version: string; readonly unwanted: Unwanted }>();

  constructor(bucket: Bucket) {
    this.#bucket = bucket;
  }

  /** @returns whether something has changed. */
  async look(signal: AbortSignal): Promise<boolean> {
    let hasChanged = false;
    const found = new Map<string, { readonly version: string; readonly unwanted: Unwanted }>();
    for await (const object of this.#bucket.list(unwantedFolder, signal)) {
      const known = this.#known.get(object.key);
      if (known?.version === object.version) {
        found.set(object.key, known);
      } else {
        found.set(object.key, { version: object.version, unwanted: await unwantedIn(this.#bucket, object, signal) });
        hasChanged = true;
      }
    }
    this.#known = found;
    return hasChanged;
  }

  /** The order without what is unwanted. */
  without(order: FillOrder): FillOrder {
    const all = [...this.#known.values()].map(({ unwanted }) => unwanted);
    const wantedOf = <Request extends ImagesRequest | FilesRequest>(kind: "images" | "files", request: Request) => {
      const { lines, mirrors } = all.find((one) => one.project === request.project && one.kind === kind) ?? nothing;
      if (mirrors.includes(order.mirror)) return { ...request, [kind]: "" };
      if (lines.length === 0) return request;
      const gone = new Set(lines);
      const keys = keyedLines(request);
      const text = splitLines(wantedText(request));
      return { ...request, [kind]: joinLines(text.filter((_, index) => !gone.has(keys[index]!))) };
    };
    return {
      ...order,
      images: order.images.map((request) => wantedOf("images", request)),
      files: order.files.map((request) => wantedOf("files", request)),
    };
  }
}

const nothing: Pick<Unwanted, "lines" | "mirrors"> = { lines: [], mirrors: [] };
