import { createHash } from "node:crypto";
import { type Bucket, ObjectExists } from "./bucket.ts";
import { crc32c, encodeCrc32c } from "./crc32c.ts";

const bytes = Buffer.alloc(0);
const checksum = encodeCrc32c(crc32c(bytes));

const content = { size: 0, sha256: createHash("sha256").update(bytes).digest("hex"), crc32c: checksum };
const chunk = { bytes, offset: 0, crc32c: checksum };
const headers = { contentType: "application/octet-stream", cacheControl: "no-store" };

/** Writes an object whose key alone says something, unless it is there; promotions write and read them. */
export async function createEmpty(bucket: Bucket, key: string, signal: AbortSignal): Promise<void> {
  const upload = await bucket.create(key, content, headers, signal);
  try {
    await upload.finish(chunk);
  } catch (error) {
    if (!(error instanceof ObjectExists)) throw error;
  }
}
