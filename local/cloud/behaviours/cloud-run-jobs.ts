import { randomBytes, randomUUID } from "node:crypto";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { delimiter, dirname, join } from "node:path";
import type { Resource, Values } from "../inventory.ts";
import type { Child } from "../processes.ts";
import { TaskIdentity, type TaskRights } from "../task-identity.ts";
import { object, objects, text, texts } from "../values.ts";
import type { Behaviour, CloudParts } from "./behaviour.ts";
import { containerEnvironment } from "./container-environment.ts";
import { download, listObjects } from "./gcs.ts";

/** The type token of a Cloud Run job. */
export const jobType = "gcp:cloudrunv2/job:Job";

/** What `jobs.run` may say otherwise than the job (`RunJobRequest.Overrides`). */
export interface JobOverrides {
  readonly taskCount?: number;
  readonly containerOverrides?: readonly { readonly args?: readonly string[]; readonly env?: readonly Values[] }[];
}

type TaskState = "running" | "succeeded" | "failed" | "cancelled";

/** Milliseconds between SIGTERM and SIGKILL of a task that is cancelled (container runtime contract, "Job execution shutdown"). */
const cancelGrace = 10_000;

interface Execution {
  readonly name: string;
  readonly job: Resource;
  readonly created: string;
  readonly container: Values;
  readonly tasks: TaskState[];
  /** The attempts that run. */
  readonly children: Set<Child>;
  retried: number;
  isCancelled: boolean;
  completed: string | undefined;
}

/**
 * `gcp:cloudrunv2/job:Job`: an execution (`jobs.run`) runs the container's command once for each task, all at the same time, with the job's
 * environment and Cloud Run's (container runtime contract, "Environment variables for jobs"), and again where it fails, as often as `maxRetries` says. There
 * are no containers: the command runs on this machine, Node in place of the base image's, and a mounted bucket is a copy of its objects as of the
 * start, to whose folder the mount path in commands and arguments is changed. Executions are forgotten when the cloud stops.
 */
export class CloudRunJobs {
  readonly #parts: CloudParts;
  readonly #rights: TaskRights;
  readonly #executions = new Map<string, Execution>();
  readonly #identities = new Set<TaskIdentity>();
  #isClosing = false;

  constructor(parts: CloudParts, rights: TaskRights) {
    this.#parts = parts;
    this.#rights = rights;
  }

  get behaviour(): Behaviour {
    const check = async (resource: Resource): Promise<Values> => {
      this.#accountOf(resource);
      onlyContainer(resource);
      return {};
    };
    return {
      create: check,
      update: check,
      delete: async ({ inputs }) => {
        if (inputs["deletionProtection"] !== false)
          throw new Error(
            `cannot destroy job ${text(inputs, "name")} without setting deletionProtection=false and running \`pulumi up\``,
          );
      },
    };
  }

