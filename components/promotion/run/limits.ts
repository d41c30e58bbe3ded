/**
 * Limits of concurrency over all projects of the process, which share the quotas of registries and stores and this
 * process's memory. One run alone may use seven eighths of each (http/weighted-semaphore.ts).
 */

/** Digests of images: enough to use a network with a round trip of 50 ms fully. */
export const digestsAtATime = 72;
/** Bytes of small blobs in memory: `first` at the start, up to `most` for distant registries. */
export const blobMemory = { first: 8 * 1024 * 1024, most: 32 * 1024 * 1024 } as const;
/** Large blobs. */
export const blobStreams = 14;
/** Requests for the metadata of files. */
export const fileLookups = 72;
/** What may be attached to one promoted digest, with all that it lists: beyond it are mistakes, and attacks on this process's memory. */
export const attachmentLimits = {
  /** Attachments that are published. */
  number: 500,
  /** Bytes of one attachment, unless the project sets another limit. */
  bytes: 64 * 1024 * 1024,
  /** Bytes of one attachment's OCI manifest, which has certificates and log entries as annotations. */
  manifest: 1024 * 1024,
  /** Bytes of the OCI manifests of all of them, which are in memory at the same time. */
  manifests: 2 * 1024 * 1024,
  /** Layers of one attachment, each a signature or statement that is read and verified: k8s.io's promoter adds one for each mirror. */
  layers: 256,
  /** Bytes of an image config: cosign's is empty. */
  config: 64 * 1024,
} as const;
/** Bytes of OCI manifests of attachments that are being read. */
export const attachmentMemory = 64 * 1024 * 1024;
/** Requests to one object store at a time, besides downloads, which the memory of files limits. */
export const storeRequests = 72;
/** Bytes of files in memory. */
export const fileMemory = 256 * 1024 * 1024;
/** Bytes as which the smallest file counts: together with the memory this is the number of downloads at a time, enough for a round trip of 120 ms. */
export const leastFileMemory = 2 * 1024 * 1024;
/** Connections to one object store: no request waits for one, because there it would not be its turn that counts. */
export const storeConnections = storeRequests + fileMemory / leastFileMemory;
