import { layerKey } from "../../../redirector/object-paths.ts";
import { InterruptedError } from "../http/errors.ts";
import type { Blob } from "../oci/blobs.ts";
import { WrongContentError } from "../oci/errors.ts";
import { type Bucket, type Chunk, type Content, ObjectExists, type Upload, UploadLost } from "../storage/bucket.ts";
import { crc32c, encodeCrc32c } from "../storage/crc32c.ts";
import { hexOf } from "../text/oci-grammar.ts";
import type { BlobTarget, BlobWriter } from "./blob-target.ts";
import { chunkOf, cutChunks } from "./cut-chunks.ts";

/** A digest's content never changes, so caches may keep it without limit (RFC 8246). */
const headers = { contentType: "application/octet-stream", cacheControl: "public, max-age=31536000, immutable" };

/** An S3 bucket as the target of image layers. */
export class LayerTarget implements BlobTarget {
  readonly mirror: string;
  readonly #bucket: Bucket;
  readonly #signal: AbortSignal;
  readonly #verified: boolean;

  /** @param options.verified a blob is looked at once more when it is stored: clients pull from this bucket alone. */
  constructor(mirror: string, bucket: Bucket, signal: AbortSignal, options = { verified: false }) {
    this.mirror = mirror;
    this.#bucket = bucket;
    this.#signal = signal;
    this.#verified = options.verified;
  }

  async mountOrExists(blob: Blob): Promise<boolean> {
    const key = layerKey(blob.digest);
    const stored = await this.#bucket.stat(key, this.#signal);
    if (!stored) return false;
    if (stored.size !== blob.size || (stored.sha256 !== undefined && `sha256:${stored.sha256}` !== blob.digest)) {
      throw new WrongContentError(`${this.#bucket.url}/${key} is not ${blob.digest}: remove it by hand`);
    }
    return true;
  }

  async put(blob: Blob, bytes: Buffer): Promise<void> {
    const upload = await this.#create(blob, this.#signal, { crc32c: encodeCrc32c(crc32c(bytes)) });
    await finish(upload, chunkOf(bytes, 0));
    await this.#verify(blob);
  }

  async begin(blob: Blob): Promise<BlobWriter> {
    let upload: Upload | undefined;
    return {
      // The store keeps the parts that were sent before; the storage room resumes after them.
      offset: () => Promise.resolve(0),
      write: async (_from, chunks, signal) => {
        upload = await this.#create(blob, signal, {});
        try {
          await send(upload, blob.size, chunks);
          await this.#verify(blob);
        } catch (error) {
          if (!(error instanceof UploadLost)) throw error;
          // Another project's or process's copy of the same layer used the same upload, and has completed or cancelled it.
          if (!(await this.mountOrExists(blob))) throw new InterruptedError(`${this.mirror}: ${blob.digest}`, error);
        }
      },
      abandon: async () => {
        await upload?.abort();
      },
    };
  }

  async #verify(blob: Blob): Promise<void> {
    if (!this.#verified || (await this.mountOrExists(blob))) return;
    throw new WrongContentError(`${this.#bucket.url}/${layerKey(blob.digest)} was stored, and is not there`);
  }

  #create({ digest, size }: Blob, signal: AbortSignal, checksum: Pick<Content, "crc32c">): Promise<Upload> {
    const content = { size, sha256: hexOf(digest), ...checksum };
    return this.#bucket.create(layerKey(digest), content, headers, signal);
  }
}

/** Writes the stream chunk by chunk. The stream yields its last chunk only after everything is verified. */
async function send(upload: Upload, size: number, stream: AsyncIterable<Uint8Array>): Promise<void> {
  for await (const chunk of cutChunks(stream, size)) {
    if (chunk.isLast) await finish(upload, chunk);
    else await upload.write(chunk);
  }
}

/** Another project's promotion may have stored the same layer in the meantime. */
async function finish(upload: Upload, last: Chunk): Promise<void> {
  try {
    await upload.finish(last);
  } catch (error) {
    if (!(error instanceof ObjectExists)) throw error;
  }
}
