/** Whether what is counted of the log is what redirectors write into it: two programs that meet in nothing but these words. */
import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { FillLog } from "../../../components/commands/fill-log.ts";
import { fillJobName } from "../../../components/mirrors/fill-names.ts";
import { fillMetrics } from "../../../components/monitoring/fill-metrics.ts";
import { inPromql, logMetrics } from "../../../components/monitoring/log-metrics.ts";
import { RunRecorder, recordLines } from "../../../components/promotion/provider/run-record.ts";
import { LogSummary } from "../../../redirector/telemetry/log-summary.ts";

/** The part of Cloud Logging's query language that the filters are written in: comparisons that all have to hold. */
function matches(filter: string, entry: object): boolean {
  const comparisons = [...filter.matchAll(/([\w.]+)(=~|=|>|:)("[^"]*"|\d+|\*)(?: |$)/g)];
  assert.equal(comparisons.map(([all]) => all).join(""), filter, "a filter of nothing but such comparisons");
  return comparisons.every(([, path = "", operator, operand = ""]) => {
    const value = path
      .split(".")
      .reduce<unknown>((at, key) => (typeof at === "object" && at !== null ? Reflect.get(at, key) : undefined), entry);
    if (operand === "*") return value !== undefined;
    const wanted = JSON.parse(operand) as string | number;
    if (operator === "=~") return new RegExp(String(wanted)).test(String(value));
    return operator === ">" ? Number(value) > Number(wanted) : value === wanted;
  });
}

/** As Cloud Logging gets a line of a redirector's from Cloud Run: "severity" and "time" are taken out of it. */
const entry = (message: string, fields: object) => ({
  resource: { type: "cloud_run_revision", labels: { service_name: "redirector-us-central1", location: "us-central1" } },
  logName: "projects/demo/logs/run.googleapis.com%2Fstdout",
  jsonPayload: JSON.parse(JSON.stringify({ message, ...fields })) as object,
});

const page = ({ healthy = 1, failing = 0, ranges = 7, requests = 0 } = {}): string =>
  `# TYPE redirector_requests_total counter
redirector_requests_total{route="blob",mirror="images-a",status="307"} ${requests}
# TYPE redirector_mirror_healthy gauge
redirector_mirror_healthy{mirror="images-a"} ${healthy}
redirector_mirror_healthy{mirror="files-a"} 1
# TYPE redirector_mirror_failing gauge
redirector_mirror_failing{mirror="images-a"} ${failing}
# TYPE redirector_cloud_range_intervals gauge
redirector_cloud_range_intervals ${ranges}
`;

/** What a promotion of so many seconds leaves in the log of the workflows. */
function promoted({ seconds = 1, failures = 0 } = {}): object[] {
  let now = 0;
  const recorder = new RunRecorder(() => now);
  now = seconds * 1_000;
  const mirrors = ["a", "b"].map((name) => ({ name, total: 1, done: 1 - failures, failed: failures, bytes: 5 }));
  recorder.report({ done: 2, total: 2, failed: 2 * failures, bytes: 10, mirrors });
  const failed = Array.from({ length: failures }, () => "it broke");
  const record = recorder.ended("p", "files", { failures: failed, incomplete: {} }) ?? assert.fail("nothing recorded");
  return recordLines(record).map((line) => ({
    resource: { type: "global" },
    logName: "projects/demo/logs/artifacts",
    jsonPayload: JSON.parse(line) as object,
  }));
}

/** What a task of a fill writes that brought two of three artifacts, as Cloud Logging gets it from Cloud Run. */
function filled(failures: readonly string[], isGivenUp = false): { jsonPayload: object }[] {
  const lines: string[] = [];
  let now = 0;
  const log = new FillLog(
    "images-a",
    { index: 1, count: 2 },
    (line) => void lines.push(line),
    () => now,
  );
  now = 30_000;
  log.progress({ wanted: 9, missing: 3, done: 0, bytes: 0 });
  now = 60_000;
  log.progress({ wanted: 9, missing: 3, done: 0, bytes: 3 }); // a part of an artifact
  log.ended({ wanted: 9, missing: 3, done: 2, bytes: 5, failures, warnings: ["w"] }, isGivenUp);
  return lines.map((line) => {
    const { severity: _, ...jsonPayload } = JSON.parse(line) as Record<string, unknown>;
    const labels = { job_name: fillJobName, location: "us-central1" };
    return { resource: { type: "cloud_run_job", labels }, jsonPayload };
  });
}

const allMetrics = [...logMetrics, ...fillMetrics];

/** How many of the lines each metric counts. */
function countsOf(entries: readonly object[]): Record<string, number> {
  return Object.fromEntries(
    allMetrics.flatMap(({ name, filter }) => {
      const counted = entries.filter((one) => matches(filter("demo"), one)).length;
      return counted > 0 ? [[name, counted]] : [];
    }),
  );
}

/** How many lines of one summary each metric counts. */
function counts(text: string): Record<string, number> {
  const entries = new LogSummary({ images: ["images-a"], files: ["files-a"] })
    .next(text, 60)
    .map(({ message, fields }) => entry(message, fields));
  return countsOf(entries);
}

describe("metrics of a redirector's summary", () => {
  it("none for a summary without requests", () => assert.deepEqual(counts(page()), {}));
  it("redirects to a mirror", () => assert.deepEqual(counts(page({ requests: 3 })), { redirector_redirects: 1 }));
  it("a failing mirror", () => assert.deepEqual(counts(page({ failing: 1 })), { redirector_mirror_trouble: 1 }));
  it("no healthy mirror", () =>
    assert.deepEqual(counts(page({ healthy: 0 })), { redirector_mirror_trouble: 1, redirector_unserved: 1 }));
  it("no table of addresses", () => assert.deepEqual(counts(page({ ranges: 0 })), { redirector_without_ranges: 1 }));
});

describe("metrics of a promotion's record", () => {
  const always = {
    artifacts_promotions: 1,
    artifacts_promotion_seconds: 1,
    artifacts_mirrored_bytes: 2,
    artifacts_mirror_lag: 2,
  };
  for (const [what, run, more] of [
    ["in time", { seconds: 900 }, {}],
    ["late", { seconds: 901 }, { artifacts_promotions_late: 1 }],
    ["failed", { failures: 1 }, { artifacts_promotions_failed: 1, artifacts_promotions_late: 1 }],
  ] as const)
    it(what, () => assert.deepEqual(countsOf(promoted(run)), { ...always, ...more }));
});

it("metrics of a fill: what its tasks brought, found missing and could not bring, by mirror", () => {
  const brought = { artifacts_fill_bytes: 2, artifacts_fill_missing: 1, artifacts_fill_progress: 2 };
  assert.deepEqual(countsOf(filled([])), brought);
  assert.deepEqual(countsOf(filled(["images-a: broke"])), { ...brought, artifacts_fill_failures: 1 });
  const lost = { artifacts_fill_failures: 1, artifacts_fill_given_up: 1 };
  assert.deepEqual(countsOf(filled(["images-a: nowhere"], true)), { ...brought, ...lost });
  for (const { alert } of fillMetrics)
    assert.ok(alert === undefined || alert.query.includes(`job_name="${fillJobName}"`), "the job's own metrics");
  for (const { name, filter, labels = {}, sum } of fillMetrics)
    for (const { jsonPayload } of filled(["broke"], true).filter((line) => matches(filter("demo"), line)))
      for (const field of [...Object.values(labels), ...(sum === undefined ? [] : [sum])])
        assert.notEqual(Reflect.get(jsonPayload, field), undefined, `${name}: ${field}`);
});

it("request lines and other services' lines are not counted", () => {
  const access = entry("307 blob images-a", { route: "blob", mirror: "images-a", detour: "failing", cloud: "aws" });
  const other = entry("summary", { cloudRanges: 0, unserved: "images" });
  other.resource.labels.service_name = "other";
  for (const { filter } of allMetrics) {
    assert.equal(matches(filter("demo"), access), false);
    assert.equal(matches(filter("demo"), other), false);
  }
});

it("labels and values are fields of the counted lines", () => {
  const lines = new LogSummary({ images: ["images-a"], files: ["files-a"] })
    .next(page({ requests: 3, healthy: 0 }), 60)
    .map(({ message, fields }) => entry(message, fields));
  const records = promoted({ failures: 1 }) as typeof lines;
  for (const { name, filter, labels = {}, sum } of logMetrics) {
    for (const { jsonPayload } of [...lines, ...records].filter((line) => matches(filter("demo"), line))) {
      for (const field of [...Object.values(labels), ...(sum === undefined ? [] : [sum])]) {
        assert.notEqual(Reflect.get(jsonPayload, field), undefined, `${name}: ${field}`);
      }
    }
  }
});

it("names are the names in PromQL", () => {
  assert.equal(inPromql("a_b", "global"), 'logging_googleapis_com:user_a_b{monitored_resource="global"}');
  for (const { name } of allMetrics) assert.match(name, /^[a-z_]+$/, "anything else would be written otherwise there");
});
