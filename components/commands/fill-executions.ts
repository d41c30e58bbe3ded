/**
 * The executions of the Cloud Run jobs that fill mirrors, by the Cloud Run Admin API v2 (https://cloud.google.com/run/docs/reference/rest/v2:
 * `projects.locations.jobs/run`, `projects.locations.jobs.executions`).
 */
import { z } from "zod";
import { fillJobName } from "../mirrors/fill-names.ts";
import { nearestRegion } from "../mirrors/nearest-mirrors.ts";
import { quotaVariable } from "../promotion/http/request-budget.ts";
import { countOf } from "../promotion/text/count-of.ts";
import { formatCount } from "../promotion/text/format-count.ts";
import { printable } from "../promotion/text/printable.ts";
import type { StackConfig } from "../stack/config.ts";
import { servingRegions } from "../stack/geography.ts";
import { googleHeaders } from "../stack/google-headers.ts";
import { asking, CommandError } from "./command.ts";

/** One execution of the job of a region. */
export interface FillExecution {
  readonly region: string;
  /** Its short name: `artifacts-fill-x7k2p`. */
  readonly name: string;
  /** The mirror that it fills; "": the order's name does not say. */
  readonly mirror: string;
  readonly state: "running" | "succeeded" | "failed" | "cancelled";
  readonly tasks: number;
  readonly running: number;
  readonly succeeded: number;
  readonly failed: number;
  /** How often tasks were tried again. */
  readonly retried: number;
  /** When it was asked for, ISO 8601. */
  readonly since: string;
  /** When it ended; undefined while it runs. */
  readonly until: string | undefined;
  /** Where its log can be read. */
  readonly log: string;
}

/** What the calls need to know of the stack. */
export type RunSettings = Pick<StackConfig, "project" | "runEndpoint">;

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

/** Folder of the orders of a mirror in the bucket: an execution's second argument says whom it fills. */
export function orderFolder(mirror: string): string {
  return `orders/${mirror}/`;
}

/** The region whose job fills a mirror: its own, else the nearest that has a job. */
export function fillRegionOf({ gcpRegions }: Pick<StackConfig, "gcpRegions">, mirror: string): string {
  return nearestRegion(mirror, servingRegions(gcpRegions)).name;
}

/** The executions of the job of one region, the latest first; none where the region has no job. @throws CommandError */
export async function fillExecutions(settings: RunSettings, region: string): Promise<FillExecution[]> {
  const found: FillExecution[] = [];
  let token = "";
  do {
    const path = `${jobPath(settings, region)}/executions?pageSize=100&pageToken=${encodeURIComponent(token)}`;
    const page = await call(settings, region, path, "run.executions.list", pageSchema);
    if (page === undefined) return [];
    found.push(...page.executions.map((one) => executionOf(region, one)));
    token = page.nextPageToken;
  } while (token !== "");
  return found.sort((one, other) => (one.since < other.since ? 1 : -1));
}

/** One execution by its short name. @throws CommandError */
export async function fillExecution(settings: RunSettings, region: string, name: string): Promise<FillExecution> {
  const path = `${jobPath(settings, region)}/executions/${name}`;
  const response = await call(settings, region, path, "run.executions.get", executionSchema);
  if (response === undefined)
    throw new CommandError(`there is no execution ${name} of ${fillJobName} in ${region} any more`);
  return executionOf(region, response);
}

/**
 * Starts the job of a region.
 * @param args of its container: the program's archive and the order, both in the mounted bucket.
 * @param environment of whoever starts it: the tasks get the quota of requests that Google has granted, if it is not the usual one.
 * @throws CommandError
 */
export async function runFillJob(
  settings: RunSettings,
  region: string,
  args: readonly string[],
  environment: NodeJS.ProcessEnv,
): Promise<FillExecution> {
  const [name, value] = [quotaVariable, environment[quotaVariable] ?? ""];
  const override = { args, ...(value !== "" && { env: [{ name, value }] }) };
  const body = JSON.stringify({ overrides: { containerOverrides: [override] } });
  const path = `${jobPath(settings, region)}:run`;
  const response = await call(settings, region, path, "run.jobs.runWithOverrides", operationSchema, body);
  if (response === undefined)
    throw new CommandError(
      `there is no job ${fillJobName} in ${region}: pulumi up makes it where artifacts:fillAbove is set and ${region} is in artifacts:gcpRegions`,
    );
  return executionOf(region, response.metadata);
}

