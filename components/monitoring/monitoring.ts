import { Budget } from "@pulumi/gcp/billing/budget.js";
import { Metric } from "@pulumi/gcp/logging/metric.js";
import { AlertPolicy } from "@pulumi/gcp/monitoring/alertPolicy.js";
import { CustomService } from "@pulumi/gcp/monitoring/customService.js";
import { Dashboard } from "@pulumi/gcp/monitoring/dashboard.js";
import { NotificationChannel } from "@pulumi/gcp/monitoring/notificationChannel.js";
import { Slo } from "@pulumi/gcp/monitoring/slo.js";
import { UptimeCheckConfig } from "@pulumi/gcp/monitoring/uptimeCheckConfig.js";
import * as pulumi from "@pulumi/pulumi";
import { indexKey } from "../catalogue/layout.ts";
import { dashboard } from "./dashboard.ts";
import { fillMetrics } from "./fill-metrics.ts";
import { type LogMetric, logMetrics } from "./log-metrics.ts";

export interface MonitoringArgs {
  readonly project: string;
  /** The name that clients use. */
  readonly host: string;
  /** One more name for the same, if any. */
  readonly vanityHost: string | undefined;
  /** The names of CDNs that the program made in front of buckets. */
  readonly cdnHosts: readonly string[];
  /** Path of an image's manifest in production to try, such as `/v2/tool/manifests/sha256:...`; undefined: there is none. */
  readonly image: string | undefined;
  /** Path of a file in production to try, such as `/binaries/tool/v1.0.0/tool`; undefined: there is none. */
  readonly file: string | undefined;
  /** Who is told of an alert; undefined = nobody. */
  readonly alertEmail: string | undefined;
  /** The number of `project`, which a budget names it by. */
  readonly projectNumber: string;
  /** What the project may cost in a calendar month, in the billing account's currency; undefined: no budget. */
  readonly budget: { readonly billingAccount: string; readonly units: number } | undefined;
  /** GiB that the buckets may send in a day before somebody is told; undefined: any. */
  readonly sentGibPerDay: number | undefined;
  /** Whether jobs fill mirrors. */
  readonly fills: boolean;
}

/**
 * Whether the service works: uptime checks from four continents, service level objectives on the load balancer's metrics, alerts that say
 * what to do, and one dashboard.
 */
export class Monitoring extends pulumi.ComponentResource {
  /** Names of the objectives, `projects/<number>/services/redirector/serviceLevelObjectives/<id>`. */
  public readonly objectives: Readonly<Record<"availability" | "latency", pulumi.Output<string>>>;
  readonly #project: string;
  readonly #channels: pulumi.Output<string>[];

