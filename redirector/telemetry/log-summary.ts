import type { Log, LogSeverity } from "./log.ts";

/**
 * What an instance has counted and what it is like, in its log once a minute: for where nobody comes to ask for the metrics, as on Cloud Run,
 * whose instances have no address of their own. Cloud Logging counts these lines (components/monitoring/log-metrics.ts), without any right of the account that
 * the redirector runs as.
 *
 * It reads the page of the metrics as Prometheus does: what is exposed there is here, and requests pay nothing for it.
 */

/** An entry of the log. */
export interface SummaryEntry {
  readonly severity: LogSeverity;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** Names of the mirrors, by what they hold. */
export interface MirrorNames {
  readonly images: readonly string[];
  readonly files: readonly string[];
}

/** Turns pages of metrics (Prometheus text format 0.0.4), taken one after another, into log entries of what changed in between. */
export class LogSummary {
  readonly #mirrors: MirrorNames;
  #before: ReadonlyMap<string, number> = new Map();

  constructor(mirrors: MirrorNames) {
    this.#mirrors = mirrors;
  }

  /**
   * One entry of the whole instance:
   * - `requests`, `redirects`, `clientErrors`, `serverErrors` in the last `seconds`;
   * - `counted`: all other counters that changed, by their names in the metrics, and how much; `gauges`: all of those;
   * - `healthy`: how many mirrors; `unserved`: "images" or "files", of which no mirror is healthy (both: "images, files"); else it is absent;
   * - `cloudRanges`: intervals of the table of cloud addresses, 0: there is none.
   *
   * And one for each mirror that requests were sent to or that is in trouble: `mirror`, how many were `sent` there, and `trouble`: "unhealthy" if its probes
   * fail, "failing" if it fails when asked for what it holds.
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

/** Writes a summary every so many seconds (0: never), and the last one when told to. `page` is the page of the metrics as it is now. */
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

/** The samples of a page, by name with labels, and the names of its counters; a histogram is one. */
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

/** The name of the family that a sample belongs to: those of a histogram end with what they are. */
function familyOf(sample: string): string {
  const brace = sample.indexOf("{");
  return (brace === -1 ? sample : sample.slice(0, brace)).replace(/_(bucket|sum|count)$/, "");
}

/** Values as they stand there: the names of mirrors and routes have nothing that is escaped. */
function labelsOf(sample: string): Record<string, string> {
  return Object.fromEntries([...sample.matchAll(/(\w+)="([^"]*)"/g)].map(([, label, value]) => [label, value]));
}

function shortened(sample: string): string {
  return sample.replace(/^redirector_/, "");
}

/** To the thousandth: what differences of sums have behind it says nothing. */
function round(value: number): number {
  return Math.round(value * 1000) / 1000;
}
