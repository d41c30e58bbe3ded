import type { Existence } from "../mirrors/existence.ts";
import type { Prober } from "../mirrors/health.ts";
import type { ListCounts } from "../mirrors/lists.ts";
import type { PresenceCounts } from "../mirrors/presence-documents.ts";
import type { PublishedObjects } from "../mirrors/published-objects.ts";

/** Names of routes in the metrics and the log. */
const routeNames = [
  "ping",
  "manifest",
  "tags",
  "referrers",
  "blob",
  "file",
  "home",
  "page",
  "privacy",
  "robots",
  "healthz",
  "readyz",
  "refused",
] as const;
export type RouteName = (typeof routeNames)[number];

/** Upper bounds of the latency histogram's buckets in milliseconds. */
const bounds = [0.05, 0.1, 0.25, 0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1000];

/** Counts requests. Counting increments a number in an array; names are built only when the metrics are exposed. */
export class RequestMetrics {
  /** By mirror name; within, by status and route. */
  readonly #requests = new Map<string, Map<number, Float64Array>>();
  readonly #byCloud = new Map<string, Float64Array>();
  readonly #latency = new Float64Array(bounds.length + 1);
  #latencySum = 0;
  /** Redirects to an unhealthy mirror, because no mirror was healthy. */
  unhealthyRedirects = 0;
  /** Redirects past the client's own mirror, because it lacks or refuses the object, or fails. */
  readonly detours = { absent: 0, refused: 0, failing: 0, busy: 0 };
  /** Internal errors. */
  faults = 0;
  /** Malformed requests by response status. */
  readonly #malformed = new Map<number, number>();

  /** Counts a malformed request. */
  countMalformed(status: number): void {
    this.#malformed.set(status, (this.#malformed.get(status) ?? 0) + 1);
  }

  /** Counts one completed request. `mirror` is empty for responses of the redirector itself, `cloud` for a client outside all clouds. */
  count(route: RouteName, mirror: string, status: number, cloud: string, milliseconds: number): void {
    const routes = this.#requests.get(mirror)?.get(status) ?? this.#firstOf(mirror, status);
    const index = routeIndex[route];
    routes[index] = routes[index]! + 1;
    const clients = this.#byCloud.get(cloud) ?? this.#firstFrom(cloud);
    clients[0] = clients[0]! + 1;
    let bucket = 0;
    while (bucket < bounds.length && milliseconds > bounds[bucket]!) bucket++;
    this.#latency[bucket] = this.#latency[bucket]! + 1;
    this.#latencySum += milliseconds;
  }

