import { AsyncLocalStorage } from "node:async_hooks";

/**
 * Whose work it is: the shares take turns at every limit of the process ({@link WeightedSemaphore}). A run has one share for what is new and
 * one for what it fills, so that neither another project nor a region that is being filled delays a release.
 */
export type FairShare = object;

const shares = new AsyncLocalStorage<FairShare>();

/** Runs work, with all that it starts, in a share. */
export function inShare<T>(share: FairShare, work: () => T): T {
  return shares.run(share, work);
}

/** The share of the running work. Work outside of any run has one in common. */
export function currentShare(): FairShare {
  return shares.getStore() ?? common;
}

const common: FairShare = {};
