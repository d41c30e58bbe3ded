import { setTimeout as sleep } from "node:timers/promises";
import { rateLimitedAttempts } from "../promotion/http/retry-policy.ts";
import { CloudRunUnavailable, type RunSettings } from "./cloud-run-call.ts";
import { executionInWords, type FillExecution, fillExecution } from "./fill-executions.ts";
import { printProgress } from "./output.ts";

/** ms between two looks, at most. */
const longestPause = 15_000;

/**
 * Waits until an execution has ended. Cloud Run may be unavailable meanwhile: the tasks run all the same, so the wait goes on, as long as a promotion
 * waits for a registry that says "slow down".
 * @throws CommandError
 */
export async function untilEnded(
  settings: RunSettings,
  execution: FillExecution,
  signal: AbortSignal,
): Promise<FillExecution> {
  const tell = everySeconds(30);
  let unavailable = 0;
  for (let pause = 500; ; pause = Math.min(2 * pause, longestPause)) {
    try {
      const now = await fillExecution(settings, execution, signal);
      if (now.state !== "running") return now;
      unavailable = 0;
      tell(executionInWords(now));
    } catch (error) {
      if (!(error instanceof CloudRunUnavailable) || ++unavailable >= rateLimitedAttempts) throw error;
      tell(`${execution.name}: ${error.message}; asked again`);
    }
    await sleep(pause, undefined, { signal });
  }
}

/** Prints a line of progress at most so often. */
export function everySeconds(seconds: number): (line: string) => void {
  let last = Date.now();
  return (line) => {
    if (Date.now() - last < seconds * 1_000) return;
    last = Date.now();
    printProgress(line);
  };
}
