import { TransientError } from "../http/retry.ts";
import { BucketAbsent, Denied } from "./bucket.ts";

/**
 * What a failure says about a bucket. `fatal`: it cannot be used. `unhealthy`: it cannot be used after several of these
 * in a row. `unrelated`: nothing.
 */
export function severityInBucket(error: unknown): "fatal" | "unhealthy" | "unrelated" {
  if (error instanceof BucketAbsent) return "fatal";
  return error instanceof TransientError || error instanceof Denied ? "unhealthy" : "unrelated";
}
