/**
 * Waits for work to end, but at most so many milliseconds; after that the work continues in the background. Throws what
 * the work throws within that time.
 */
export async function withTimeout(milliseconds: number, work: Promise<unknown>): Promise<void> {
  const enough = Promise.withResolvers<void>();
  const timer = setTimeout(enough.resolve, milliseconds);
  try {
    await Promise.race([work, enough.promise]);
  } finally {
    clearTimeout(timer);
  }
}
