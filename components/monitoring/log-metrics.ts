/**
 * A metric that Cloud Logging counts from log lines, and the alert on it. The writer of the lines needs only the right to write logs.
 *
 * Alerts on these metrics are in PromQL. It is the only condition of Cloud Monitoring that can be created in the same run as its metric
 * (`disableMetricValidation`; all others are refused for up to ten minutes, hashicorp/terraform-provider-google#11102), and the only one that
 * fires for a line that was never written. On metrics of logs it looks back 25 hours at most; a state can be required to last 24 hours more.
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
  /** Without it the metric is shown on the dashboard only. */
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
export function inPromql(metric: string, resource: "global" | "cloud_run_revision" | "cloud_run_job"): string {
  return `logging_googleapis_com:user_${metric}{monitored_resource="${resource}"}`;
}

/** The workflow `drift` writes this into the log of the workflows when it has run to its end, whatever it found. */
const driftHeartbeat = "drift";

const driftCompared = "artifacts_drift_compared";
export const redirects = "redirector_redirects";
export const mirrorTrouble = "redirector_mirror_trouble";
const unserved = "redirector_unserved";
const withoutRanges = "redirector_without_ranges";

/** What `deploy` writes of each promotion (components/promotion/provider/run-record.ts). */
const promotions = "artifacts_promotions";
const latePromotions = "artifacts_promotions_late";
const failedPurges = "artifacts_purges_failed";
export const failedPromotions = "artifacts_promotions_failed";
export const promotionSeconds = "artifacts_promotion_seconds";
export const mirroredBytes = "artifacts_mirrored_bytes";
export const mirrorLag = "artifacts_mirror_lag";

/** The share of promotions that may be later than 15 minutes, or fail. */
const lateShare = 0.01;

/** Counts the line of each promotion, by kind. */
const perPromotion = {
  filter: (project: string) => ofPromotions(project, "promotion"),
  labels: { kind: "kind" },
};

/** Counts the line of each mirror of a promotion. */
const perMirror = {
  filter: (project: string) => ofPromotions(project, "promotion-mirror"),
  labels: { mirror: "mirror" },
};

function ofPromotions(project: string, event: string): string {
  return `logName="projects/${project}/logs/artifacts" jsonPayload.event="${event}"`;
}

/** The lines that redirectors write once a minute (redirector/telemetry/log-summary.ts). Cloud Run collects their output: their account needs no right. */
const redirector = 'resource.type="cloud_run_revision" resource.labels.service_name=~"^redirector-"';

