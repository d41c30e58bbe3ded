import { type Destination, readVerified } from "../blobs/fan-out.ts";
import {
  type Bucket,
  type Chunk,
  type Content,
  CopyUnproven,
  ObjectChanged,
  ObjectExists,
  type ObjectHeaders,
  type Stored,
  type Upload,
} from "../storage/bucket.ts";
import { crc32c, encodeCrc32c } from "../storage/crc32c.ts";

/** A staged object that its store can copy once it is read. */
interface StagedObject {
  /** Name of its bucket. */
  readonly bucket: string;
  readonly object: Stored;
  /** Hex digest that its content must have. */
  readonly sha256: string;
}

/** The place of a copy. */
interface CopyTarget {
  readonly bucket: Bucket;
  readonly key: string;
  readonly headers: ObjectHeaders;
}

/** A copy inside the store failed, in a way that says nothing of sending the content. */
export class CopyFailed extends Error {
  /** Only this object could not be copied: it changed. */
  readonly isOfThisObject: boolean;

  constructor(cause: unknown) {
    super("the store did not copy the staged object", { cause });
    this.isOfThisObject = cause instanceof ObjectChanged;
  }
}

/**
 * Whether a copy inside the store is the same as an upload: the store has a checksum that proves it, and the object no header that a copy might keep.
 */
export function isCopyable({ crc32c: checksum, encoding, otherHeaders }: Stored): boolean {
  return checksum !== undefined && encoding === undefined && otherHeaders === undefined;
}

/**
 * An upload that sends nothing: what it is given is the content of a staged object, and once all of it was read and has the wanted digest, the store copies
 * the version that was read. So its bytes leave the store once, to be hashed, and nothing is public before.
 */
export class StagedCopy implements Upload {
  readonly #source: StagedObject;
  readonly #to: CopyTarget;
  readonly #signal: AbortSignal;
  #crc = 0;

  constructor(source: StagedObject, to: CopyTarget, signal: AbortSignal) {
    this.#source = source;
    this.#to = to;
    this.#signal = signal;
  }

  async write({ bytes }: Chunk): Promise<void> {
    this.#crc = crc32c(bytes, this.#crc);
  }

  /** @throws ObjectExists, {@link CopyFailed}, the signal's reason. */
  async finish(last: Chunk): Promise<void> {
    await this.write(last);
    await this.copy(encodeCrc32c(this.#crc));
  }

  /**
   * In place of writing: copies what was read elsewhere. @param read the CRC32C of what was read, base64.
   * @throws ObjectExists, {@link CopyFailed}, the signal's reason.
   */
  async copy(read: string): Promise<void> {
    const { bucket, object, sha256 } = this.#source;
    const { key, headers } = this.#to;
    if (read !== object.crc32c)
      throw new CopyFailed(new CopyUnproven(`gs://${bucket}/${object.key}: what was read has the CRC32C ${read}`));
    try {
      await this.#to.bucket.copyFrom(bucket, { ...object, sha256 }, key, headers, this.#signal);
    } catch (error) {
      this.#signal.throwIfAborted();
      throw error instanceof ObjectExists ? error : new CopyFailed(error);
    }
  }

  async abort(): Promise<void> {
    // Nothing was begun.
  }
}

/** A copy that is to be made, as a destination. */
interface CopyDestination extends Destination {
  readonly upload: StagedCopy;
}

/** Whether nothing is sent to any of them. */
export function copiesOnly(destinations: readonly Destination[]): destinations is readonly CopyDestination[] {
  return destinations.every(({ upload }) => upload instanceof StagedCopy);
}

/** As `fanOut`, for copies only: what is read needs no memory, and is hashed once. */
export async function copyAll(
  source: AsyncIterable<Uint8Array>,
  content: Content,
  destinations: readonly CopyDestination[],
): Promise<readonly unknown[]> {
  const read = await readVerified(source, content, (bytes) => {
    for (const { received } of destinations) received(bytes);
  });
  const results = await Promise.allSettled(destinations.map(({ upload }) => upload.copy(read)));
  return results.map((result) => (result.status === "rejected" ? result.reason : undefined));
}
