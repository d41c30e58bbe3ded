/**
 * The executions of the Cloud Run jobs on mirrors, by the Cloud Run Admin API v2 (https://cloud.google.com/run/docs/reference/rest/v2:
 * `projects.locations.jobs/run`, `projects.locations.jobs.executions`).
 */
import { z } from "zod";
import { auditJobName, fillJobName } from "../mirrors/fill-names.ts";
import { nearestRegion } from "../mirrors/nearest-mirrors.ts";
import { quotaShare, quotaVariable } from "../promotion/http/request-budget.ts";
import { ordersFolder } from "../promotion/run/fill-folders.ts";
import { countOf } from "../promotion/text/count-of.ts";
import { formatCount } from "../promotion/text/format-count.ts";
import type { StackConfig } from "../stack/config.ts";
import { servingRegions } from "../stack/geography.ts";
import { callCloudRun, type RunSettings } from "./cloud-run-call.ts";
import { CommandError } from "./command.ts";

/** One execution of the job of a region. */
export interface FillExecution {
  readonly region: string;
  /** Its short name: `artifacts-fill-x7k2p`. */
  readonly name: string;
  /** The mirror that it fills or reads; "": the order's name does not say. */
  readonly mirror: string;
  /** Its order, an object of the bucket of the fills; "": it was started by hand, without one. */
  readonly order: string;
  readonly state: "running" | "succeeded" | "failed" | "cancelled";
  readonly tasks: number;
  readonly running: number;
  readonly succeeded: number;
  readonly failed: number;
  /** How often tasks were tried again. */
  readonly retried: number;
  /** How many artifacts its tasks gave up, as no later try brings them: it has failed then, though Cloud Run says that it succeeded. */
  readonly givenUp: number;
  /** The first of them, a line each, with the cause. */
  readonly failures: readonly string[];
  /** When it was asked for, ISO 8601. */
  readonly since: string;
  /** When it ended; undefined while it runs. */
  readonly until: string | undefined;
  /** Where its log can be read. */
  readonly log: string;
}

const count = z.number().default(0);

/** The fields of an execution that are read. The API leaves out those that are zero. */
const executionSchema = z.object({
  name: z.string(),
  createTime: z.string().default(""),
  completionTime: z.string().optional(),
  taskCount: count,
  runningCount: count,
  succeededCount: count,
  failedCount: count,
  cancelledCount: count,
  retriedCount: count,
  logUri: z.string().default(""),
  // As it was overridden by the start.
  template: z
    .object({ containers: z.array(z.object({ args: z.array(z.string()).default([]) })).default([]) })
    .prefault({}),
});
const pageSchema = z.object({
  executions: z.array(executionSchema).default([]),
  nextPageToken: z.string().default(""),
});
/** A long-running operation, which tells the execution at once. */
const operationSchema = z.object({ metadata: executionSchema });

/** Folder of the orders of a mirror in the bucket: an execution's second argument says which mirror it is about. */
export function orderFolder(mirror: string): string {
  return `${ordersFolder}${mirror}/`;
}

/** The mirror in an order's key. */
const mirrorInOrder = new RegExp(`^${ordersFolder}([^/]+)/`);

/** The region whose jobs are for a mirror: its own, else the nearest that has a job. */
export function fillRegionOf({ gcpRegions }: Pick<StackConfig, "gcpRegions">, mirror: string): string {
  return nearestRegion(mirror, servingRegions(gcpRegions)).name;
}

/** The executions of the job of one region, the latest first; none where the region has no job. @throws CommandError */
async function fillExecutions(settings: RunSettings, region: string): Promise<FillExecution[]> {
  const found: FillExecution[] = [];
  let token = "";
  do {
    const path = `${jobPath(settings, region)}/executions?pageSize=100&pageToken=${encodeURIComponent(token)}`;
    const page = await callCloudRun(settings, { region, path, permission: "run.executions.list", schema: pageSchema });
    if (page === undefined) return [];
    found.push(...page.executions.map((one) => executionOf(region, one)));
    token = page.nextPageToken;
  } while (token !== "");
  return found.sort((one, other) => (one.since < other.since ? 1 : -1));
}

/** One execution by its short name. @throws CommandError */
export async function fillExecution(
  settings: RunSettings,
  { region, name }: Pick<FillExecution, "region" | "name">,
  signal: AbortSignal,
): Promise<FillExecution> {
  const path = `${jobPath(settings, region)}/executions/${name}`;
  const permission = "run.executions.get";
  const response = await callCloudRun(settings, { region, path, permission, schema: executionSchema, signal });
  if (response === undefined)
    throw new CommandError(`there is no execution ${name} of ${jobOf(settings)} in ${region} any more`);
  return executionOf(region, response);
}

/**
 * Starts the job of a region.
 * @param args of its container: the program's archive and the order, both in the mounted bucket.
 * @param environment of whoever starts it: the tasks get the quota of requests that Google has granted, if it is not the usual one.
 * @param atOnce how many executions share that quota: several may read the same region.
 * @throws CommandError
 */