  constructor(name: string, args: MonitoringArgs, opts?: pulumi.ComponentResourceOptions) {
    super("artifacts:monitoring:Monitoring", name, {}, opts);
    const { project, host } = args;
    this.#project = project;
    this.#channels = args.alertEmail === undefined ? [] : [this.addChannel(name, args.alertEmail)];

    const registry = this.addCheck(`${name}-registry`, { host, what: "the registry", path: "/v2/" });
    this.addCertificateAlert(`${name}-certificate`, host, registry);
    if (args.vanityHost !== undefined) {
      const other = { host: args.vanityHost, what: "the registry", path: "/v2/" };
      this.addCertificateAlert(`${name}-vanity-certificate`, other.host, this.addCheck(`${name}-vanity`, other));
    }
    // Every file mirror has the catalogue, whatever projects are placed there.
    for (const cdn of args.cdnHosts) {
      const check = this.addCheck(`${name}-${cdn}`, { host: cdn, what: "the CDN", path: `/${indexKey}` });
      this.addCertificateAlert(`${name}-${cdn}-certificate`, cdn, check);
    }
    // Redirects are followed, and the last answer counts (Monitoring docs, "Create public uptime checks"): these come from mirrors.
    if (args.image !== undefined) {
      this.addCheck(`${name}-image`, { host, what: "an image", path: args.image, headers: { Accept: manifests } });
    }
    if (args.file !== undefined) this.addCheck(`${name}-file`, { host, what: "a file", path: args.file });

    const service = new CustomService(name, { project, serviceId: "redirector", displayName: host }, { parent: this });
    this.objectives = {
      availability: this.addObjective(name, "availability", service, {
        displayName: "99.9 % of requests are answered without a server error",
        goal: 0.999,
        requestBasedSli: {
          goodTotalRatio: {
            totalServiceFilter: requests,
            badServiceFilter: `${requests} metric.label.response_code_class="500"`,
          },
        },
      }),
      latency: this.addObjective(name, "latency", service, {
        displayName: "99 % of requests are answered within 300 ms",
        goal: 0.99,
        requestBasedSli: {
          distributionCut: {
            // From the load balancer to a redirector and back. The total latency includes the way to the client, which is long from some continents.
            distributionFilter: `metric.type="loadbalancing.googleapis.com/https/backend_latencies" ${balancer}`,
            range: { max: 300 },
          },
        },
      }),
    };
    this.addReportAlert(name);
    this.addQuotaAlert(name);
    this.addQuotaWarning(name);
    const { fills } = args;
    for (const each of [...logMetrics, ...(fills ? fillMetrics : [])]) this.addLogMetric(name, each);
    if (args.budget !== undefined) this.addBudget(name, host, args.projectNumber, args.budget);
    if (args.sentGibPerDay !== undefined) this.addSentBytesAlert(name, args.sentGibPerDay);
    new Dashboard(
      name,
      {
        project,
        dashboardJson: pulumi
          .output(this.objectives)
          .apply((names) => JSON.stringify(dashboard({ project, host, objectives: names, fills }))),
      },
      { parent: this },
    );
    this.registerOutputs({ objectives: this.objectives });
  }