  /**
   * Answers the Cloud Run Admin API v2, `/apis/run/v2/` for https://run.googleapis.com/v2/: `jobs.run`, `jobs.executions.get`, `.list` and
   * `.cancel`. Undefined for what is not there.
   */
  async answer(method: string, { pathname }: URL, body: () => Promise<unknown>): Promise<object | undefined> {
    const [, job, execution, verb] =
      /^\/apis\/run\/v2\/(projects\/[^/]+\/locations\/[^/]+\/jobs\/[^/:]+)(\/executions(?:\/[^/:]+)?)?(:\w+)?$/.exec(
        pathname,
      ) ?? [];
    if (job === undefined) return undefined;
    switch (
      `${method} ${execution === undefined ? "job" : execution === "/executions" ? "list" : "execution"}${verb ?? ""}`
    ) {
      case "POST job:run": {
        const found = this.#parts.inventory.find(jobType, job);
        if (found === undefined) return undefined;
        const { overrides = {} } = (await body()) as { overrides?: JobOverrides };
        return operation(await this.#run(found, overrides));
      }
      case "GET list": {
        const all = [...this.#executions.values()].filter(({ name }) => name.startsWith(`${job}/`));
        return { executions: all.reverse().map(described) };
      }
      case "POST execution:cancel": {
        const found = this.#executions.get(`${job}${execution}`);
        return found && operation(this.#cancel(found));
      }
      case "GET execution": {
        const found = this.#executions.get(`${job}${execution}`);
        return found && described(found);
      }
      default:
        return undefined;
    }
  }

  /** Ends the executions. {@link Processes} stops their tasks. */
  async close(): Promise<void> {
    this.#isClosing = true;
    await Promise.all([...this.#identities].map((identity) => identity.close()));
  }

  /** Tasks that run are stopped, and none is tried again: they are cancelled. Of one that has ended nothing changes. */
  #cancel(execution: Execution): Execution {
    if (execution.completed === undefined && !execution.isCancelled) {
      execution.isCancelled = true;
      for (const child of execution.children) void this.#parts.processes.stop(child, cancelGrace);
    }
    return execution;
  }

  async #run(job: Resource, { taskCount, containerOverrides = [] }: JobOverrides): Promise<Execution> {
    const template = object(job.inputs["template"]);
    const short = `${text(job.inputs, "name")}-${randomBytes(3).toString("hex").slice(0, 5)}`;
    const [override = {}] = containerOverrides;
    const container = onlyContainer(job);
    const execution: Execution = {
      name: `${job.id}/executions/${short}`,
      job,
      created: new Date().toISOString(),
      container: {
        ...container,
        ...(override.args !== undefined && { args: override.args }),
        envs: [...objects(container["envs"]), ...(override.env ?? [])],
      },
      tasks: new Array<TaskState>(taskCount ?? Number(template["taskCount"] ?? 1)).fill("running"),
      children: new Set(),
      retried: 0,
      isCancelled: false,
      completed: undefined,
    };
    const dir = join(this.#parts.dir, "executions", short);
    const mounts = await this.#mount(object(template["template"]), execution.container, dir);
    const identity = await TaskIdentity.open(this.#accountOf(job), this.#rights);
    this.#identities.add(identity);
    this.#executions.set(execution.name, execution);
    const ended = Promise.all(execution.tasks.map((_, task) => this.#runTask(execution, task, dir, mounts, identity)));
    void ended
      .catch((error: unknown) => {
        if (!this.#isClosing) process.stderr.write(`${execution.name}: ${(error as Error).message}\n`);
      })
      .then(async () => {
        execution.completed = new Date().toISOString();
        this.#identities.delete(identity);
        await identity.close();
        await rm(dir, { recursive: true, force: true });
      });
    return execution;
  }

  /** Runs one task until it succeeds, or has been tried as often as the job says. */
  async #runTask(
    execution: Execution,
    task: number,
    dir: string,
    mounts: ReadonlyMap<string, string>,
    identity: TaskIdentity,
  ): Promise<void> {
    const { job, container, tasks } = execution;
    const here = (value: string): string => {
      for (const [path, folder] of mounts)
        value = value.replaceAll(new RegExp(`(?<![\\w./-])${RegExp.escape(path)}(?=[/"'\\s]|$)`, "g"), folder);
      return value;
    };
    const [file = "", ...args] = [...texts(container["commands"]), ...texts(container["args"])].map(here);
    const retries = Number(object(object(job.inputs["template"])["template"])["maxRetries"] ?? 3);
    const short = execution.name.slice(execution.name.lastIndexOf("/") + 1);
    const [location, name] = [text(job.inputs, "location"), text(job.inputs, "name")];
    for (let attempt = 0; attempt <= retries && !this.#isClosing && !execution.isCancelled; attempt++) {
      if (attempt > 0) execution.retried++;
      // Each attempt has the file system of a new container.
      const home = join(dir, `${task}-${attempt}`);
      await mkdir(home, { recursive: true });
      const child = await this.#parts.processes.start({
        purpose: `Cloud Run ${location} ${short} task ${task} attempt ${attempt}`,
        file,
        args,
        cwd: home,
        stateless: true,
        env: {
          PATH: [dirname(process.execPath), process.env["PATH"]].join(delimiter),
          HOME: home,
          TMPDIR: home,
          ...containerEnvironment(container),
          ...identity.environment,
          CLOUD_RUN_JOB: name,
          CLOUD_RUN_EXECUTION: short,
          CLOUD_RUN_TASK_INDEX: String(task),
          CLOUD_RUN_TASK_ATTEMPT: String(attempt),
          CLOUD_RUN_TASK_COUNT: String(tasks.length),
        },
      });
      execution.children.add(child);
      if (execution.isCancelled) void this.#parts.processes.stop(child, cancelGrace);
      const end = await child.ended;
      execution.children.delete(child);
      if (end !== "ended with exit code 0") continue;
      tasks[task] = "succeeded";
      return;
    }
    tasks[task] = execution.isCancelled ? "cancelled" : "failed";
  }

  /** Copies the buckets that the container mounts. @returns the folders by the paths at which they are mounted. */
  async #mount(template: Values, container: Values, dir: string): Promise<ReadonlyMap<string, string>> {
    const { gcsServer: gcs } = this.#parts.servers;
    const folders = new Map<string, string>();
    for (const { name, mountPath } of objects(container["volumeMounts"])) {
      const volume = objects(template["volumes"]).find((one) => one["name"] === name);
      const bucket = text(object(volume?.["gcs"]), "bucket");
      const folder = join(dir, `volume-${String(name)}`);
      for await (const key of listObjects(gcs, bucket)) {
        const file = join(folder, key);
        await mkdir(dirname(file), { recursive: true });
        await writeFile(file, await download(gcs, bucket, key));
      }
      folders.set(String(mountPath), folder);
    }
    return folders;
  }

  #accountOf({ inputs }: Resource): { email: string; uniqueId: string } {
    const email = text(object(object(inputs["template"])["template"]), "serviceAccount");
    const account = this.#parts.inventory
      .list("gcp:serviceaccount/account:Account")
      .find(({ computed }) => computed["email"] === email);
    if (account === undefined)
      throw new Error(`googleapi: Error 400: Service account ${email} was not found., badRequest`);
    return { email, uniqueId: text(account.computed, "uniqueId") };
  }
}

function onlyContainer({ inputs }: Resource): Values {
  const containers = objects(object(object(inputs["template"])["template"])["containers"]);
  const [container] = containers;
  if (container === undefined || containers.length > 1)
    throw new Error(`The emulated Cloud Run needs exactly one container per job, this one has ${containers.length}.`);
  const image = text(container, "image");
  if (!/-docker\.pkg\.dev\/serverless-runtimes\/[\w-]+\/runtimes\/nodejs\d+$/.test(image))
    throw new Error(`The emulated Cloud Run runs jobs on Google's base images with Node only, not the image ${image}.`);
  if (texts(container["commands"]).length === 0)
    throw new Error(`The emulated Cloud Run does not know what the image ${image} starts: the job needs commands.`);
  return container;
}

/** A long-running operation of `jobs.run`: its metadata is the execution. */
function operation(execution: Execution): object {
  const name = execution.name.replace(/\/jobs\/.*/, `/operations/${randomUUID()}`);
  const type = "type.googleapis.com/google.cloud.run.v2.Execution";
  return { name, metadata: { "@type": type, ...described(execution) }, done: false };
}

/** An execution in the form of the API, which leaves out counts that are zero. */
function described({ name, job, created, container, tasks, retried, isCancelled, completed }: Execution): object {
  const count = (state: TaskState): number => tasks.filter((one) => one === state).length;
  const counts = {
    runningCount: count("running"),
    succeededCount: count("succeeded"),
    failedCount: count("failed"),
    cancelledCount: count("cancelled"),
    retriedCount: retried,
  };
  const state =
    completed === undefined
      ? "CONDITION_RECONCILING"
      : counts.failedCount + counts.cancelledCount > 0
        ? "CONDITION_FAILED"
        : "CONDITION_SUCCEEDED";
  return {
    name,
    job: job.id.slice(job.id.lastIndexOf("/") + 1),
    createTime: created,
    startTime: created,
    ...(completed !== undefined && { completionTime: completed }),
    taskCount: tasks.length,
    parallelism: tasks.length,
    ...Object.fromEntries(Object.entries(counts).filter(([, value]) => value > 0)),
    conditions: [{ type: "Completed", state, ...(isCancelled && { executionReason: "CANCELLED" }) }],
    template: {
      containers: [{ command: texts(container["commands"]), args: texts(container["args"]) }],
      serviceAccount: object(object(job.inputs["template"])["template"])["serviceAccount"],
    },
    logUri: `https://console.cloud.google.com/logs/viewer?advancedFilter=${encodeURIComponent(`resource.type="cloud_run_job"`)}`,
  };
}
