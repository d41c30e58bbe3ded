/** The end of an execution that fills a mirror, before it has done what its order says. */
import { setTimeout as sleep } from "node:timers/promises";
import type { RunSettings } from "./cloud-run-call.ts";
import { CommandError } from "./command.ts";
import { type FillExecution, fillExecution, requestCancel } from "./fill-executions.ts";
import { untilEnded } from "./fill-wait.ts";

/** ms between SIGTERM and SIGKILL in Cloud Run (container runtime contract). */
const grace = 10_000;

/**
 * Cancels an execution and waits until no task of it writes any more. Cloud Run does not say whether an execution counts as ended before its containers
 * are killed, so at least that time passes.
 * @returns how it ended, which may be by itself.
 * @throws CommandError
 */
export async function cancelFill(
  settings: RunSettings,
  execution: FillExecution,
  signal: AbortSignal,
): Promise<FillExecution> {
  const stopped = Date.now() + grace;
  try {
    await requestCancel(settings, execution, signal);
  } catch (error) {
    // It may have ended meanwhile.
    if (!(error instanceof CommandError) || signal.aborted) throw error;
    if ((await fillExecution(settings, execution, signal)).state === "running") throw error;
  }
  const ended = await untilEnded(settings, execution, signal);
  if (ended.state === "cancelled") await sleep(Math.max(0, stopped - Date.now()), undefined, { signal });
  return ended;
}