  #firstOf(mirror: string, status: number): Float64Array {
    const routes = new Float64Array(routeNames.length);
    const statuses = this.#requests.get(mirror) ?? new Map<number, Float64Array>();
    this.#requests.set(mirror, statuses.set(status, routes));
    return routes;
  }

  #firstFrom(cloud: string): Float64Array {
    const count = new Float64Array(1);
    this.#byCloud.set(cloud, count);
    return count;
  }

  /** The counters in the Prometheus text format. */
  expose(): string {
    const page = new Page();
    page.family("requests_total", "counter", "Requests by route, mirror and response status.");
    for (const [mirror, statuses] of this.#requests) {
      for (const [status, routes] of statuses) {
        routeNames.forEach((route, index) => {
          if (routes[index]) page.sample("requests_total", { route, mirror, status: String(status) }, routes[index]);
        });
      }
    }
    page.family("client_requests_total", "counter", "Requests by the client's cloud.");
    for (const [cloud, [count = 0]] of this.#byCloud)
      page.sample("client_requests_total", { cloud: cloud || "none" }, count);
    page.single(
      "unhealthy_redirects_total",
      "counter",
      "Redirects to an unhealthy mirror, because no mirror was healthy.",
      this.unhealthyRedirects,
    );
    page.family("detours_total", "counter", "Redirects past the client's own mirror, by reason.");
    for (const [reason, count] of Object.entries(this.detours)) page.sample("detours_total", { reason }, count);
    page.single("faults_total", "counter", "Requests with an internal error of the redirector.", this.faults);
    page.family("malformed_requests_total", "counter", "Requests that are malformed or too long, by response status.");
    for (const [status, count] of this.#malformed)
      page.sample("malformed_requests_total", { status: String(status) }, count);
    page.family("request_duration_seconds", "histogram", "Time from request to response.");
    let total = 0;
    [...bounds, Number.POSITIVE_INFINITY].forEach((bound, index) => {
      total += this.#latency[index] ?? 0;
      page.sample(
        "request_duration_seconds_bucket",
        { le: bound === Number.POSITIVE_INFINITY ? "+Inf" : String(bound / 1000) },
        total,
      );
    });
    page.sample("request_duration_seconds_sum", {}, this.#latencySum / 1000);
    page.sample("request_duration_seconds_count", {}, total);
    return page.text();
  }
}

/** The current state of an instance, apart from its requests. */
export interface InstanceState {
  readonly prober: Prober;
  readonly existence: Existence;
  readonly published: Pick<PublishedObjects, "size" | "doubted">;
  readonly presence: { readonly counts: PresenceCounts };
  readonly lists: { readonly counts: ListCounts };
  readonly rangeIntervals: number;
  readonly connections: number;
  readonly droppedLogLines: number;
  readonly residentBytes: number;
  /** Seconds since the epoch. */
  readonly startTimeSeconds: number;
}

/** The state of an instance in the Prometheus text format. */
export function exposeState(state: InstanceState): string {
  const page = new Page();
  page.family("mirror_healthy", "gauge", "1 if the mirror is healthy.");
  for (const { mirror } of state.prober.probed)
    page.sample("mirror_healthy", { mirror: mirror.site.name }, mirror.healthy ? 1 : 0);
  page.family("mirror_failing", "gauge", "1 if existence checks of the mirror fail, independent of its probes.");
  const failing = new Set(state.existence.failing);
  for (const { mirror } of state.prober.probed)
    page.sample("mirror_failing", { mirror: mirror.site.name }, failing.has(mirror.site.name) ? 1 : 0);
  page.family("mirror_turns_total", "counter", "Changes of a mirror between healthy and unhealthy.");
  for (const { mirror, counts } of state.prober.probed)
    page.sample("mirror_turns_total", { mirror: mirror.site.name }, counts.turned);
  page.family("probes_total", "counter", "Probes by mirror and result.");
  for (const { mirror, counts } of state.prober.probed) {
    for (const result of ["succeeded", "failed", "ignored"] as const) {
      page.sample("probes_total", { mirror: mirror.site.name, result }, counts[result]);
    }
  }
  page.family("existence_total", "counter", "Existence checks of objects in mirrors, by result.");
  for (const [result, count] of Object.entries(state.existence.counts))
    page.sample("existence_total", { result }, count);
  page.single("presence_objects", "gauge", "Objects that are known by the presence documents.", state.published.size);
  page.family("presence_doubted", "gauge", "1 if the mirror lacks what was published, and is asked for each object.");
  const doubted = new Set(state.published.doubted);
  for (const { mirror } of state.prober.probed)
    page.sample("presence_doubted", { mirror: mirror.site.name }, doubted.has(mirror.site.name) ? 1 : 0);
  page.family("presence_readings_total", "counter", "Readings of the presence documents, by result.");
  for (const [result, count] of Object.entries(state.presence.counts))
    page.sample("presence_readings_total", { result }, count);
  page.family("lists_total", "counter", "Lists of tags and referrers, by result.");
  for (const [result, count] of Object.entries(state.lists.counts)) page.sample("lists_total", { result }, count);
  page.single("existence_known", "gauge", "Cached results of existence checks.", state.existence.size);
  page.single("existence_asking", "gauge", "Existence checks in progress.", state.existence.asking);
  page.single(
    "cloud_range_intervals",
    "gauge",
    "Intervals of the table of cloud addresses; 0 without a table.",
    state.rangeIntervals,
  );
  page.single("connections", "gauge", "Open connections.", state.connections);
  page.single(
    "log_lines_dropped_total",
    "counter",
    "Log lines dropped, because the log was read too slowly.",
    state.droppedLogLines,
  );
  page.single("resident_memory_bytes", "gauge", "Resident memory of the process.", state.residentBytes, "process");
  page.single(
    "start_time_seconds",
    "gauge",
    "Start time of the process since unix epoch in seconds.",
    state.startTimeSeconds,
    "process",
  );
  return page.text();
}

/** Content type of the metrics (Prometheus exposition formats, text 0.0.4). */
export const metricsContentType = "text/plain; version=0.0.4; charset=utf-8";

const routeIndex = Object.fromEntries(routeNames.map((name, index) => [name, index])) as Record<RouteName, number>;

class Page {
  #text = "";

  family(name: string, type: "counter" | "gauge" | "histogram", help: string, prefix = "redirector"): void {
    this.#text += `# HELP ${prefix}_${name} ${help}\n# TYPE ${prefix}_${name} ${type}\n`;
  }

  sample(name: string, labels: Readonly<Record<string, string>>, value: number, prefix = "redirector"): void {
    const pairs = Object.entries(labels).map(
      ([label, text]) => `${label}="${text.replace(/[\\"\n]/g, escapeCharacter)}"`,
    );
    this.#text += `${prefix}_${name}${pairs.length > 0 ? `{${pairs.join(",")}}` : ""} ${value}\n`;
  }

  /** `prefix` is `process` for the standard process metrics of Prometheus client libraries. */
  single(name: string, type: "counter" | "gauge", help: string, value: number, prefix?: string): void {
    this.family(name, type, help, prefix);
    this.sample(name, {}, value, prefix);
  }

  text(): string {
    return this.#text;
  }
}

function escapeCharacter(character: string): string {
  return character === "\n" ? "\\n" : `\\${character}`;
}