export async function runFillJob(
  settings: RunSettings,
  region: string,
  args: readonly string[],
  environment: NodeJS.ProcessEnv,
  atOnce: number,
): Promise<FillExecution> {
  const set = environment[quotaVariable] ?? "";
  const [name, value] = [quotaVariable, atOnce > 1 ? quotaShare(atOnce, environment) : set];
  const override = { args, ...(value !== "" && { env: [{ name, value }] }) };
  const body = JSON.stringify({ overrides: { containerOverrides: [override] } });
  const path = `${jobPath(settings, region)}:run`;
  const response = await callCloudRun(settings, {
    region,
    path,
    permission: "run.jobs.runWithOverrides",
    schema: operationSchema,
    body,
  });
  if (response === undefined)
    throw new CommandError(
      `there is no job ${jobOf(settings)} in ${region}: pulumi up makes it where artifacts:fillAbove is set and ${region} is in artifacts:gcpRegions`,
    );
  return executionOf(region, response.metadata);
}

/**
 * Asks Cloud Run to cancel an execution: tasks that run get SIGTERM, and after 10 s SIGKILL; none is tried again. One that is no longer there has ended.
 * @throws CommandError
 */
export async function requestCancel(
  settings: RunSettings,
  { region, name }: Pick<FillExecution, "region" | "name">,
  signal: AbortSignal,
): Promise<void> {
  const path = `${jobPath(settings, region)}/executions/${name}:cancel`;
  const permission = "run.executions.cancel";
  await callCloudRun(settings, {
    region,
    path,
    permission,
    schema: z.unknown(),
    body: "{}",
    isRepeatable: true,
    signal,
  });
}

function jobPath(settings: RunSettings, region: string): string {
  return `projects/${settings.project}/locations/${region}/jobs/${jobOf(settings)}`;
}

function jobOf({ job = fillJobName }: RunSettings): string {
  return job;
}

function executionOf(region: string, told: z.infer<typeof executionSchema>): FillExecution {
  const { completionTime, succeededCount, failedCount, cancelledCount, taskCount, template } = told;
  // Containers that are being stopped still run.
  const hasEnded = completionTime !== undefined && told.runningCount === 0;
  const order = template.containers[0]?.args[1] ?? "";
  const ended =
    cancelledCount > 0 ? "cancelled" : failedCount > 0 || succeededCount < taskCount ? "failed" : "succeeded";
  return {
    region,
    name: told.name.slice(told.name.lastIndexOf("/") + 1),
    mirror: mirrorInOrder.exec(order)?.[1] ?? "",
    order,
    state: hasEnded ? ended : "running",
    tasks: taskCount,
    running: told.runningCount,
    succeeded: succeededCount,
    failed: failedCount,
    retried: told.retriedCount,
    givenUp: 0,
    failures: [],
    since: told.createTime,
    until: completionTime,
    log: told.logUri,
  };
}

/** The executions of the jobs of these regions, those of a region asked for once. */
export class FillExecutions {
  readonly #settings: RunSettings & Pick<StackConfig, "gcpRegions">;
  readonly #byRegion = new Map<string, Promise<readonly FillExecution[]>>();

  constructor(settings: RunSettings & Pick<StackConfig, "gcpRegions">) {
    this.#settings = settings;
  }

  /** The latest execution for a mirror; undefined: none was. @throws CommandError */
  async latest(mirror: string): Promise<FillExecution | undefined> {
    return (await this.#in(fillRegionOf(this.#settings, mirror))).find((one) => one.mirror === mirror);
  }

  /** Those that run, in all regions, also of mirrors that the stack no longer has. @throws CommandError */
  async running(): Promise<FillExecution[]> {
    const regions = servingRegions(this.#settings.gcpRegions);
    const all = await Promise.all(regions.map(({ name }) => this.#in(name)));
    return all.flat().filter(({ state }) => state === "running");
  }

  #in(region: string): Promise<readonly FillExecution[]> {
    const known = this.#byRegion.get(region) ?? fillExecutions(this.#settings, region);
    this.#byRegion.set(region, known);
    return known;
  }
}

/**
 * How many executions of both jobs share the quotas of requests once these mirrors' are started: those that run count too. Of a region that does not answer
 * none are known.
 * @param mirrors whose executions of `settings.job` are started, or go on.
 * @param own those of `settings.job`, which are not asked for again.
 */
export async function executionsAtOnce(
  settings: RunSettings & Pick<StackConfig, "gcpRegions">,
  mirrors: readonly string[],
  own: FillExecutions,
): Promise<number> {
  if (mirrors.length === 0) return 0;
  const others = await Promise.all(
    ([fillJobName, auditJobName] as const).map(async (job) => {
      const all = job === jobOf(settings) ? own : new FillExecutions({ ...settings, job });
      const running = await all.running().catch((error: unknown) => {
        if (error instanceof CommandError) return [];
        throw error;
      });
      return running.filter(({ mirror }) => job !== jobOf(settings) || !mirrors.includes(mirror)).length;
    }),
  );
  return others.reduce((sum, count) => sum + count, new Set(mirrors).size);
}

/** An execution in a line. */
export function executionInWords(execution: FillExecution): string {
  const { name, region, state, tasks, running, succeeded, failed, retried, givenUp, since, until } = execution;
  const parts = [
    `${formatCount(succeeded)} of ${countOf(tasks, "task")} done`,
    ...(running > 0 ? [`${formatCount(running)} running`] : []),
    ...(failed > 0 ? [`${formatCount(failed)} failed`] : []),
    ...(retried > 0 ? [`${formatCount(retried)} tried again`] : []),
    ...(givenUp > 0 ? [`${countOf(givenUp, "failure")} given up`] : []),
  ];
  const when = until === undefined ? `since ${since}` : `${since} until ${until}`;
  return `${name} in ${region}: ${state}, ${parts.join(", ")}, ${when}`;
}