  private addChannel(name: string, email: string): pulumi.Output<string> {
    return new NotificationChannel(
      `${name}-email`,
      { project: this.#project, displayName: "artifacts on call", type: "email", labels: { email_address: email } },
      { parent: this },
    ).name;
  }

  /** An uptime check every minute, and the alert when more than one location fails it. Returns the check's id. */
  private addCheck(
    name: string,
    {
      host,
      what,
      path,
      headers,
    }: {
      readonly host: string;
      readonly what: string;
      readonly path: string;
      readonly headers?: Record<string, string>;
    },
  ): pulumi.Output<string> {
    const check = new UptimeCheckConfig(
      name,
      {
        project: this.#project,
        displayName: `${host}: ${what}`, // not the path, which changes with the manifests: by this a lost state finds it again
        period: "60s",
        timeout: "10s",
        selectedRegions: ["USA", "EUROPE", "SOUTH_AMERICA", "ASIA_PACIFIC"],
        httpCheck: {
          path,
          port: 443,
          useSsl: true,
          validateSsl: true,
          ...(headers && { headers }),
          acceptedResponseStatusCodes: [{ statusClass: "STATUS_CLASS_2XX" }],
        },
        monitoredResource: { type: "uptime_url", labels: { host, project_id: this.#project } },
      },
      { parent: this },
    );
    this.addAlert(`${name}-down`, {
      displayName: `${host}: ${what} can't be reached`,
      severity: "CRITICAL",
      documentation:
        "The request fails, or the mirror that it is redirected to does not answer. See the runbook: either one region fails (the dashboard shows responses by region), or the last deploy broke it (roll it back).",
      conditions: [
        {
          displayName: "Checks fail from more than one location for two minutes",
          conditionThreshold: {
            filter: pulumi.interpolate`metric.type="monitoring.googleapis.com/uptime_check/check_passed" AND resource.type="uptime_url" AND metric.labels.check_id="${check.uptimeCheckId}"`,
            comparison: "COMPARISON_GT",
            thresholdValue: 1,
            duration: "120s",
            aggregations: [
              {
                alignmentPeriod: "60s",
                perSeriesAligner: "ALIGN_NEXT_OLDER",
                crossSeriesReducer: "REDUCE_COUNT_FALSE",
                groupByFields: ["resource.label.host"],
              },
            ],
          },
        },
      ],
    });
    return check.uptimeCheckId;
  }

  /**
   * The certificate of a host, seen by a check that is not redirected: other checks see the certificate of the last server. Certificate Manager
   * renews it in its last month by the record in the DNS; one that is not renewed 15 days before its end needs help.
   */
  private addCertificateAlert(name: string, host: string, check: pulumi.Output<string>): void {
    this.addAlert(name, {
      displayName: `The certificate of ${host} expires in less than 15 days`,
      severity: "ERROR",
      documentation:
        "It should have been renewed by now. `gcloud certificate-manager certificates list` and `describe` say why it was not: usually the CNAME `_acme-challenge` or the CAA records are wrong, which the workflow `deploy`, run by hand with `refresh`, repairs, or the DNS does not answer.",
      conditions: [
        {
          displayName: "For ten minutes",
          conditionThreshold: {
            filter: pulumi.interpolate`metric.type="monitoring.googleapis.com/uptime_check/time_until_ssl_cert_expires" AND resource.type="uptime_url" AND metric.labels.check_id="${check}"`,
            comparison: "COMPARISON_LT",
            thresholdValue: 15, // days
            duration: "600s",
            aggregations: [
              {
                alignmentPeriod: "1200s",
                perSeriesAligner: "ALIGN_NEXT_OLDER",
                crossSeriesReducer: "REDUCE_MIN",
                groupByFields: ["resource.label.host"],
              },
            ],
          },
        },
      ],
    });
  }

  /**
   * An objective over 28 days and its two alerts by the rate at which its error budget burns (Google, "The Site Reliability Workbook",
   * chapter 5): 2 % of the budget in an hour is critical, 5 % in six hours is a warning. The short window ends the alert when the errors end.
   */
  private addObjective(
    name: string,
    about: string,
    service: CustomService,
    objective: Pick<ConstructorParameters<typeof Slo>[1], "displayName" | "goal" | "requestBasedSli">,
  ): pulumi.Output<string> {
    const slo = new Slo(
      `${name}-${about}`,
      { project: this.#project, service: serviceId, sloId: about, rollingPeriodDays: 28, ...objective },
      { parent: this, dependsOn: service },
    );
    for (const [speed, severity, rate, long, short] of [
      ["fast", "CRITICAL", 14.4, "3600s", "300s"],
      ["slow", "WARNING", 6, "21600s", "1800s"],
    ] as const) {
      this.addAlert(`${name}-${about}-${speed}`, {
        displayName: `${about}: ${speed === "fast" ? "fast" : "slow"} burn of the error budget`,
        severity,
        documentation: `At this rate the error budget of 28 days is used up in ${speed === "fast" ? "two" : "five"} days. The dashboard shows which responses fail, and where.`,
        conditions: [long, short].map((window) => ({
          displayName: `Burn rate above ${rate} over ${window}`,
          conditionThreshold: {
            filter: pulumi.interpolate`select_slo_burn_rate("${slo.name}", "${window}")`,
            comparison: "COMPARISON_GT",
            thresholdValue: rate,
            duration: "0s",
          },
        })),
      });
    }
    return slo.name;
  }

  /** The workflows write an error to this log when a deploy fails or production differs from the main branch. */
  private addReportAlert(name: string): void {
    this.addAlert(`${name}-report`, {
      displayName: "A deploy failed, or production differs from the manifests",
      severity: "ERROR",
      documentation:
        "The log entry names the run of the workflow. After a failed deploy: run it again, it resumes where it stopped. After drift: the run shows the differences line by line. A deploy of a merge does not look for them: run the workflow `deploy` by hand with `refresh` (its default), which repairs all but what only an owner changes; that an owner repairs with `pulumi up --refresh`.",
      conditions: [
        {
          displayName: "An error in the log of the workflows",
          conditionMatchedLog: { filter: `logName="projects/${this.#project}/logs/artifacts" severity>=ERROR` },
        },
      ],
      alertStrategy: { notificationRateLimit: { period: "3600s" }, autoClose: "86400s" },
    });
  }

  /**
   * Artifact Registry answers 429 above 60,000 requests a minute for each project and region, shared by clients, promotion and probes
   * (Monitoring docs, "Using quota metrics", "quota/exceeded").
   */
  private addQuotaAlert(name: string): void {
    this.addAlert(`${name}-quota`, {
      displayName: "Artifact Registry refuses requests: the quota of a region is used up",
      severity: "ERROR",
      documentation:
        "It answers 429 to clients, promotions and probes of that region alike. Redirectors send clients to the next nearest mirror meanwhile. The dashboard shows which mirror gets the requests. If it lasts: ask for a higher quota (https://console.cloud.google.com/iam-admin/quotas, Artifact Registry API, requests per minute and region), or add a region nearby.",
      conditions: [
        {
          displayName: "Requests beyond the quota, for three minutes",
          conditionThreshold: {
            filter:
              'metric.type="serviceruntime.googleapis.com/quota/exceeded" AND resource.type="consumer_quota" AND resource.label.service="artifactregistry.googleapis.com"',
            comparison: "COMPARISON_GT",
            thresholdValue: 0,
            duration: "180s",
            aggregations: [
              {
                alignmentPeriod: "60s",
                perSeriesAligner: "ALIGN_COUNT_TRUE",
                crossSeriesReducer: "REDUCE_SUM",
                groupByFields: ["metric.label.quota_metric", "resource.label.location"],
              },
            ],
          },
        },
      ],
    });
  }

  /**
   * Before the quota ends: by kind of request and region, what is used of what is granted, as Google's own example has it (Monitoring docs, "Using quota
   * metrics"). Of several limits the least one counts; a limit for each user is unlimited unless somebody sets it.
   */
  private addQuotaWarning(name: string): void {
    const of = `{monitored_resource="consumer_quota",service="artifactregistry.googleapis.com"}`;
    const by = "by (quota_metric, location)";
    const used = `sum ${by} (increase(serviceruntime_googleapis_com:quota_rate_net_usage${of}[1m]))`;
    const granted = `min ${by} (min_over_time(serviceruntime_googleapis_com:quota_limit${of}[1d]) > 0)`;
    this.addAlert(`${name}-quota-warning`, {
      displayName: `Artifact Registry: more than ${quotaWarning * 100} % of a region's quota of requests is used`,
      severity: "WARNING",
      documentation:
        "Above the quota it answers 429 to clients. A promotion uses at most half of it (ARTIFACTS_REGISTRY_QUOTA); the dashboard shows which mirror clients are sent to. Ask for a higher quota (https://console.cloud.google.com/iam-admin/quotas, Artifact Registry API, requests per minute and region), or add a region nearby.",
      conditions: [
        {
          displayName: "Requests of a minute as a part of the quota, for three minutes",
          conditionPrometheusQueryLanguage: {
            query: `${used} / ${granted} > ${quotaWarning}`,
            duration: "180s",
            evaluationInterval: "60s",
            disableMetricValidation: true,
          },
        },
      ],
    });
  }

  /**
   * Tells of half, 90 % and all of what the project may cost in a month, and of a month that will cost more as it goes. It stops nothing.
   * Billing administrators are told too, as Google does by default.
   */
  private addBudget(
    name: string,
    displayName: string,
    projectNumber: string,
    { billingAccount, units }: NonNullable<MonitoringArgs["budget"]>,
  ): void {
    new Budget(
      name,
      {
        billingAccount,
        displayName,
        budgetFilter: { projects: [`projects/${projectNumber}`], calendarPeriod: "MONTH" },
        amount: { specifiedAmount: { units: String(units) } },
        thresholdRules: [
          ...[0.5, 0.9, 1].map((thresholdPercent) => ({ thresholdPercent })),
          { thresholdPercent: 1, spendBasis: "FORECASTED_SPEND" },
        ],
        ...(this.#channels.length > 0 && { allUpdatesRule: { monitoringNotificationChannels: this.#channels } }),
      },
      { parent: this },
    );
  }

  /**
   * Of the buckets in Google Cloud alone: Artifact Registry has no metric of what it sends. In PromQL, as a bucket that has sent nothing yet
   * has no metric either.
   */
  private addSentBytesAlert(name: string, gib: number): void {
    this.addAlert(`${name}-sent-bytes`, {
      displayName: `The buckets sent more than ${gib} GiB in a day`,
      severity: "WARNING",
      documentation:
        "Egress is what costs most. The metric `storage.googleapis.com/network/sent_bytes_count` by `bucket_name` says which mirror sends it, the dashboard which countries ask for it. One client that downloads again and again: refuse it in the edge policy. Growth that is wanted: `npm run cost -- --traffic FILE` says what it costs; raise artifacts:sentGibPerDay.",
      conditions: [
        {
          displayName: "Bytes sent in the last 24 hours",
          conditionPrometheusQueryLanguage: {
            query: `sum(increase(storage_googleapis_com:network_sent_bytes_count{monitored_resource="gcs_bucket"}[24h])) > ${gib * 2 ** 30}`,
            duration: "0s",
            evaluationInterval: "300s",
            disableMetricValidation: true,
          },
        },
      ],
    });
  }

  /** A metric of log lines, and the alert on it, if any. */
  private addLogMetric(name: string, { name: metric, description, filter, labels, sum, alert }: LogMetric): void {
    const counted = new Metric(
      `${name}-${metric}`,
      {
        project: this.#project,
        name: metric,
        description,
        filter: filter(this.#project),
        metricDescriptor: {
          metricKind: "DELTA",
          valueType: sum === undefined ? "INT64" : "DISTRIBUTION",
          ...(labels && { labels: Object.keys(labels).map((key) => ({ key, valueType: "STRING" })) }),
        },
        ...(labels && {
          labelExtractors: Object.fromEntries(
            Object.entries(labels).map(([label, field]) => [label, `EXTRACT(jsonPayload.${field})`]),
          ),
        }),
        // Cloud Logging extracts numbers as distributions only; the sum is used.
        ...(sum !== undefined && {
          valueExtractor: `EXTRACT(jsonPayload.${sum})`,
          bucketOptions: { exponentialBuckets: { numFiniteBuckets: 8, growthFactor: 10, scale: 1 } },
        }),
      },
      { parent: this },
    );
    if (alert === undefined) return;
    const { condition: displayName, query, lastsSeconds, ...about } = alert;
    const condition = {
      query,
      duration: `${lastsSeconds}s`,
      evaluationInterval: "60s",
      disableMetricValidation: true,
    };
    this.addAlert(
      `${name}-${metric}`,
      { ...about, conditions: [{ displayName, conditionPrometheusQueryLanguage: condition }] },
      [counted],
    );
  }

  private addAlert(
    name: string,
    {
      documentation,
      ...alert
    }: Pick<
      ConstructorParameters<typeof AlertPolicy>[1],
      "displayName" | "severity" | "conditions" | "alertStrategy"
    > & {
      readonly documentation: string;
    },
    after: readonly pulumi.Resource[] = [],
  ): void {
    new AlertPolicy(
      name,
      {
        project: this.#project,
        combiner: Array.isArray(alert.conditions) && alert.conditions.length > 1 ? "AND" : "OR", // both windows of a burn rate
        notificationChannels: this.#channels,
        documentation: { content: documentation, mimeType: "text/markdown" },
        ...alert,
      },
      { parent: this, dependsOn: [...after] },
    );
  }
}

const serviceId = "redirector";
/** The part of Artifact Registry's quota of requests above which somebody is told. */
const quotaWarning = 0.8;
/** All types of manifests: a registry answers 404 for a type that the request does not accept. */
const manifests = [
  "application/vnd.oci.image.index.v1+json",
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.docker.distribution.manifest.list.v2+json",
  "application/vnd.docker.distribution.manifest.v2+json",
].join(", ");
const balancer = 'resource.type="https_lb_rule" resource.label.url_map_name="redirector"';
const requests = `metric.type="loadbalancing.googleapis.com/https/request_count" ${balancer}`;
