/**
 * The part of the Cloud Run Admin API v2 that starts jobs and tells of their executions
 * (https://cloud.google.com/run/docs/reference/rest/v2/projects.locations.jobs/run, .../projects.locations.jobs.executions). It runs nothing.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { text } from "node:stream/consumers";
import { serveOnLoopback } from "./loopback-server.ts";

/** The fields of an execution that change, and the arguments of its container. */
interface Execution {
  readonly name: string;
  readonly createTime: string;
  readonly taskCount: number;
  readonly logUri: string;
  readonly template: {
    readonly containers: readonly {
      readonly args: readonly string[];
      readonly env?: readonly { readonly name: string; readonly value: string }[];
    }[];
  };
  runningCount?: number;
  succeededCount?: number;
  failedCount?: number;
  cancelledCount?: number;
  retriedCount?: number;
  completionTime?: string;
}

/** The API with a job in some regions. */
export interface RunJobs {
  /** As `gcp:cloudRunV2CustomEndpoint`. */
  readonly endpoint: string;
  /** By region, in the order of their starts. */
  readonly executions: Map<string, Execution[]>;
  /** Answers what starts an execution with this status in place of doing it; undefined: does it. */
  refuse: number | undefined;
  /** Answers the next reads so: with a status, 0 by breaking the connection. */
  readonly disturbances: number[];
  /** Regions whose executions were listed, once for each time. */
  readonly listed: string[];
  /** What was cancelled, `region name` each; it ends at once. */
  readonly cancelled: string[];
}

/** Starts the API. @param regions that have the job. */
export async function startRunJobs(
  regions: readonly string[],
  tasks: number,
  ownName = "artifacts-fill",
): Promise<RunJobs> {
  const executions = new Map(regions.map((region) => [region, [] as Execution[]]));
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { pathname } = new URL(request.url ?? "", "http://h");
    const reply = (status: number, body: object): void => {
      response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
    };
    const fail = (code: number) => reply(code, { error: { code, message: `refused by the test: ${code}` } });
    const [, job = "", region = "", own, rest = ""] =
      /^\/v2\/(projects\/some-project\/locations\/([^/]+)\/jobs\/([\w-]+))(.*)$/.exec(pathname) ?? [];
    const all = executions.get(region);
    if (all === undefined || own !== ownName) return fail(404);
    const disturbance = request.method === "GET" ? jobs.disturbances.shift() : undefined;
    if (disturbance === 0) return void request.socket.destroy();
    if (disturbance !== undefined) return fail(disturbance);
    const [, name, verb] = /^\/executions\/([^:]+)(:cancel)?$/.exec(rest) ?? [];
    if (name !== undefined) {
      const found = all.find((one) => one.name.endsWith(`/${name}`));
      if (found === undefined) return fail(404);
      if (verb === undefined) return reply(200, found);
      if (request.method !== "POST") return fail(404);
      jobs.cancelled.push(`${region} ${name}`);
      Object.assign(found, { completionTime: new Date().toISOString(), runningCount: 0, cancelledCount: tasks });
      return reply(200, { name: "projects/some-project/locations/x/operations/z", metadata: found });
    }
    if (rest === "/executions") {
      jobs.listed.push(region);
      return reply(200, { executions: all });
    }
    if (rest !== ":run" || request.method !== "POST") return fail(404);
    const { overrides } = JSON.parse(await text(request)) as {
      overrides: { containerOverrides: { args: string[] }[] };
    };
    if (jobs.refuse !== undefined) return fail(jobs.refuse);
    const execution: Execution = {
      name: `${job}/executions/${ownName}-${all.length}`,
      createTime: new Date(Date.UTC(2026, 0, 1, 0, all.length)).toISOString(),
      taskCount: tasks,
      logUri: `https://console.example/${region}/${all.length}`,
      template: { containers: overrides.containerOverrides },
      runningCount: tasks,
    };
    all.push(execution);
    reply(200, { name: "projects/some-project/locations/x/operations/y", metadata: execution });
  };
  const { url } = await serveOnLoopback((request, response) => void answer(request, response));
  const jobs: RunJobs = {
    endpoint: `${url}/v2/`,
    executions,
    refuse: undefined,
    disturbances: [],
    listed: [],
    cancelled: [],
  };
  return jobs;
}
