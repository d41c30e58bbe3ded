/**
 * What a test file has started ends with its tests, whatever they did: a server or proxy that nobody stops keeps the file's process alive, until
 * the runner's limit of 20 minutes. A `before` that throws has started what the file's `after` knows nothing of.
 */
import { after } from "node:test";

const ends = new Set<() => Promise<unknown>>();

/** Runs this when all tests of the file are over; what it ends may have ended before. */
export function atEnd(end: () => Promise<unknown>): void {
  ends.add(end);
}

// The benchmarks start the same servers; they are no tests, and a hook would make them one.
if (process.env["NODE_TEST_CONTEXT"] !== undefined) {
  after(async () => {
    await Promise.allSettled([...ends].map((end) => end()));
  });
}
