import { BufferPool } from "../blobs/buffer-pool.ts";
import { BucketRegistry } from "../bucket-registry/bucket-registry.ts";
import { WeightedSemaphore } from "../http/weighted-semaphore.ts";
import { Transport, type TransportOptions } from "../oci/transport.ts";
import { type ContentKind, type Promotion, promotionOf } from "../run/engine.ts";
import { eventLoopIdle } from "../run/event-loop-idle.ts";
import { grantWaits } from "../run/grant-waits.ts";
import { attachmentMemory, blobMemory, blobStreams, digestsAtATime } from "../run/limits.ts";
import type { ImagesRequest, InventoryRun, PreviewRun, PromoteRun } from "../run/request.ts";
import { Storages } from "../run/storages.ts";
import type { Bucket } from "../storage/bucket.ts";
import { openStorage } from "../storage/storage.ts";
import { openedOnce } from "../trust/opened-once.ts";
import { currentRoots } from "../trust/tuf-roots.ts";
import type { Dependencies, Store } from "./dependencies.ts";
import { takeImagesInventory } from "./inventory.ts";
import { newImageMirrors } from "./new-image-mirrors.ts";
import { imagePhases } from "./phases.ts";
import { type ImagePlan, planImages } from "./plan.ts";
import { previewImagesRun } from "./preview.ts";
import { ImagesRun } from "./run.ts";

/** The runs of promotion of images, over one set of connections. */
export interface ImagePromotion extends Promotion<ImagesRequest> {
  /** For other readers of the mirrors. */
  readonly dependencies: Dependencies;
  /** Closes all connections. */
  close(): Promise<void>;
}

/** Settings; all but `credentials` and `listingLife` are for tests. */
export interface ImagePromotionOptions extends TransportOptions {
  /**
   * ms for which a bucket's listing is reused while nothing is written here: inventories of several projects, one after the other, share
   * it. 0: only those at the same time do.
   */
  readonly listingLife?: number;
  /** ms that one mirror may keep the others waiting for a large blob, in sum, before it has to go on alone. */
  readonly maxLag?: number;
}

/**
 * A promotion of images over connections of its own, which all its runs share.
 * @internal exported for its tests.
 */
export function imagePromotion(options: ImagePromotionOptions = {}): ImagePromotion {
  const transport = new Transport(options);
  const storages = new Storages(openStorage);
  const listings = new Map<string, Promise<readonly string[]>>();
  const digests = new WeightedSemaphore(digestsAtATime);
  const stores = new Map<string, Store>();
  const dependencies: Dependencies = {
    transport,
    memory: new WeightedSemaphore(blobMemory.first, { most: blobMemory.most, mayGrow: eventLoopIdle() }),
    pool: new BufferPool(blobMemory.most),
    streams: new WeightedSemaphore(blobStreams),
    maxLag: options.maxLag ?? 30_000,
    stall: options.stallTimeout ?? 60_000,
    limit: (work) => digests.with(1, work),
    attachmentMemory: new WeightedSemaphore(attachmentMemory),
    roots: currentRoots,
    signer: openedOnce(),
    bucket: (settings, bucket, region) => {
      return storages.at(settings).open({ kind: "s3", bucket, region });
    },
    store: (settings, address) => {
      const key = JSON.stringify([settings, address]);
      const known = stores.get(key) ?? openStore(storages.at(settings).open(address));
      stores.set(key, known);
      return known;
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
  const kind: ContentKind<ImagesRequest, ImagePlan, ImagesRun> = {
    plan: planImages,
    start: (request, plan, context) => new ImagesRun(request, plan, dependencies, context),
    phases: imagePhases,
    preview: previewImagesRun,
    takeInventory: (request, context) => takeImagesInventory(request, dependencies, context),
    lines: ({ images }) => images,
    emptied: (request) => ({ ...request, images: "" }),
    newMirrors: (run, previous) => newImageMirrors(run, previous?.before ?? previous?.request, dependencies),
    purge: ({ storage }, signal) => storages.at(storage).purge(signal),
  };
  const promotion = promotionOf(kind, grantWaits);
  /** A run writes: listings from before it, or from while it wrote, are stale. */
  const afresh = async <T>(run: () => Promise<T>): Promise<T> => {
    listings.clear();
    try {
      return await run();
    } finally {
      listings.clear();
    }
  };
  return {
    ...promotion,
    promote: (...args) => afresh(() => promotion.promote(...args)),
    remove: (...args) => afresh(() => promotion.remove(...args)),
    dependencies,
    async close() {
      await transport.close();
      await storages.close();
    },
  };
}

function openStore(bucket: Bucket): Store {
  return { bucket, registry: new BucketRegistry(bucket) };
}

let shared: ImagePromotion | undefined;

/** The promotion of images over the connections of this process. */
export function sharedImagePromotion(): ImagePromotion {
  shared ??= imagePromotion({ listingLife: 60_000 });
  return shared;
}

/** As {@link Promotion.preview}, over the connections of this process. */
export const previewImages: PreviewRun<ImagesRequest> = (...args) => sharedImagePromotion().preview(...args);
/** As {@link Promotion.promote}, over the connections of this process. */
export const promoteImages: PromoteRun<ImagesRequest> = (...args) => sharedImagePromotion().promote(...args);
/** As {@link Promotion.takeInventory}, over the connections of this process. */
export const takeImageInventory: InventoryRun<ImagesRequest> = (...args) =>
  sharedImagePromotion().takeInventory(...args);
