import { causeOf } from "../http/errors.ts";
import { BucketAbsent } from "../storage/bucket.ts";
import type { Unmanaged, UnmanagedArtifact } from "./unmanaged.ts";

/**
 * Searches all mirrors for unmanaged artifacts in parallel. A bucket that does not exist belongs to a lost region and
 * has none; a mirror that cannot be read does not stop the search of the others.
 * @returns what was found and what failed, in the mirrors' order.
 * @throws only the signal's reason.
 */
export async function searchMirrors<Mirror extends { readonly name: string }>(
  mirrors: readonly Mirror[],
  signal: AbortSignal,
  search: (mirror: Mirror) => Promise<readonly UnmanagedArtifact[]>,
): Promise<Pick<Unmanaged, "found" | "failures">> {
  const searched = await Promise.allSettled(mirrors.map(search));
  signal.throwIfAborted();
  const found: UnmanagedArtifact[] = [];
  const failures: string[] = [];
  for (const [index, result] of searched.entries()) {
    if (result.status === "fulfilled") found.push(...result.value);
    else if (!(result.reason instanceof BucketAbsent))
      failures.push(`${mirrors[index]!.name}: cannot be searched: ${causeOf(result.reason)}`);
  }
  return { found, failures };
}
