import { type Bucket, chunkBytes, contentOfBytes, ObjectExists } from "./bucket.ts";
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
  const content = contentOfBytes(bytes);
  const upload = await bucket.create(key, content, headers, signal);
  await upload.finish({ bytes, offset: 0, crc32c: content.crc32c });
}

/** Writes an object that is held in memory, of any size, also in the place of one that is there: what only this program reads. */
export async function putObject(bucket: Bucket, key: string, bytes: Buffer, signal: AbortSignal): Promise<void> {
  const sum = (part: Buffer) => encodeCrc32c(crc32c(part));
  const over = await bucket.stat(key, signal);
  const upload = await bucket.create(key, contentOfBytes(bytes), headers, signal, over);
  const step = chunkBytes(bytes.length);
  let offset = 0;
  for (; bytes.length - offset > step; offset += step) {
    const part = bytes.subarray(offset, offset + step);
    await upload.write({ bytes: part, offset, crc32c: sum(part) });
  }
  const last = bytes.subarray(offset);
  await upload.finish({ bytes: last, offset, crc32c: sum(last) });
}
