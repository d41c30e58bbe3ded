/** Waits for work to end, but no longer than so many milliseconds: then it goes on behind the caller's back. Throws what it throws by then. */
export async function withTimeout(milliseconds: number, work: Promise<unknown>): Promise<void> {
  const enough = Promise.withResolvers<void>();
  const timer = setTimeout(enough.resolve, milliseconds);
  try {
    await Promise.race([work, enough.promise]);
  } finally {
    clearTimeout(timer);
  }
}
