import { pause } from "../http/host.ts";
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
import { settledUpload } from "./settled-upload.ts";

/** What is known about a blob in a mirror without a request. */
export interface Knowledge {
  /** Another repository of the mirror that this run copies the blob to: once it is there, it can be mounted from it. */
  readonly neighbour?: { readonly repository: Repository; readonly failure: Promise<unknown> } | undefined;
  /** The repository was empty before this run: checking for small blobs costs more than it saves. */
  readonly fresh: boolean;
}

/** A blob up to this size is sent to an empty repository without a check: one request instead of two. */
const sentUnasked = 1024 * 1024;

/** One repository of a registry as the target of blobs. */
export class RegistryTarget implements BlobTarget {
  readonly mirror: string;
  readonly #at: Remote;
  readonly #knowledge: Knowledge;
  /** Uploads that a registry started instead of mounting. */
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

/** Whether a registry's refusal concerns the upload itself, not an expired token or a busy host. */
function isRefusal(error: unknown): error is RegistryError {
  return (
    error instanceof RegistryError && error.status < 500 && error.status !== 401 && !isTransientStatus(error.status)
  );
}

/** Resumptions of one upload that may fail before the registry is taken for one that cannot resume. */
const mostResumptions = 2;

class RegistryWriter implements BlobWriter {
  readonly #at: Remote;
  readonly #blob: Blob;
  #upload: URL;
  /** The registry does not resume (Artifact Registry accepts no chunks): everything is sent again. */
  #wholeOnly = false;
  /** Resumptions in a row that brought the registry nothing. */
  #failedResumptions = 0;
  /** The largest offset up to which bytes of this upload have been sent, and what it was before the last resumption. */
  #sent = 0;
  #sentBefore = 0;

  constructor(at: Remote, blob: Blob, upload: URL) {
    this.#at = at;
    this.#blob = blob;
    this.#upload = upload;
  }

  async offset(): Promise<number> {
    if (this.#wholeOnly) return this.#beginAnew();
    const { settled, status } = await settledUpload(
      this.#sent,
      () => uploadStatus(this.#at, this.#upload),
      (milliseconds) => pause(milliseconds, this.#at.signal),
    );
    if (status) this.#upload = status.location;
    if (!settled || !status || status.offset === 0 || status.offset > this.#blob.size) return this.#beginAnew();
    if (status.offset > this.#sentBefore) this.#failedResumptions = 0;
    this.#wholeOnly = this.#failedResumptions >= mostResumptions;
    return this.#wholeOnly ? this.#beginAnew() : status.offset;
  }

  async #beginAnew(): Promise<number> {
    await this.abandon();
    const upload = await startUpload(this.#at, this.#blob.digest);
    if (upload === "mounted") throw new Error("unreachable: a mount was not asked for");
    this.#upload = upload;
    this.#sent = 0;
    return 0;
  }

  async write(from: number, chunks: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<void> {
    const at = { ...this.#at, signal };
    this.#sentBefore = this.#sent;
    try {
      if (from < this.#blob.size) {
        this.#upload = await sendRest(at, this.#upload, this.#blob, from, this.#counted(from, chunks));
      }
    } catch (error) {
      if (from > 0) this.#resumptionFailed(error);
      throw error;
    }
    try {
      await finishUpload(at, this.#upload, this.#blob.digest);
    } catch (error) {
      if (isRefusal(error)) this.#wholeOnly = true;
      throw error;
    }
  }

  /**
   * A 416 only says that the offset was another one, and a registry that refuses before it has read the body may close the connection before
   * its response is read: neither tells by itself whether the registry resumes uploads at all.
   */
  #resumptionFailed(error: unknown): void {
    this.#failedResumptions++;
    if (isRefusal(error) && error.status !== 416) this.#wholeOnly = true;
  }

  async *#counted(from: number, chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
    let offset = from;
    for await (const chunk of chunks) {
      offset += chunk.length;
      this.#sent = Math.max(this.#sent, offset);
      yield chunk;
    }
  }

  async abandon(): Promise<void> {
    // Failures are ignored: registries drop abandoned uploads by themselves in time.
    await cancelUpload(this.#at, this.#upload).catch((error: unknown) => error);
  }
}
