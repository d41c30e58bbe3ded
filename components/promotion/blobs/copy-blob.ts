import { getBlob } from "../oci/blobs.ts";
import { type BlobCopy, type BlobFailures, type CopyDependencies, SourceError } from "./blob-copy.ts";
import type { BlobTarget } from "./blob-target.ts";
import { copyLargeBlob } from "./copy-large-blob.ts";

/** Up to this size a blob is read into memory once and sent from there, so that a failing target needs no second download. */
const smallBlob = 4 * 1024 * 1024;

/**
 * Copies one blob, downloaded once, to all targets that lack it. Each target succeeds or fails by itself.
 * @throws only the signal's reason.
 */
export async function copyBlob(copy: BlobCopy, dependencies: CopyDependencies): Promise<BlobFailures> {
  const failures: BlobFailures = new Map();
  const lacking = new Set<BlobTarget>();
  await each(copy.targets, failures, async (target) => {
    if (!(await target.mountOrExists(copy.blob))) lacking.add(target);
  });
  dependencies.signal.throwIfAborted();
  if (lacking.size === 0) return failures;
  const rest = { ...copy, targets: copy.targets.filter((target) => lacking.has(target)) };
  await (copy.blob.size <= smallBlob
    ? dependencies.memory.with(copy.blob.size, () => copySmallBlob(rest, failures, dependencies))
    : dependencies.streams.with(1, () => copyLargeBlob(rest, failures, dependencies)));
  dependencies.signal.throwIfAborted();
  return failures;
}

async function copySmallBlob(copy: BlobCopy, failures: BlobFailures, { pool }: CopyDependencies): Promise<void> {
  const memory = pool.take(copy.blob.size);
  let bytes: Buffer;
  try {
    bytes = await getBlob(copy.sources, copy.blob, memory);
  } catch (error) {
    for (const target of copy.targets) failures.set(target, new SourceError(error));
    return;
  }
  await each(copy.targets, failures, async (target) => {
    await target.put(copy.blob, bytes);
    copy.received(target, bytes.length);
  });
  // After a failure another target may still be sending from it.
  if (copy.targets.every((target) => !failures.has(target))) pool.give(memory);
}

async function each(
  targets: readonly BlobTarget[],
  failures: BlobFailures,
  work: (target: BlobTarget) => Promise<void>,
): Promise<void> {
  await Promise.all(
    targets.map(async (target) => {
      try {
        await work(target);
      } catch (error) {
        failures.set(target, error);
      }
    }),
  );
}
