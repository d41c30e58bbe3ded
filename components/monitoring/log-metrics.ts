/**
 * What Cloud Logging counts of the log, and who is told of what it counts. Whoever writes the lines needs no right but to write them.
 *
 * All alerts on such counts are in PromQL: alone of Cloud Monitoring's conditions that may be made in the same run as the metric that it looks
 * at (`disableMetricValidation`; all others are refused for up to ten minutes, hashicorp/terraform-provider-google#11102), and alone it
 * fires for what was never written at all. It looks back 25 hours at most on metrics of logs, and a state can be required to last for 24 hours more.
 */
export interface LogMetric {
  /** The metric's name, `logging.googleapis.com/user/<name>`; also ends the alert's logical name. */
  readonly name: string;
  readonly description: string;
  /** Which lines are counted (Logging query language), in this project. */
  readonly filter: (project: string) => string;
  /** The metric's labels, by the fields of a line that hold their values. */
  readonly labels?: Readonly<Record<string, string>>;
  /** The field with a number to be added up; without it lines are counted. */
  readonly sum?: string;
  /** Who is told of what; without it the dashboard shows it, and nobody is told. */
  readonly alert?: {
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
export const redirects = "redirector_redirects";
export const mirrorTrouble = "redirector_mirror_trouble";
const unserved = "redirector_unserved";
const withoutRanges = "redirector_without_ranges";

/** The lines that redirectors write once a minute (redirector/telemetry/log-summary.ts). Cloud Run takes them from their output: their account needs no right. */
const redirector = 'resource.type="cloud_run_revision" resource.labels.service_name=~"^redirector-"';

export const logMetrics: readonly LogMetric[] = [
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
  {
    name: redirects,
    description: "Requests that redirectors sent to each mirror",
    filter: () => `${redirector} jsonPayload.sent>0`,
    labels: { mirror: "mirror" },
    sum: "sent",
  },
  {
    name: unserved,
    description: "Minutes in which a redirector knew no healthy mirror of images, or of files",
    filter: () => `${redirector} jsonPayload.unserved:*`,
    labels: { what: "unserved" },
    alert: {
      displayName: "Redirectors of a region find no healthy mirror",
      severity: "CRITICAL",
      documentation:
        "All their probes fail: they send every client to the canonical mirror, whether it answers or not. From one region alone: it can't reach the others, look at Google Cloud's status; pulls go wrong only if clients can't, either. From all: the mirrors are down, or a deploy told the redirectors the wrong addresses (roll it back, see the runbook in the README).",
      condition: "Two summaries of redirectors in a region within five minutes",
      query: `sum by (location, what) (increase(${inPromql(unserved, "cloud_run_revision")}[5m])) > 1`,
      lastsSeconds: 0,
    },
  },
  {
    name: mirrorTrouble,
    description: "Minutes in which a redirector found a mirror unhealthy, or failing when asked for what it holds",
    filter: () => `${redirector} jsonPayload.trouble:*`,
    labels: { mirror: "mirror", trouble: "trouble" },
    alert: {
      displayName: "A mirror is unhealthy or fails",
      severity: "WARNING",
      documentation:
        "Clients are sent to the next mirror meanwhile, so nobody is without an answer. `unhealthy`: its probes fail; `failing`: it answers them, but not when asked for what it holds: for a bucket in AWS look whether its policy or its public access block was changed (`drift` shows it) and at AWS's status. The redirectors' log says since when, and in which regions they see it. To take it out of use: artifacts:retiringRegions.",
      condition: "The same mirror, in every ten minutes of a quarter of an hour",
      query: `sum by (mirror, trouble) (increase(${inPromql(mirrorTrouble, "cloud_run_revision")}[10m])) > 0`,
      lastsSeconds: 900,
    },
  },
  {
    name: withoutRanges,
    description: "Minutes in which a redirector had no table of the clouds' addresses",
    filter: () => `${redirector} jsonPayload.message="summary" jsonPayload.cloudRanges=0`,
    alert: {
      displayName: "Redirectors have no table of the clouds' addresses",
      severity: "WARNING",
      documentation:
        "They choose by location alone: clients inside AWS no longer get layers from the buckets there, which costs transfer out of Google Cloud. The deployed build was made without `npm run ranges`, or its table is damaged (the redirectors' log says which): deploy again.",
      condition: "For ten minutes",
      query: `sum(increase(${inPromql(withoutRanges, "cloud_run_revision")}[10m])) > 0`,
      lastsSeconds: 600,
    },
  },
];
