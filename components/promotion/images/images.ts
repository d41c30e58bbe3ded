import pLimit from "p-limit";
import { BufferPool } from "../blobs/buffer-pool.ts";
import { WeightedSemaphore } from "../http/weighted-semaphore.ts";
import { Transport, type TransportOptions } from "../oci/transport.ts";
import { eventLoopIdle } from "../run/event-loop-idle.ts";
import type { ImagesRequest, InventoryRun, PreviewRun, PromoteRun, RemoveRun } from "../run/request.ts";
import { openStorage, type Storage } from "../storage/storage.ts";
import { findUnmanagedImages, type UnmanagedImagesRun } from "../unmanaged/unmanaged-images.ts";
import { copyImage } from "./copy-image.ts";
import { takeInventory } from "./inventory.ts";
import { isEmptyPlan, planImages } from "./plan.ts";
import { previewPlan } from "./preview.ts";
import { removeImage } from "./remove-image.ts";
import { type Dependencies, ImagesRun } from "./run.ts";
import { tagImage, untagImage } from "./tag-image.ts";

/** The runs of promotion of images, over one set of connections. */
export interface ImagePromotion {
  readonly preview: PreviewRun<ImagesRequest>;
  readonly promote: PromoteRun<ImagesRequest>;
  readonly takeInventory: InventoryRun<ImagesRequest>;
  readonly remove: RemoveRun<ImagesRequest>;
  readonly findUnmanaged: UnmanagedImagesRun;
  /** Ends all connections. */
  close(): Promise<void>;
}

/** How it behaves; all are for tests, but for `credentials` and `listingLife`. */
export interface ImagePromotionOptions extends TransportOptions {
  /**
   * ms for which a bucket's listing is believed, while nothing here writes: projects of which stock is taken one after the other
   * then share it. 0: only those at the same time do.
   */
  readonly listingLife?: number;
  /** ms that one mirror may keep the others waiting for a large blob, in sum, before it has to go on alone. */
  readonly patience?: number;
}

/** Digests under way at a time, over all projects of the process: enough to fill a network with 50 ms of round trip. */
const digestsAtATime = 64;
/** Bytes of small blobs in memory at a time: so many at first, up to the second when the ways to the registries are long. */
const memory = { first: 8 * 1024 * 1024, most: 32 * 1024 * 1024 };
/** Large blobs under way at a time. */
const streams = 12;

/** Opens the connections; they are shared by all runs, of all projects. */
export function imagePromotion(options: ImagePromotionOptions = {}): ImagePromotion {
  const transport = new Transport(options);
  const storages = new Map<string, Storage>();
  const listings = new Map<string, Promise<readonly string[]>>();
  const limit = pLimit(digestsAtATime);
  const means: Dependencies = {
    transport,
    memory: new WeightedSemaphore(memory.first, { most: memory.most, mayGrow: eventLoopIdle() }),
    pool: new BufferPool(memory.most),
    streams: new WeightedSemaphore(streams),
    patience: options.patience ?? 30_000,
    stall: options.stallTimeout ?? 60_000,
    limit: (work) => limit(work),
    bucket: (settings, bucket, region) => {
      const key = JSON.stringify(settings);
      const storage = storages.get(key) ?? openStorage(settings);
      storages.set(key, storage);
      return storage.open({ kind: "s3", bucket, region });
    },
    keys: (bucket, prefix, signal) => {
      const name = `${bucket.url}/${prefix}`;
      const known = listings.get(name);
      if (known) return known;
      const listing = Array.fromAsync(bucket.list(prefix, signal), ({ key }) => key);
      listings.set(name, listing);
      const forget = () => listings.get(name) === listing && listings.delete(name);
      listing.then(() => setTimeout(forget, options.listingLife ?? 0).unref(), forget);
      return listing;
    },
  };
  const promote: PromoteRun<ImagesRequest> = async (request, previous, context) => {
    const plan = planImages(request, previous);
    if (plan.errors.length > 0) throw new Error(plan.errors.join("\n"));
    const run = new ImagesRun(request, plan, means, context);
    if (isEmptyPlan(plan)) return run.outcome();
    listings.clear();
    await untilAborted(context.signal, () => carryOut(run, means));
    listings.clear();
    return run.outcome();
  };
  return {
    preview: (request, previous, context) => previewPlan(request, planImages(request, previous), means, context),
    promote,
    takeInventory: (request, context) => takeInventory(request, means, context),
    findUnmanaged: (places, owners, context) => findUnmanagedImages(places, owners, means, context),
    remove: (previous, context) => promote({ ...previous.request, images: "" }, previous, context),
    async close() {
      await transport.close();
      for (const storage of storages.values()) await storage.close();
    },
  };
}

/** Additions first, so that a renamed image is never absent; then tags, then what goes. */
async function carryOut(run: ImagesRun, means: Dependencies): Promise<void> {
  const { copies, retags, untags, removals } = run.plan;
  const all = <Step>(steps: readonly Step[], work: (step: Step, run: ImagesRun) => Promise<void>) =>
    settleAll(steps.map((step) => means.limit(() => work(step, run))));
  await settleAll([all(copies, copyImage), all(retags, tagImage)]);
  if (untags.length + removals.length > 0) await run.context.leaving?.();
  await all(untags, untagImage);
  await all(removals, removeImage);
}

/** Waits for all, so that nothing goes on behind the run's back, then throws what the first threw. */
async function settleAll(promises: readonly Promise<void>[]): Promise<void> {
  for (const result of await Promise.allSettled(promises)) if (result.status === "rejected") throw result.reason;
}

/** An abort ends the work, not the run: what was done is its outcome. */
async function untilAborted(signal: AbortSignal, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

let shared: ImagePromotion | undefined;

function sharedPromotion(): ImagePromotion {
  shared ??= imagePromotion({ listingLife: 60_000 });
  return shared;
}

/** As {@link ImagePromotion.preview}, over the connections of this process. */
export const previewImages: PreviewRun<ImagesRequest> = (...args) => sharedPromotion().preview(...args);
/** As {@link ImagePromotion.promote}, over the connections of this process. */
export const promoteImages: PromoteRun<ImagesRequest> = (...args) => sharedPromotion().promote(...args);
/** As {@link ImagePromotion.takeInventory}, over the connections of this process. */
export const takeImageInventory: InventoryRun<ImagesRequest> = (...args) => sharedPromotion().takeInventory(...args);
/** As {@link ImagePromotion.remove}, over the connections of this process. */
export const removeImages: RemoveRun<ImagesRequest> = (...args) => sharedPromotion().remove(...args);
/** As {@link ImagePromotion.findUnmanaged}, over the connections of this process. */
export const unmanagedImages: UnmanagedImagesRun = (...args) => sharedPromotion().findUnmanaged(...args);
