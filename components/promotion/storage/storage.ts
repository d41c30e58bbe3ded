import type { StorageSettings } from "../run/request.ts";
import { type Bucket, type BucketAddress, bucketUrl, type StoreClient } from "./bucket.ts";

/** Opens buckets. All buckets of a store share clients, connections and credentials. */
export interface Storage {
  open(address: BucketAddress): Bucket;
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
  return {
    open(address) {
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
      return lazyBucket(address, load);
    },
    async close() {
      for (const loaded of await Promise.allSettled(clients.values())) {
        if (loaded.status === "fulfilled") await loaded.value.close();
      }
    },
  };
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
    replace: async (key, bytes, headers, signal, over) => (await loaded()).replace(key, bytes, headers, signal, over),
    remove: async (object, signal) => (await loaded()).remove(object, signal),
    keepsRemoved: async (signal) => (await loaded()).keepsRemoved(signal),
    mayWrite: async (signal) => (await loaded()).mayWrite(signal),
  };
}
