import { createHash } from "node:crypto";
import { type Bucket, ObjectExists } from "./bucket.ts";
import { crc32c, encodeCrc32c } from "./crc32c.ts";

const nothing = Buffer.alloc(0);
const headers = { contentType: "application/octet-stream", cacheControl: "no-store" };

/** Writes an object whose key alone says something, unless it is there; promotions write and read them. */
export async function createEmpty(bucket: Bucket, key: string, signal: AbortSignal): Promise<void> {
  try {
    await createSmall(bucket, key, nothing, signal);
  } catch (error) {
    if (!(error instanceof ObjectExists)) throw error;
  }
}

/** Writes a small object that only promotions read. @throws ObjectExists */
export async function createSmall(bucket: Bucket, key: string, bytes: Buffer, signal: AbortSignal): Promise<void> {
  const checksum = encodeCrc32c(crc32c(bytes));
  const content = { size: bytes.length, sha256: createHash("sha256").update(bytes).digest("hex"), crc32c: checksum };
  const upload = await bucket.create(key, content, headers, signal);
  await upload.finish({ bytes, offset: 0, crc32c: checksum });
}
