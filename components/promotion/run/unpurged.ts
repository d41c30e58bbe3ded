import type { FailedPurge, Outcome } from "./request.ts";

/** What an outcome says of CDNs that could not be purged; nothing if there are none. */
export function unpurged(failed: readonly FailedPurge[]): Pick<Outcome, "warnings" | "unpurged"> {
  if (failed.length === 0) return {};
  return { warnings: failed.map(({ line }) => line), unpurged: failed.map(({ cdn }) => cdn) };
}
