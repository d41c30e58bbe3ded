/** One download, verified as it streams by, written to many buckets at once. */
import { createHash } from "node:crypto";
import { TransientError } from "../http/retry.ts";
import type { Bucket, Chunk, Content, Stored, Upload } from "../storage/bucket.ts";
import { crc32c, encodeCrc32c } from "../storage/crc32c.ts";
import { BufferPool } from "./buffer-pool.ts";
import { type CutChunk, cutChunks } from "./cut-chunks.ts";

/** The source has other content than expected. None of it has become visible anywhere. */
export class WrongContent extends Error {
  readonly failureKind = "permanent";
  /** Hex digest of the source's content; undefined if it was longer than announced and not read to its end. */
  readonly sha256: string | undefined;
  constructor(message: string, sha256: string | undefined) {
    super(message);
    this.sha256 = sha256;
  }
}

/** The target of a copy. */
export interface Destination {
  readonly upload: Upload;
  /** Called with the number of bytes of each slice that this destination has accepted. */
  received(bytes: number): void;
}

/**
 * Copies content to all destinations. The last slice, which makes the object visible, is sent only after the whole
 * content is verified; it goes to the first destination before the others.
 *
 * Memory: three chunks (storage/bucket.ts, `chunkBytes`), whatever the size and the number of destinations. The slowest destination sets the pace.
 * @returns for each destination why it does not have the object; undefined if it has.
 * @throws {@link WrongContent}, and whatever reading the source throws.
 */
export async function fanOut(
  source: AsyncIterable<Uint8Array>,
  content: Content,
  destinations: readonly Destination[],
): Promise<(unknown | undefined)[]> {
  const failures: (unknown | undefined)[] = destinations.map(() => undefined);
  const send = async (index: number, act: (upload: Upload) => Promise<void>, chunk: Chunk): Promise<void> => {
    if (failures[index] !== undefined) return;
    const destination = destinations[index]!;
    try {
      await act(destination.upload);
      destination.received(chunk.bytes.length);
    } catch (error) {
      failures[index] = error ?? new Error("failed without a reason");
    }
  };
  const sendAll = async (
    indexes: readonly number[],
    act: (upload: Upload, chunk: Chunk) => Promise<void>,
    chunk: Chunk,
  ) => {
    await Promise.all(indexes.map((index) => send(index, (upload) => act(upload, chunk), chunk)));
  };
  const all = destinations.map((_, index) => index);

  /** After a failure a request may still be sending the bytes: then the memory is left to the garbage collector. */
  const release = ({ memory }: CutChunk): void => {
    if (failures.every((failure) => failure === undefined)) pool.give(memory);
  };

  const hash = createHash("sha256");
  let last: CutChunk | undefined;
  let sending: Promise<void> = Promise.resolve();
  try {
    for await (const chunk of cutChunks(exactly(content.size, source), content.size, (bytes) => pool.take(bytes))) {
      hash.update(chunk.bytes);
      if (last !== undefined) {
        const ready = last;
        await sending;
        if (failures.every((failure) => failure !== undefined)) break;
        sending = sendAll(all, (upload, slice) => upload.write(slice), ready).then(() => release(ready));
      }
      last = chunk;
    }
    await sending;
    if (last === undefined || failures.every((failure) => failure !== undefined)) return failures;
    refuseOther(content, hash.digest("hex"));
  } catch (error) {
    await sending;
    if (error instanceof WrongContent) await Promise.all(destinations.map(({ upload }) => upload.abort()));
    throw error;
  }
  const finish = (upload: Upload, slice: Chunk): Promise<void> => upload.finish(slice);
  await sendAll(all.slice(0, 1), finish, last);
  await sendAll(all.slice(1), finish, last);
  release(last);
  return failures;
}

/** Chunks are used again: fresh memory for each made a quarter of a copy's processor time, of the system and of the garbage collector. */
const pool = new BufferPool(64 * 1024 * 1024);

/**
 * Reads an object from its store to its end; a broken download resumes where it stopped. Fails after five breaks
 * without a byte in between.
 */
export async function* readAll(bucket: Bucket, object: Stored, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  let offset = 0;
  for (let broken = 0; ; ) {
    try {
      for await (const slice of await bucket.read(object, offset, signal)) {
        offset += slice.length;
        if (slice.length > 0) broken = 0;
        yield slice;
      }
      if (offset >= object.size) return;
      throw new TransientError(
        `${bucket.url}/${object.key}: the download ended after ${offset} of ${object.size} bytes`,
      );
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof TransientError) || ++broken >= 5) throw error;
    }
  }
}

/**
 * Reads content to its end and sends it nowhere: each slice is hashed while the processor has it at hand, and none is copied.
 * @param received called with the number of bytes of each slice.
 * @returns its CRC32C, base64.
 * @throws {@link WrongContent}, and whatever reading the source throws.
 */
export async function readVerified(
  source: AsyncIterable<Uint8Array>,
  content: Content,
  received: (bytes: number) => void,
): Promise<string> {
  const found = await measure(exactly(content.size, source), received);
  refuseOther(content, found.sha256);
  return found.crc32c;
}

function refuseOther(content: Content, sha256: string): void {
  if (sha256 !== content.sha256) throw new WrongContent(`the content there has sha256:${sha256}`, sha256);
}

/** Reads all bytes of an object for their hash. @param received called with the number of bytes of each slice. */
export async function measure(
  source: AsyncIterable<Uint8Array>,
  received?: (bytes: number) => void,
): Promise<{ readonly size: number; readonly sha256: string; readonly crc32c: string }> {
  const hash = createHash("sha256");
  let size = 0;
  let crc = 0;
  for await (const slice of source) {
    hash.update(slice);
    crc = crc32c(slice, crc);
    size += slice.length;
    received?.(slice.length);
  }
  return { size, sha256: hash.digest("hex"), crc32c: encodeCrc32c(crc) };
}

/** Passes the stream on, and throws if its length is not the one that its store reports. */
async function* exactly(size: number, source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let read = 0;
  for await (const slice of source) {
    read += slice.length;
    if (read > size) {
      throw new WrongContent(`the content there is longer than the ${size} bytes that its store reports`, undefined);
    }
    yield slice;
  }
  if (read !== size) {
    throw new TransientError(`the content there ended after ${read} of the ${size} bytes that its store reports`);
  }
}
