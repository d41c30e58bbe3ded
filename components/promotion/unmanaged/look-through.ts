import { causeOf } from "../http/errors.ts";
import { BucketAbsent } from "../storage/bucket.ts";
import type { Stranger, Unmanaged } from "./unmanaged.ts";

/**
 * Looks through mirrors for what nothing wants, all at the same time. A bucket that is not there is a lost region's and has nothing; one that
 * cannot be read keeps nobody from the others.
 * @returns what was found and what failed, in the mirrors' order.
 * @throws only the signal's reason.
 */
export async function lookThrough<Mirror extends { readonly name: string }>(
  mirrors: readonly Mirror[],
  signal: AbortSignal,
  look: (mirror: Mirror) => Promise<readonly Stranger[]>,
): Promise<Pick<Unmanaged, "found" | "failures">> {
  const looked = await Promise.allSettled(mirrors.map(look));
  signal.throwIfAborted();
  const found: Stranger[] = [];
  const failures: string[] = [];
  for (const [index, result] of looked.entries()) {
    if (result.status === "fulfilled") found.push(...result.value);
    else if (!(result.reason instanceof BucketAbsent))
      failures.push(`${mirrors[index]!.name}: cannot be looked through: ${causeOf(result.reason)}`);
  }
  return { found, failures };
}
