import type { ContentFault, ReadingBack } from "../run/content-fault.ts";
import type { Bucket } from "../storage/bucket.ts";
import { measure, readAll } from "./fan-out.ts";

/**
 * Reads every byte of an object, whatever its store proves of it.
 * @param sha256 what it must be, hex.
 * @throws what the bucket answers if it cannot be read.
 */
export async function readObjectBack(
  bucket: Bucket,
  key: string,
  sha256: string,
  { signal, received }: ReadingBack,
): Promise<ContentFault[]> {
  const where = `${bucket.url}/${key}`;
  const stored = await bucket.stat(key, signal);
  if (stored === undefined) return [{ what: "missing", why: `${where} is not there` }];
  const found = await measure(readAll(bucket, stored, signal));
  received(found.size);
  return found.sha256 === sha256 ? [] : [{ what: "corrupt", why: `${where} has content sha256:${found.sha256}` }];
}
