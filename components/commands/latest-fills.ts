/** How the fills of mirrors ended, by Cloud Run and by the reports of their tasks. */
import type { StackConfig } from "../stack/config.ts";
import type { RunSettings } from "./cloud-run-call.ts";
import { inFillBucket } from "./fill-bucket.ts";
import { type FillExecution, FillExecutions } from "./fill-executions.ts";
import { readReports } from "./fill-report.ts";

type ReportSettings = Pick<StackConfig, "googlePrefix" | "storage">;

type JobSettings = RunSettings & Pick<StackConfig, "fillAbove" | "gcpRegions">;

/** The latest execution that filled each mirror, by the mirror's name. @throws CommandError */
export async function latestFills(
  settings: JobSettings & ReportSettings,
  mirrors: readonly string[],
): Promise<Map<string, FillExecution>> {
  if (settings.fillAbove === undefined) return new Map(); // there is no job
  const executions = new FillExecutions(settings);
  const latest = await Promise.all(
    mirrors.map(async (mirror) => {
      const one = await executions.latest(mirror);
      return one === undefined ? [] : [[mirror, await withReports(settings, one)] as const];
    }),
  );
  return new Map(latest.flat());
}

/** An execution with what its tasks gave up. @throws CommandError */
export async function withReports(settings: ReportSettings, execution: FillExecution): Promise<FillExecution> {
  if (execution.state !== "succeeded") return execution;
  const { failed, failures } = await inFillBucket(settings, (bucket) =>
    readReports(bucket, execution.name, AbortSignal.timeout(60_000)),
  );
  return failed === 0 ? execution : { ...execution, state: "failed", givenUp: failed, failures };
}