function jobPath({ project }: RunSettings, region: string): string {
  return `projects/${project}/locations/${region}/jobs/${fillJobName}`;
}

function executionOf(region: string, told: z.infer<typeof executionSchema>): FillExecution {
  const { completionTime, succeededCount, failedCount, cancelledCount, taskCount, template } = told;
  const hasEnded = completionTime !== undefined;
  const ended =
    cancelledCount > 0 ? "cancelled" : failedCount > 0 || succeededCount < taskCount ? "failed" : "succeeded";
  return {
    region,
    name: told.name.slice(told.name.lastIndexOf("/") + 1),
    mirror: /^orders\/([^/]+)\//.exec(template.containers[0]?.args[1] ?? "")?.[1] ?? "",
    state: hasEnded ? ended : "running",
    tasks: taskCount,
    running: told.runningCount,
    succeeded: succeededCount,
    failed: failedCount,
    retried: told.retriedCount,
    since: told.createTime,
    until: completionTime,
    log: told.logUri,
  };
}

/** The response; undefined for 404. @param permission what the call needs. @param body of a POST. */
async function call<Schema extends z.ZodType>(
  { project, runEndpoint }: RunSettings,
  region: string,
  path: string,
  permission: string,
  schema: Schema,
  body?: string,
): Promise<z.infer<Schema> | undefined> {
  const url = new URL(path, runEndpoint ?? "https://run.googleapis.com/v2/").href;
  const scope = "https://www.googleapis.com/auth/cloud-platform";
  return await asking(url, async () => {
    const headers = runEndpoint === undefined ? await googleHeaders(project, scope) : {};
    const response = await fetch(url, {
      ...(body !== undefined && { method: "POST", body }),
      headers: { ...headers, "content-type": "application/json" },
      signal: AbortSignal.timeout(60_000),
    });
    if (response.ok) return schema.parse(await response.json());
    const said = printable(await response.text(), 300);
    switch (response.status) {
      case 404:
        return undefined;
      case 403:
        throw new CommandError(
          `Cloud Run refuses ${permission} on ${fillJobName} in ${region} (403 ${said}): the deploying identity has it by roles/run.admin`,
        );
      case 429:
        throw new CommandError(
          `Cloud Run's quota in ${region} is used up (429 ${said}): try again in a minute; npm run steps says where quotas are raised`,
        );
      default:
        throw new CommandError(`${url} answers ${response.status} ${said}`);
    }
  });
}

/** The latest execution that filled each mirror, by the mirror's name. @param mirrors whose regions' jobs are asked. @throws CommandError */
export async function latestFills(
  settings: RunSettings & Pick<StackConfig, "fillAbove" | "gcpRegions">,
  mirrors: readonly string[],
): Promise<Map<string, FillExecution>> {
  if (settings.fillAbove === undefined) return new Map(); // there is no job
  const regions = new Set(mirrors.map((mirror) => fillRegionOf(settings, mirror)));
  const all = await Promise.all([...regions].map((region) => fillExecutions(settings, region)));
  return new Map(
    all
      .flat()
      .map((one) => [one.mirror, one] as const)
      .reverse(),
  );
}

/** An execution in a line. */
export function executionInWords(execution: FillExecution): string {
  const { name, region, state, tasks, running, succeeded, failed, retried, since, until } = execution;
  const parts = [
    `${formatCount(succeeded)} of ${countOf(tasks, "task")} done`,
    ...(running > 0 ? [`${formatCount(running)} running`] : []),
    ...(failed > 0 ? [`${formatCount(failed)} failed`] : []),
    ...(retried > 0 ? [`${formatCount(retried)} tried again`] : []),
  ];
  const when = until === undefined ? `since ${since}` : `${since} until ${until}`;
  return `${name} in ${region}: ${state}, ${parts.join(", ")}, ${when}`;
}
