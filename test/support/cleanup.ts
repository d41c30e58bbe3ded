/**
 * What a test or a test file starts ends with it, whatever happens: a test that fails half-way, and a `before` that throws after it has started
 * a server that the file's `after` knows nothing of. The root hooks (root-hooks.ts) run these; outside mocha (benchmarks start the same
 * servers) nothing does.
 */
type End = () => unknown;

const afterThisTest: End[] = [];
const afterThisFile = new Set<End>();
let fileIsOver = false;

/** Runs `end` when the current test is over; the last one registered runs first. A failure of it fails the test. */
export function afterTest(end: End): void {
  afterThisTest.push(end);
}

/**
 * Runs `end` when all tests of the current file are over: at once if they are already, as where a `before` starts several servers and the first
 * one fails. What it ends may have ended before: its failure is ignored.
 */
export function afterFile(end: End): void {
  afterThisFile.add(end);
  if (fileIsOver) void endFile();
}

/** The tests of the next file begin. */
export function beginFile(): void {
  fileIsOver = false;
}

/** Ends what the current test has registered. @throws the first failure, after all have run. */
export async function endTest(): Promise<void> {
  const failures: unknown[] = [];
  for (let end = afterThisTest.pop(); end !== undefined; end = afterThisTest.pop()) {
    try {
      await end();
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length > 0) throw failures[0];
}

/** Ends what the current file has registered. */
export async function endFile(): Promise<void> {
  fileIsOver = true;
  const ends = [...afterThisFile];
  afterThisFile.clear();
  await Promise.allSettled(ends.map(async (end) => end()));
}
