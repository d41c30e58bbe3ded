/**
 * Limits of concurrency over all projects of the process, which share the quotas of registries and stores and this
 * process's memory.
 */

/** Digests of images: enough to use a network with a round trip of 50 ms fully. */
export const digestsAtATime = 64;
/** Bytes of small blobs in memory: `first` at the start, up to `most` for distant registries. */
export const blobMemory = { first: 8 * 1024 * 1024, most: 32 * 1024 * 1024 } as const;
/** Large blobs. */
export const blobStreams = 12;
/** Requests for the metadata of files. */
export const fileLookups = 64;
/** Bytes of files in memory. */
export const fileMemory = 256 * 1024 * 1024;
