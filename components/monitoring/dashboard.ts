import { filledBytes, fillFailures, fillMissing } from "./fill-metrics.ts";
import {
  failedPromotions,
  inPromql,
  mirroredBytes,
  mirrorLag,
  mirrorTrouble,
  promotionSeconds,
  redirects,
} from "./log-metrics.ts";

/** What a {@link dashboard} shows. */
export interface DashboardSubject {
  readonly project: string;
  readonly host: string;
  /** Full names of the service level objectives, by what they are about. */
  readonly objectives: Readonly<Record<string, string>>;
  /** Whether jobs fill mirrors. */
  readonly fills: boolean;
}

/**
 * The dashboard of the service, as Cloud Monitoring's JSON (API reference, "REST Resource: projects.dashboards"): responses, latency, clients'
 * countries, mirrors, redirectors and the remaining error budgets.
 */
export function dashboard({ host, objectives, fills }: DashboardSubject): object {
  return {
    displayName: host,
    mosaicLayout: {
      columns: 12,
      tiles: tiles([
        chart(
          "Responses per second, by class",
          line(loadBalancer("request_count"), "ALIGN_RATE", "REDUCE_SUM", ["metric.label.response_code_class"]),
        ),
        chart(
          "Latency, 99th percentile: redirectors, and total with the way to the client",
          line(loadBalancer("backend_latencies"), "ALIGN_DELTA", "REDUCE_PERCENTILE_99"),
          line(loadBalancer("total_latencies"), "ALIGN_DELTA", "REDUCE_PERCENTILE_99"),
        ),
        chart(
          "Responses per second, by client country",
          line(loadBalancer("request_count"), "ALIGN_RATE", "REDUCE_SUM", ["metric.label.client_country"]),
        ),
        chart(
          "Redirects per second, by mirror",
          promql(`sum by (mirror) (rate(${inPromql(`${redirects}_sum`, "cloud_run_revision")}[5m]))`),
        ),
        chart(
          "Unhealthy or failing mirrors: number of redirectors that see it, by mirror",
          promql(
            `sum by (mirror, trouble) (increase(${inPromql(mirrorTrouble, "cloud_run_revision")}[5m])) / 5`, // one line a minute
          ),
        ),
        chart(
          "Redirectors, by region",
          line(cloudRun("container/instance_count"), "ALIGN_MAX", "REDUCE_SUM", ["resource.label.location"]),
        ),
        chart(
          "CPU of the redirectors, 99th percentile",
          line(cloudRun("container/cpu/utilizations"), "ALIGN_DELTA", "REDUCE_PERCENTILE_99", [
            "resource.label.location",
          ]),
        ),
        chart(
          "Memory of the redirectors, 99th percentile",
          line(cloudRun("container/memory/utilizations"), "ALIGN_DELTA", "REDUCE_PERCENTILE_99", [
            "resource.label.location",
          ]),
        ),
        chart("Promotions: bytes per hour, by mirror", promql(anHour(`${mirroredBytes}_sum`, "mirror"))),
        chart(
          "Promotions: seconds until everywhere, and failures per hour, by kind",
          promql(meanOfAnHour(promotionSeconds, "kind")),
          promql(anHour(failedPromotions, "kind")),
        ),
        chart(
          "Promotions: seconds behind the first mirror, mean of an hour, by mirror",
          promql(meanOfAnHour(mirrorLag, "mirror")),
        ),
        ...(fills
          ? [
              chart("Fills: bytes per hour, by mirror", promql(anHourOfFills(filledBytes))),
              chart(
                "Fills: lines found missing, and failures, per hour, by mirror",
                promql(anHourOfFills(fillMissing)),
                promql(anHourOfFills(fillFailures)),
              ),
            ]
          : []),
        ...Object.entries(objectives).map(([about, name]) =>
          chart(`Remaining error budget: ${about}`, {
            timeSeriesFilter: {
              filter: `select_slo_budget_fraction("${name}")`,
              aggregation: { alignmentPeriod: "300s", perSeriesAligner: "ALIGN_NEXT_OLDER" },
            },
          }),
        ),
      ]),
    },
  };
}

type Query = object;

/** Three to a row. */
function tiles(widgets: readonly object[]): object[] {
  return widgets.map((widget, index) => ({
    xPos: (index % 3) * 4,
    yPos: Math.floor(index / 3) * 4,
    width: 4,
    height: 4,
    widget,
  }));
}

function chart(title: string, ...queries: readonly Query[]): object {
  return {
    title,
    xyChart: { dataSets: queries.map((timeSeriesQuery) => ({ plotType: "LINE", timeSeriesQuery })) },
  };
}

function line(
  filter: string,
  perSeriesAligner: string,
  crossSeriesReducer: string,
  groupByFields: readonly string[] = [],
): Query {
  return {
    timeSeriesFilter: {
      filter,
      aggregation: { alignmentPeriod: "60s", perSeriesAligner, crossSeriesReducer, groupByFields: [...groupByFields] },
    },
  };
}

function promql(prometheusQuery: string): Query {
  return { prometheusQuery };
}

/** How much a metric of the workflows' log grew in the last hour, by a label of it. */
function anHour(metric: string, label: string): string {
  return `sum by (${label}) (increase(${inPromql(metric, "global")}[1h]))`;
}

/** What the tasks of fills wrote of each mirror in the last hour, added up. */
function anHourOfFills(metric: string): string {
  return `sum by (mirror) (increase(${inPromql(`${metric}_sum`, "cloud_run_job")}[1h]))`;
}

/** The mean of what such a metric added up in the last hour. */
function meanOfAnHour(metric: string, label: string): string {
  return `${anHour(`${metric}_sum`, label)} / ${anHour(`${metric}_count`, label)}`;
}

function loadBalancer(metric: string): string {
  return `metric.type="loadbalancing.googleapis.com/https/${metric}" resource.type="https_lb_rule" resource.label.url_map_name="redirector"`;
}

function cloudRun(metric: string): string {
  return `metric.type="run.googleapis.com/${metric}" resource.type="cloud_run_revision" resource.label.service_name=starts_with("redirector-")`;
}
