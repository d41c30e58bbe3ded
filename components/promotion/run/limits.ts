/**
 * How much is under way at a time, over all projects of the process: the quotas of registries and stores, and this process's memory, are
 * shared by all.
 */

/** Images' digests: enough to fill a network with a round trip of 50 ms. */
export const digestsAtATime = 64;
/** Bytes of small blobs in memory: `first` in the beginning, up to `most` when the registries are far away. */
export const blobMemory = { first: 8 * 1024 * 1024, most: 32 * 1024 * 1024 } as const;
/** Large blobs. */
export const blobStreams = 12;
/** Requests for the metadata of files. */
export const fileLookups = 64;
/** Bytes of files in memory. */
export const fileMemory = 256 * 1024 * 1024;