export const logMetrics: readonly LogMetric[] = [
  {
    name: driftCompared,
    description: "Runs of the workflow drift that compared production with the main branch to the end",
    filter: (project) => `logName="projects/${project}/logs/artifacts" jsonPayload.heartbeat="${driftHeartbeat}"`,
    alert: {
      displayName: "Production is no longer compared with the main branch",
      severity: "WARNING",
      documentation:
        "The nightly workflow `drift` has not finished for a day and a half, so no other alert reports drift. Look at its runs on GitHub (Actions, drift). If there is no run: GitHub skips scheduled runs when it is busy, and disables the schedule of a repository without a change for 60 days; enable the workflow there and run it. If a run fails before it can raise an alert, it can't sign in: see its log. After the first deploy: run it once by hand. This alert ends when a run finishes.",
      condition: "No finished run in 24 hours, for 12 hours",
      query: `absent_over_time(${inPromql(driftCompared, "global")}[24h])`,
      lastsSeconds: 12 * 3600,
    },
  },
  {
    ...perPromotion,
    name: promotions,
    description: "Promotions of one project's images or files that had something to do",
  },
  {
    ...perPromotion,
    name: failedPromotions,
    description: "Promotions that did not bring everything everywhere",
    filter: (project) => `${perPromotion.filter(project)} jsonPayload.failed=1`,
  },
  {
    ...perPromotion,
    name: latePromotions,
    description: "Promotions that were not everywhere after 15 minutes",
    filter: (project) => `${perPromotion.filter(project)} jsonPayload.late=1`,
    // No Slo: Cloud Monitoring refuses one on a metric that it does not know yet (GoogleCloudPlatform/cloud-ops-sandbox#896).
    alert: {
      displayName: "Promotions: fewer than 99 % are everywhere within 15 minutes",
      severity: "WARNING",
      documentation:
        "A promotion of the last day took longer than 15 minutes, or failed in a mirror. The dashboard shows which mirrors lag and what they received; `artifacts status` says what is missing where. One slow mirror: look at its cloud's status. All of them: a large promotion, or a mirror that is being filled; if it is usual, raise the limits of the network of the runner, or promote in smaller steps. This alert ends a day after the last late promotion.",
      condition: "More than 1 % in 24 hours",
      query: `sum(increase(${inPromql(latePromotions, "global")}[24h])) / sum(increase(${inPromql(promotions, "global")}[24h])) > ${lateShare}`,
      lastsSeconds: 0,
    },
  },
  {
    ...perPromotion,
    name: promotionSeconds,
    description: "Seconds until a promotion was everywhere, or had failed",
    sum: "seconds",
  },
  {
    ...perMirror,
    name: mirroredBytes,
    description: "Bytes that promotions sent to each mirror",
    sum: "bytes",
  },
  {
    ...perMirror,
    name: mirrorLag,
    description: "Seconds by which each mirror was done later than the first",
    sum: "lagSeconds",
  },
  {
    name: failedPurges,
    description: "Runs of a project that could not purge a CDN of what they replaced or removed",
    filter: (project) => ofPromotions(project, "purge-failed"),
    labels: { cdn: "cdn" },
    alert: {
      displayName: "A CDN could not be purged",
      severity: "WARNING",
      documentation:
        "It may serve what a promotion replaced or removed: tags, lists and mutable files for a minute, what was removed by digest for as long as it keeps it. The warning of the run says why: a token that has expired or is not in the environment, a missing right, an API that is out. The next run of any project purges what is left; `npm run sync` does so at once. See the runbook. This alert ends an hour after the last failed purge.",
      condition: "A failed purge in the last hour",
      query: `sum by (cdn) (increase(${inPromql(failedPurges, "global")}[1h])) > 0`,
      lastsSeconds: 0,
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
    description: "Minutes in which a redirector had no healthy image mirror, or no healthy file mirror",
    filter: () => `${redirector} jsonPayload.unserved:*`,
    labels: { what: "unserved" },
    alert: {
      displayName: "The redirectors of a region have no healthy mirror",
      severity: "CRITICAL",
      documentation:
        "All their probes fail, so they send every client to the canonical mirror, whether it answers or not. If only one region reports this, it can't reach the others: look at Google Cloud's status; pulls fail only if clients can't reach the mirrors, either. If all regions do, the mirrors are down, or a deploy gave the redirectors wrong addresses: roll it back, see the runbook.",
      condition: "Two summaries of redirectors in a region within five minutes",
      query: `sum by (location, what) (increase(${inPromql(unserved, "cloud_run_revision")}[5m])) > 1`,
      lastsSeconds: 0,
    },
  },
  {
    name: mirrorTrouble,
    description: "Minutes in which a redirector found a mirror unhealthy, or failing existence checks",
    filter: () => `${redirector} jsonPayload.trouble:*`,
    labels: { mirror: "mirror", trouble: "trouble" },
    alert: {
      displayName: "A mirror is unhealthy or fails",
      severity: "WARNING",
      documentation:
        "Clients are sent to the next mirror meanwhile, so all are served. `unhealthy`: its probes fail. `failing`: its probes succeed, but existence checks fail: for a bucket in AWS check whether its policy or its public access block was changed (`drift` shows it), and AWS's status. The log of the redirectors says since when, and which regions see it. To take the mirror out of use: artifacts:drainedRegions.",
      condition: "The same mirror, for 15 minutes",
      query: `sum by (mirror, trouble) (increase(${inPromql(mirrorTrouble, "cloud_run_revision")}[10m])) > 0`,
      lastsSeconds: 900,
    },
  },
  {
    name: withoutRanges,
    description: "Minutes in which a redirector had no table of cloud IP ranges",
    filter: () => `${redirector} jsonPayload.message="summary" jsonPayload.cloudRanges=0`,
    alert: {
      displayName: "The redirectors have no table of cloud IP ranges",
      severity: "WARNING",
      documentation:
        "They choose mirrors by location alone: clients inside AWS no longer get layers from the buckets there, which costs egress from Google Cloud. The deployed build was made without `npm run ranges`, or its table is damaged (the log of the redirectors says which): deploy again.",
      condition: "For ten minutes",
      query: `sum(increase(${inPromql(withoutRanges, "cloud_run_revision")}[10m])) > 0`,
      lastsSeconds: 600,
    },
  },
];
