/**
 * What Cloud Logging counts of the log, and who is told of what it counts. Whoever writes the lines needs no right but to write them.
 *
 * All alerts on such counts are in PromQL: alone of Cloud Monitoring's conditions that may be made in the same run as the metric that it looks
 * at (`disableMetricValidation`; the others are refused for up to ten minutes, hashicorp/terraform-provider-google#11102), and alone it
 * fires for what was never written at all. It looks back 25 hours at most on metrics of logs, and a state can be required to last for 24 hours more.
 */
export interface LogAlert {
  /** The metric's name, `logging.googleapis.com/user/<name>`; also ends the alert's logical name. */
  readonly name: string;
  readonly description: string;
  /** Which lines are counted (Logging query language), in this project. */
  readonly filter: (project: string) => string;
  /** Labels of the metric by the fields that hold their values. */
  readonly labels?: Readonly<Record<string, string>>;
  readonly alert: {
    readonly displayName: string;
    readonly severity: "CRITICAL" | "ERROR" | "WARNING";
    /** What to do. */
    readonly documentation: string;
    readonly condition: string;
    /** PromQL: whenever it has a result, something is wrong. */
    readonly query: string;
    /** How long that has to last. */
    readonly lastsSeconds: number;
  };
}

/** A metric of logs as PromQL calls it (Monitoring docs, "Map Cloud Monitoring metrics to PromQL"). */
export function inPromql(metric: string, resource: "global" | "cloud_run_revision"): string {
  return `logging_googleapis_com:user_${metric}{monitored_resource="${resource}"}`;
}

/** What the workflow `drift` writes into the workflows' log when it has ended as it should, whatever it found. */
export const driftHeartbeat = "drift";

const driftCompared = "artifacts_drift_compared";

export const logAlerts: readonly LogAlert[] = [
  {
    name: driftCompared,
    description: "Times that the workflow drift compared production with the main branch, to the end",
    filter: (project) => `logName="projects/${project}/logs/artifacts" jsonPayload.heartbeat="${driftHeartbeat}"`,
    alert: {
      displayName: "Nobody looks whether production is what the main branch says",
      severity: "WARNING",
      documentation:
        "The workflow `drift`, which runs every night, has not come to its end for a day and a half: then no other alert tells of a drift, either. Look at its runs at GitHub (Actions, drift). No run at all: GitHub skips some when it is busy, and turns off the schedule of a repository without a change for 60 days; enable the workflow there and run it. A run that fails before it can raise an alert: it can't sign in, see its log. After a first deploy: run it once by hand. This alert ends when a run does.",
      condition: "No run that came to its end for 24 hours, and that for 12 hours",
      query: `absent_over_time(${inPromql(driftCompared, "global")}[24h])`,
      lastsSeconds: 12 * 3600,
    },
  },
];
