import { type Chunk, chunkBytes } from "../storage/bucket.ts";
import { crc32c, encodeCrc32c } from "../storage/crc32c.ts";

/** A chunk, and whether it is the content's last. */
export interface CutChunk extends Chunk {
  readonly isLast: boolean;
  /** What `take` returned for it. */
  readonly memory: Buffer;
}

/**
 * Cuts a stream of `size` bytes into the chunks that a store accepts. The last one, which makes the object visible,
 * comes when the stream has ended; it is empty only for an empty object. The caller must check a stream that may be
 * longer or shorter.
 * @param take memory for a chunk, of at least so many bytes.
 */
export async function* cutChunks(
  stream: AsyncIterable<Uint8Array>,
  size: number,
  take: (bytes: number) => Buffer = Buffer.allocUnsafe,
): AsyncGenerator<CutChunk> {
  const full = chunkBytes(size);
  let memory = take(Math.min(full, size));
  let buffer = memory.subarray(0, Math.min(full, size));
  let filled = 0;
  let start = 0;
  for await (const slice of stream) {
    for (let taken = 0; taken < slice.length; ) {
      if (filled === buffer.length) {
        yield { ...chunkOf(buffer, start), isLast: false, memory };
        start += filled;
        filled = 0;
        memory = take(Math.min(full, size - start));
        buffer = memory.subarray(0, Math.min(full, size - start));
      }
      const count = Math.min(slice.length - taken, buffer.length - filled);
      buffer.set(slice.subarray(taken, taken + count), filled);
      filled += count;
      taken += count;
    }
  }
  yield { ...chunkOf(buffer.subarray(0, filled), start), isLast: true, memory };
}

/** Bytes at an offset as a chunk. */
export function chunkOf(bytes: Uint8Array, offset: number): Chunk {
  return { bytes, offset, crc32c: encodeCrc32c(crc32c(bytes)) };
}
