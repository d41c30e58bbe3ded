import type { Bucket, Upload } from "./bucket.ts";
import { isPublished } from "./purge-calls.ts";
import type { PurgeQueue } from "./purge-queue.ts";

/** A bucket behind a CDN: what is replaced or removed in it is purged there, by the next {@link PurgeQueue.sweep}. */
export function purgedBucket(bucket: Bucket, queue: PurgeQueue): Bucket {
  const changing = <T>(key: string, signal: AbortSignal, change: () => Promise<T>): Promise<T> =>
    isPublished(key) ? queue.changing(key, signal, change) : change();
  return {
    ...bucket,
    create: async (key, content, headers, signal, over) => {
      const upload = await bucket.create(key, content, headers, signal, over);
      if (over === undefined) return upload;
      const replacing: Upload = {
        write: (chunk) => upload.write(chunk),
        finish: (last) => changing(key, signal, () => upload.finish(last)),
        abort: () => upload.abort(),
      };
      return replacing;
    },
    // Also where there was nothing: a CDN may keep a 404 for some minutes.
    replace: (key, bytes, headers, signal, over) =>
      changing(key, signal, () => bucket.replace(key, bytes, headers, signal, over)),
    remove: (object, signal) => changing(object.key, signal, () => bucket.remove(object, signal)),
  };
}
