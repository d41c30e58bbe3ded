import { performance } from "node:perf_hooks";

/** ms that are looked back on, at least. */
const span = 20;
/** Busy for a larger share of them, this process is what the others wait for. */
const busyShare = 0.8;

/**
 * Tells, when it is asked, whether this process has waited for others most of the time since a moment ago. Only then does more at a time make
 * it faster: where it is busy all the time, more at a time only takes more memory and fills the processor's caches.
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
