import { isTransientStatus } from "../http/retry-policy.ts";
import {
  type Blob,
  cancelUpload,
  finishUpload,
  hasBlob,
  putBlob,
  sendRest,
  startUpload,
  uploadStatus,
} from "../oci/blobs.ts";
import { RegistryError } from "../oci/errors.ts";
import type { Remote } from "../oci/remote.ts";
import type { Repository } from "../oci/repository.ts";
import type { BlobTarget, BlobWriter } from "./blob-target.ts";

/** What is known about a blob in a mirror before it is asked. */
export interface Knowledge {
  /** Another repository of the mirror that this run has brought the blob to: it can be mounted from there once it is. */
  readonly neighbour?: { readonly repository: Repository; readonly failure: Promise<unknown> } | undefined;
  /** The repository held nothing before this run: asking for small blobs costs more than it saves. */
  readonly fresh: boolean;
}

/** A blob up to this size is sent unasked to a fresh repository: one request instead of two. */
const sentUnasked = 1024 * 1024;

/** One repository of a registry as the target of blobs. */
export class RegistryTarget implements BlobTarget {
  readonly mirror: string;
  readonly #at: Remote;
  readonly #knowledge: Knowledge;
  /** Uploads that a registry began instead of mounting. */
  readonly #begun = new Map<string, URL>();

  constructor(mirror: string, at: Remote, knowledge: Knowledge) {
    this.mirror = mirror;
    this.#at = at;
    this.#knowledge = knowledge;
  }

  async mountOrExists(blob: Blob): Promise<boolean> {
    const { neighbour } = this.#knowledge;
    if (neighbour && (await neighbour.failure) === undefined) {
      const upload = await startUpload(this.#at, blob.digest, neighbour.repository);
      if (upload === "mounted") return true;
      this.#begun.set(blob.digest, upload);
      return false;
    }
    if (this.#knowledge.fresh && blob.size <= sentUnasked) return false;
    return hasBlob(this.#at, blob);
  }

  async put(blob: Blob, bytes: Buffer): Promise<void> {
    const begun = this.#begun.get(blob.digest);
    this.#begun.delete(blob.digest);
    await putBlob(this.#at, blob, bytes, begun);
  }

  async begin(blob: Blob): Promise<BlobWriter> {
    const begun = this.#begun.get(blob.digest);
    this.#begun.delete(blob.digest);
    const upload = begun ?? (await startUpload(this.#at, blob.digest));
    if (upload === "mounted") throw new Error("unreachable: a mount was not asked for");
    return new RegistryWriter(this.#at, blob, upload);
  }
}

/** Whether a registry's refusal is about the upload itself, not about an expired token or a busy host. */
function isRefusal(error: unknown): error is RegistryError {
  return (
    error instanceof RegistryError && error.status < 500 && error.status !== 401 && !isTransientStatus(error.status)
  );
}

class RegistryWriter implements BlobWriter {
  readonly #at: Remote;
  readonly #blob: Blob;
  #upload: URL;
  /** The registry has refused to go on in the middle (Artifact Registry takes no chunks): it gets all of it again. */
  #wholeOnly = false;
  #misses = 0;

  constructor(at: Remote, blob: Blob, upload: URL) {
    this.#at = at;
    this.#blob = blob;
    this.#upload = upload;
  }

  async offset(): Promise<number> {
    const status = this.#wholeOnly ? undefined : await uploadStatus(this.#at, this.#upload);
    if (status && status.offset > 0 && status.offset <= this.#blob.size) {
      this.#upload = status.location;
      return status.offset;
    }
    await this.abandon();
    const upload = await startUpload(this.#at, this.#blob.digest);
    if (upload === "mounted") throw new Error("unreachable: a mount was not asked for");
    this.#upload = upload;
    return 0;
  }

  async write(from: number, chunks: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<void> {
    const at = { ...this.#at, signal };
    try {
      if (from < this.#blob.size) this.#upload = await sendRest(at, this.#upload, this.#blob, from, chunks);
    } catch (error) {
      // 416: it has got more, or less, than it said a moment ago; once, that is no answer to whether it goes on at all.
      if (from > 0 && isRefusal(error) && (error.status !== 416 || this.#misses++ > 0)) this.#wholeOnly = true;
      throw error;
    }
    try {
      await finishUpload(at, this.#upload, this.#blob.digest);
    } catch (error) {
      if (isRefusal(error)) this.#wholeOnly = true;
      throw error;
    }
  }

  async abandon(): Promise<void> {
    // Of no consequence if it fails: a registry drops abandoned uploads by itself, in time.
    await cancelUpload(this.#at, this.#upload).catch((error: unknown) => error);
  }
}
