import type { CdnPurge, FailedPurge, StorageSettings } from "../run/request.ts";
import { type Bucket, type BucketAddress, bucketUrl, type StoreClient } from "./bucket.ts";
import { PurgeQueue } from "./purge-queue.ts";
import { purgedBucket } from "./purged-bucket.ts";
import { sendPurge } from "./send-purge.ts";

/** Opens buckets. All buckets of a store share clients, connections and credentials. */
export interface Storage {
  open(address: BucketAddress): Bucket;
  /** Purges from the CDNs what was replaced or removed, also by runs that were killed. @returns those that it could not purge. */
  purge(signal: AbortSignal): Promise<readonly FailedPurge[]>;
  /** Closes idle connections. */
  close(): Promise<void>;
}

/** The stores at these endpoints. A store's client is loaded when its first bucket is used. */
export function openStorage(settings: StorageSettings): Storage {
  const clients = new Map<string, Promise<StoreClient>>();
  const client = (key: string, load: () => Promise<StoreClient>): Promise<StoreClient> => {
    const known = clients.get(key) ?? load();
    clients.set(key, known);
    return known;
  };
  const opened = (address: BucketAddress): Bucket => {
    const load =
      address.kind === "gcs"
        ? () => client("gcs", async () => (await import("./gcs.ts")).connectGcs(settings.gcsEndpoint))
        : () =>
            client(`s3 ${address.region} ${address.endpoint ?? ""} ${address.keys ?? ""}`, async () =>
              (await import("./s3.ts")).connectS3({
                region: address.region ?? "us-east-1",
                endpoint: address.endpoint ?? settings.s3Endpoint,
                // R2, MinIO and Ceph all take the bucket in the path; not all of them have a host name for each bucket.
                pathStyle: address.endpoint !== undefined || (settings.s3UsePathStyle ?? false),
                keys: address.keys,
                partsOnly: address.endpoint !== undefined,
              }),
            );
    return lockedBucket(address, lazyBucket(address, load));
  };
  return {
    open(address) {
      const purge = settings.purges?.find((each) => isBehind(each, address));
      const bucket = opened(address);
      return purge === undefined ? bucket : purgedBucket(bucket, queueOf(purge, opened));
    },
    async purge(signal) {
      const sweeps = (settings.purges ?? []).map((purge) => queueOf(purge, opened).sweep(signal));
      return (await Promise.all(sweeps)).filter((failed) => failed !== undefined);
    },
    async close() {
      for (const loaded of await Promise.allSettled(clients.values())) {
        if (loaded.status === "fulfilled") await loaded.value.close();
      }
    },
  };
}

/** By CDN. They belong to the process: its images, files and catalogue change the same buckets. */
const queues = new Map<string, PurgeQueue>();

function queueOf(purge: CdnPurge, opened: (address: BucketAddress) => Bucket): PurgeQueue {
  const key = JSON.stringify(purge);
  const queue = queues.get(key) ?? new PurgeQueue(purge, opened(purge), sendPurge);
  queues.set(key, queue);
  return queue;
}

function isBehind(purge: CdnPurge, { kind, bucket, endpoint }: BucketAddress): boolean {
  return purge.kind === kind && purge.bucket === bucket && purge.endpoint === endpoint;
}

/**
 * A bucket that must be locked is asked once whether it is, before it is listed or written to: so a promotion, a refresh and the audit fail where it is
 * not. What it has can be read: it may be all that is left.
 */
function lockedBucket(address: BucketAddress, bucket: Bucket): Bucket {
  const { lock } = address;
  if (lock === undefined) return bucket;
  let checked: Promise<void> | undefined;
  const check = async (signal: AbortSignal): Promise<void> => {
    checked ??= assertLocked(bucket, lock, signal);
    try {
      await checked;
    } catch (error) {
      checked = undefined; // asked again by the next, which may come after a person's change
      throw error;
    }
  };
  return {
    ...bucket,
    list: async function* (prefix, signal) {
      await check(signal);
      yield* bucket.list(prefix, signal);
    },
    pages: async function* (prefix, signal) {
      await check(signal);
      yield* bucket.pages(prefix, signal);
    },
    create: async (key, content, headers, signal, over) => {
      await check(signal);
      return bucket.create(key, content, headers, signal, over);
    },
    copyFrom: async (source, object, key, headers, signal, copied) => {
      await check(signal);
      await bucket.copyFrom(source, object, key, headers, signal, copied);
    },
    replace: async (key, bytes, headers, signal, over) => {
      await check(signal);
      await bucket.replace(key, bytes, headers, signal, over);
    },
    remove: async (object, signal) => {
      await check(signal);
      await bucket.remove(object, signal);
    },
  };
}

async function assertLocked(bucket: Bucket, lock: number, signal: AbortSignal): Promise<void> {
  const days = await bucket.lockedDays(signal);
  if (days === undefined)
    throw new Error(
      `${bucket.url}: whether it is locked is unknown: allow its keys s3:GetBucketObjectLockConfiguration`,
    );
  if (days < lock)
    throw new Error(
      `${bucket.url}: artifacts:imageStores asks for a lock of ${lock} days, but ${days === 0 ? "it has none" : `it locks for ${days}`}: set S3 Object Lock with a default retention of ${lock} days, or change \`lock\``,
    );
}

function lazyBucket(address: BucketAddress, load: () => Promise<StoreClient>): Bucket {
  const loaded = async (): Promise<Bucket> => (await load()).bucket(address.bucket);
  return {
    url: bucketUrl(address),
    stat: async (key, signal) => (await loaded()).stat(key, signal),
    list: async function* (prefix, signal) {
      yield* (await loaded()).list(prefix, signal);
    },
    pages: async function* (prefix, signal) {
      yield* (await loaded()).pages(prefix, signal);
    },
    entries: async function* (prefix, signal) {
      yield* (await loaded()).entries(prefix, signal);
    },
    read: async (object, from, signal) => (await loaded()).read(object, from, signal),
    versions: async function* (key, signal) {
      yield* (await loaded()).versions(key, signal);
    },
    create: async (...args) => (await loaded()).create(...args),
    copyFrom: async (...args) => (await loaded()).copyFrom(...args),
    recordPartsEtag: async (object, etag, signal) => (await loaded()).recordPartsEtag(object, etag, signal),
    replace: async (key, bytes, headers, signal, over) => (await loaded()).replace(key, bytes, headers, signal, over),
    remove: async (object, signal) => (await loaded()).remove(object, signal),
    keepsRemoved: async (signal) => (await loaded()).keepsRemoved(signal),
    lockedDays: async (signal) => (await loaded()).lockedDays(signal),
    mayWrite: async (signal) => (await loaded()).mayWrite(signal),
  };
}
