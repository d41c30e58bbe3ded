import { inPromql, type LogMetric } from "./log-metrics.ts";

export const filledBytes = "artifacts_fill_bytes";
export const fillFailures = "artifacts_fill_failures";
export const fillMissing = "artifacts_fill_missing";
const fillProgress = "artifacts_fill_progress";
const fillGivenUp = "artifacts_fill_given_up";

/** Hours without anything brought after which somebody is told. A task looks at what is there first, which takes minutes. */
const idleHours = 3;

/** As the program names the job in each region. */
const job = "artifacts-fill";

/** The lines that the tasks of a fill write (components/commands/fill-log.ts), whose numbers are those since the line before. */
const task = `resource.type="cloud_run_job" resource.labels.job_name="${job}" jsonPayload.event=~"^fill"`;

/** What Cloud Run itself measures of the job (Google Cloud metrics, "run"): a task that was killed writes no line. */
const ofJob = (metric: string, more = "") =>
  `run_googleapis_com:job_${metric}{monitored_resource="cloud_run_job",job_name="${job}"${more}}`;
const running = `max by (location) (max_over_time(${ofJob("running_executions")}[10m])) > 0`;

/** Metrics of fills, where deployments leave mirrors to them. */
export const fillMetrics: readonly LogMetric[] = [
  {
    name: filledBytes,
    description: "Bytes that fills sent to each mirror",
    filter: () => `${task} jsonPayload.bytes>0`,
    labels: { mirror: "mirror" },
    sum: "bytes",
  },
  {
    name: fillMissing,
    description:
      "Lines of the manifests that tasks of fills found missing in each mirror; those of a task that is tried again once more",
    filter: () => `${task} jsonPayload.missing>0`,
    labels: { mirror: "mirror" },
    sum: "missing",
  },
  {
    name: fillFailures,
    description: "What tasks of fills could not bring to each mirror, at each try",
    filter: () => `${task} jsonPayload.failed>0`,
    labels: { mirror: "mirror" },
    sum: "failed",
  },
  {
    name: fillGivenUp,
    description: "What tasks of fills gave up for each mirror, as no later try brings it; for Cloud Run they succeeded",
    filter: () => `${task} jsonPayload.givenUp>0`,
    labels: { mirror: "mirror" },
    sum: "givenUp",
    alert: {
      displayName: "A fill failed",
      severity: "WARNING",
      documentation:
        "A task of it failed at each of its tries, or gave up what no other try would bring, such as a file that is in no other mirror; clients get what is elsewhere from there. `artifacts fill --status` says how much the mirror lacks, what was given up and why, and which execution it was; its log names each artifact, with the cause. Mend the cause and run `artifacts fill --start`, or wait for the next deployment, which starts it again: a fill goes on where it stopped. This alert ends six hours after the last failure.",
      condition: "An execution of the job failed, or a task of it gave something up",
      query: `sum by (location) (increase(${ofJob("completed_execution_count", ',result="failed"')}[6h])) > 0 or sum by (location) (increase(${inPromql(`${fillGivenUp}_sum`, "cloud_run_job")}[6h])) > 0`,
      lastsSeconds: 0,
    },
  },
  {
    name: fillProgress,
    description: "Lines of tasks of fills that had brought artifacts, or bytes of one, since the line before",
    filter: () => `${task} jsonPayload.progress>0`,
    labels: { mirror: "mirror" },
    alert: {
      displayName: `A fill makes no progress for ${idleHours} hours`,
      severity: "WARNING",
      documentation:
        "Its tasks run and bring nothing, and what the mirror lacks stays away from the clients near it. Look at the log of the execution that `artifacts fill --status` names: a region that answers 429 or 503 all the time has a quota that is used up, or trouble of its own. To begin anew: `artifacts fill --cancel all`, then `artifacts fill --start`; nothing is lost.",
      condition: "Executions run, and nothing was brought",
      query: `${running} unless on (location) sum by (location) (increase(${inPromql(fillProgress, "cloud_run_job")}[1h])) > 0`,
      lastsSeconds: (idleHours - 1) * 3600,
    },
  },
];
