/**
 * Like Promise.all, but waits for all promises before it throws the first error, so that nothing keeps running after
 * the caller has failed.
 */
export async function settleAll<T>(promises: Iterable<Promise<T>>): Promise<T[]> {
  const results = await Promise.allSettled(promises);
  return results.map((result) => {
    if (result.status === "rejected") throw result.reason;
    return result.value;
  });
}
