import type { Log, LogSeverity } from "./log.ts";

/**
 * Writes an instance's metrics to its log once a minute, for platforms where metrics cannot be scraped: instances on Cloud Run have no address
 * of their own. Log-based metrics in Cloud Logging count these lines (components/monitoring/log-metrics.ts); the redirector's service account
 * needs no permission for that.
 *
 * It parses the metrics page as Prometheus does: the summaries contain every exposed metric, at no cost for requests.
 */

/** A log entry. */
export interface SummaryEntry {
  readonly severity: LogSeverity;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** Names of the mirrors, by kind. */
export interface MirrorNames {
  readonly images: readonly string[];
  readonly files: readonly string[];
}

/** Turns successive pages of metrics (Prometheus text format 0.0.4) into log entries with the changes. */
export class LogSummary {
  readonly #mirrors: MirrorNames;
  #before: ReadonlyMap<string, number> = new Map();

  constructor(mirrors: MirrorNames) {
    this.#mirrors = mirrors;
  }

  /**
   * One entry of the instance:
   * - `requests`, `redirects`, `clientErrors`, `serverErrors` in the last `seconds`;
   * - `counted`: changes of all other counters, by metric name; `gauges`: all gauges;
   * - `healthy`: number of healthy mirrors; `unserved`: "images", "files" or "images, files" if no mirror of that kind is healthy, else absent;
   * - `cloudRanges`: intervals of the table of cloud addresses; 0 if the table is missing.
   *
   * And one entry for each mirror that got requests or is in trouble: `mirror`, the number of requests `sent` there, and `trouble`: "unhealthy" if its
   * probes fail, "failing" if existence checks fail.
   */
  next(page: string, seconds: number): SummaryEntry[] {
    const { samples, counters } = readPage(page);
    const since = new Map<string, number>();
    for (const [sample, value] of samples) {
      if (counters.has(familyOf(sample))) since.set(sample, value - (this.#before.get(sample) ?? 0));
    }
    this.#before = samples;

    const by = { requests: 0, redirects: 0, clientErrors: 0, serverErrors: 0 };
    const redirects = new Map<string, number>();
    const counted: Record<string, number> = {};
    for (const [sample, change] of since) {
      if (change === 0) continue;
      if (familyOf(sample) !== "redirector_requests_total") {
        if (!sample.includes("_bucket{")) counted[shortened(sample)] = round(change);
        continue;
      }
      const { mirror = "", status = "" } = labelsOf(sample);
      by.requests += change;
      if (mirror !== "") by.redirects += change;
      if (mirror !== "") redirects.set(mirror, (redirects.get(mirror) ?? 0) + change);
      if (status.startsWith("4")) by.clientErrors += change;
      if (status.startsWith("5")) by.serverErrors += change;
    }

    const is = (gauge: string, mirror: string) => samples.get(`redirector_${gauge}{mirror="${mirror}"}`);
    const healthyOf = (names: readonly string[]) => names.filter((name) => is("mirror_healthy", name) !== 0).length;
    const healthy = { images: healthyOf(this.#mirrors.images), files: healthyOf(this.#mirrors.files) };
    const unserved = (["images", "files"] as const)
      .filter((what) => this.#mirrors[what].length > 0 && healthy[what] === 0)
      .join(", ");
    const gauges = Object.fromEntries(
      [...samples]
        .filter(([sample]) => !counters.has(familyOf(sample)) && !sample.includes("{"))
        .map(([sample, value]) => [shortened(sample), value]),
    );
    const entries: SummaryEntry[] = [
      {
        severity: unserved === "" ? "INFO" : "ERROR",
        message: "summary",
        fields: {
          seconds: round(seconds),
          ...by,
          healthy,
          unserved: unserved || undefined,
          cloudRanges: samples.get("redirector_cloud_range_intervals"),
          counted,
          gauges,
        },
      },
    ];
    for (const mirror of [...this.#mirrors.images, ...this.#mirrors.files]) {
      const trouble =
        is("mirror_healthy", mirror) === 0 ? "unhealthy" : is("mirror_failing", mirror) === 1 ? "failing" : undefined;
      const sent = redirects.get(mirror) ?? 0;
      if (trouble === undefined && sent === 0) continue;
      entries.push({
        severity: trouble === undefined ? "INFO" : "WARNING",
        message: `summary of mirror ${mirror}${trouble === undefined ? "" : `: ${trouble}`}`,
        fields: { mirror, sent, trouble },
      });
    }
    return entries;
  }
}

/** Writes a summary every `everySeconds` (0: never), and a final one by `last`. `page` returns the current page of metrics. */
export function logSummaries(
  log: Log,
  everySeconds: number,
  summary: LogSummary,
  page: () => string,
): { readonly last: () => void } {
  if (everySeconds === 0) return { last: () => undefined };
  let before = performance.now();
  const write = (): void => {
    const now = performance.now();
    for (const { severity, message, fields } of summary.next(page(), (now - before) / 1000)) {
      log.entry(severity, message, fields);
    }
    before = now;
  };
  const timer = setInterval(write, everySeconds * 1000);
  timer.unref();
  return {
    last() {
      clearInterval(timer);
      write();
    },
  };
}

/** The samples of a page by name with labels, and the names of its counters, including histograms. */
function readPage(page: string): { samples: Map<string, number>; counters: Set<string> } {
  const samples = new Map<string, number>();
  const counters = new Set<string>();
  for (const line of page.split("\n")) {
    const [, counter] = /^# TYPE (\S+) (?:counter|histogram)$/.exec(line) ?? [];
    if (counter !== undefined) counters.add(counter);
    if (line === "" || line.startsWith("#")) continue;
    const space = line.lastIndexOf(" ");
    samples.set(line.slice(0, space), Number(line.slice(space + 1)));
  }
  return { samples, counters };
}

/** The metric family of a sample: removes the suffixes of histograms. */
function familyOf(sample: string): string {
  const brace = sample.indexOf("{");
  return (brace === -1 ? sample : sample.slice(0, brace)).replace(/_(bucket|sum|count)$/, "");
}

/** Labels without unescaping: names of mirrors and routes contain nothing that is escaped. */
function labelsOf(sample: string): Record<string, string> {
  return Object.fromEntries([...sample.matchAll(/(\w+)="([^"]*)"/g)].map(([, label, value]) => [label, value]));
}

function shortened(sample: string): string {
  return sample.replace(/^redirector_/, "");
}

/** Rounds to thousandths: further digits of differences of sums are rounding errors. */
function round(value: number): number {
  return Math.round(value * 1000) / 1000;
}
