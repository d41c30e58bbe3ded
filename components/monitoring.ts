import { AlertPolicy } from "@pulumi/gcp/monitoring/alertPolicy.js";
import { NotificationChannel } from "@pulumi/gcp/monitoring/notificationChannel.js";
import { UptimeCheckConfig } from "@pulumi/gcp/monitoring/uptimeCheckConfig.js";
import * as pulumi from "@pulumi/pulumi";

export interface MonitoringArgs {
  readonly project: string;
  /** The name that clients use. */
  readonly host: string;
  /** Who is told of an alert; undefined = nobody. */
  readonly email: string | undefined;
}

/** Whether the service answers, as seen from outside, and who is told when it does not. */
export class Monitoring extends pulumi.ComponentResource {
  constructor(name: string, args: MonitoringArgs, opts?: pulumi.ComponentResourceOptions) {
    super("artifacts:monitoring:Monitoring", name, {}, opts);
    const { project } = args;
    const channels =
      args.email === undefined
        ? []
        : [
            new NotificationChannel(
              `${name}-email`,
              { project, displayName: "artifacts on call", type: "email", labels: { email_address: args.email } },
              { parent: this },
            ).name,
          ];
    const registry = new UptimeCheckConfig(
      `${name}-registry`,
      {
        project,
        displayName: `${args.host}/v2/`,
        period: "60s",
        timeout: "10s",
        selectedRegions: ["USA", "EUROPE", "ASIA_PACIFIC"],
        httpCheck: {
          path: "/v2/",
          port: 443,
          useSsl: true,
          validateSsl: true,
          acceptedResponseStatusCodes: [{ statusClass: "STATUS_CLASS_2XX" }],
        },
        monitoredResource: { type: "uptime_url", labels: { host: args.host, project_id: project } },
      },
      { parent: this },
    );
    new AlertPolicy(
      `${name}-registry-down`,
      {
        project,
        displayName: `${args.host} does not answer`,
        combiner: "OR",
        severity: "CRITICAL",
        notificationChannels: channels,
        conditions: [
          {
            displayName: "Checks fail from more than one place",
            conditionThreshold: {
              filter: pulumi.interpolate`metric.type="monitoring.googleapis.com/uptime_check/check_passed" AND resource.type="uptime_url" AND metric.labels.check_id="${registry.uptimeCheckId}"`,
              comparison: "COMPARISON_GT",
              thresholdValue: 1,
              duration: "120s",
              aggregations: [
                {
                  alignmentPeriod: "60s",
                  perSeriesAligner: "ALIGN_NEXT_OLDER",
                  crossSeriesReducer: "REDUCE_COUNT_FALSE",
                  groupByFields: ["resource.label.*"],
                },
              ],
            },
          },
        ],
      },
      { parent: this },
    );
    this.registerOutputs({});
  }
}
