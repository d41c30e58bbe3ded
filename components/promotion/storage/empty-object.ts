import { createHash } from "node:crypto";
import type { Chunk, Content, ObjectHeaders } from "./bucket.ts";
import { crc32c, encodeCrc32c } from "./crc32c.ts";

const bytes = Buffer.alloc(0);
const checksum = encodeCrc32c(crc32c(bytes));

/** An object whose key alone says something; promotions write and read them. */
export const emptyObject: {
  readonly content: Content;
  readonly chunk: Chunk;
  readonly headers: ObjectHeaders;
} = {
  content: { size: 0, sha256: createHash("sha256").update(bytes).digest("hex"), crc32c: checksum },
  chunk: { bytes, offset: 0, crc32c: checksum },
  headers: { contentType: "application/octet-stream", cacheControl: "no-store" },
};
