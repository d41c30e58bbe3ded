import { performance } from "node:perf_hooks";

/** Minimal length of the measured interval in ms. */
const span = 20;
/** If this process is busy for a larger share of the interval, it is the bottleneck. */
const busyShare = 0.8;

/**
 * Tells whether this process was idle, waiting for servers, for most of the last interval. Only then does more
 * concurrency make it faster; in a busy process it only takes more memory and fills the processor's caches.
 */
export function eventLoopIdle(): () => boolean {
  let before = performance.eventLoopUtilization();
  let asked = performance.now();
  let hasTime = false;
  return () => {
    const now = performance.now();
    if (now - asked >= span) {
      const current = performance.eventLoopUtilization();
      hasTime = performance.eventLoopUtilization(current, before).utilization < busyShare;
      before = current;
      asked = now;
    }
    return hasTime;
  };
}
