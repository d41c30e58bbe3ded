/** What Cloud Run tells a task of a job in its variables (container runtime contract, "Environment variables for jobs"). Elsewhere they are undefined. */
export interface CloudRunTask {
  readonly job: string | undefined;
  readonly execution: string | undefined;
  /** From 0. */
  readonly index: string | undefined;
  readonly count: string | undefined;
  /** Which try of the task it is, from 0. */
  readonly attempt: number;
}

export function cloudRunTask(environment: NodeJS.ProcessEnv): CloudRunTask {
  return {
    job: environment["CLOUD_RUN_JOB"],
    execution: environment["CLOUD_RUN_EXECUTION"],
    index: environment["CLOUD_RUN_TASK_INDEX"],
    count: environment["CLOUD_RUN_TASK_COUNT"],
    attempt: Number(environment["CLOUD_RUN_TASK_ATTEMPT"] ?? 0),
  };
}
