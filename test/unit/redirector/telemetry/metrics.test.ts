import assert from "node:assert/strict";
import { it } from "mocha";
import { Existence } from "../../../../redirector/mirrors/existence.ts";
import { mirrorOf } from "../../../../redirector/mirrors/mirrors.ts";
import { exposeState, RequestMetrics } from "../../../../redirector/telemetry/metrics.ts";
import { metricsResponse } from "../../../../redirector/telemetry/metrics-page.ts";

const state = {
  prober: {
    probed: [
      {
        mirror: mirrorOf({ name: 'odd"\\name', url: "https://x", cloud: "gcp", latitude: 0, longitude: 0, weight: 1 }),
        counts: { succeeded: 5, failed: 2, ignored: 1, turned: 1 },
      },
    ],
    stop: () => undefined,
  },
  existence: new Existence(
    {
      mirrors: true,
      entries: 2,
      presentSeconds: 1,
      agedSeconds: 1,
      absentSeconds: 1,
      timeoutSeconds: 1,
      concurrency: 1,
    },
    async () => true,
  ),
  published: { size: 7, doubted: ['odd"\\name'] },
  presence: { counts: { changed: 1, unchanged: 4, absent: 0, failed: 0, unread: 0 } },
  lists: { counts: { kept: 0, read: 2, shared: 0, absent: 0, failing: 0, unread: 0 } },
  rangeIntervals: 22_936,
  connections: 3,
  droppedLogLines: 0,
  residentBytes: 1024,
  startTimeSeconds: 1_790_000_000,
};

it("counts requests by route, mirror and status, clients by cloud, and durations", () => {
  const metrics = new RequestMetrics();
  metrics.count("blob", "a", 307, "aws", 0.02);
  metrics.count("blob", "a", 307, "aws", 0.3);
  metrics.count("refused", "", 404, "", 5000);
  const samples = read(metrics.expose());
  assert.equal(samples.get('redirector_requests_total{route="blob",mirror="a",status="307"}'), 2);
  assert.equal(samples.get('redirector_requests_total{route="refused",mirror="",status="404"}'), 1);
  assert.equal(samples.get('redirector_client_requests_total{cloud="aws"}'), 2);
  assert.equal(samples.get('redirector_client_requests_total{cloud="none"}'), 1);
  assert.equal(samples.get('redirector_request_duration_seconds_bucket{le="0.00005"}'), 1);
  assert.equal(samples.get('redirector_request_duration_seconds_bucket{le="0.0005"}'), 2);
  assert.equal(samples.get('redirector_request_duration_seconds_bucket{le="1"}'), 2);
  assert.equal(samples.get('redirector_request_duration_seconds_bucket{le="+Inf"}'), 3);
  assert.equal(samples.get("redirector_request_duration_seconds_count"), 3);
  assert.ok(Math.abs((samples.get("redirector_request_duration_seconds_sum") ?? 0) - 5.00032) < 1e-9);
});

it("exposes the state of an instance, with escaped labels", () => {
  const samples = read(exposeState(state));
  assert.equal(samples.get('redirector_mirror_healthy{mirror="odd\\"\\\\name"}'), 1);
  assert.equal(samples.get('redirector_probes_total{mirror="odd\\"\\\\name",result="failed"}'), 2);
  assert.equal(samples.get("redirector_cloud_range_intervals"), 22_936);
  assert.equal(samples.get('redirector_existence_total{result="asked"}'), 0);
  assert.equal(samples.get('redirector_lists_total{result="read"}'), 2);
  assert.equal(samples.get("redirector_presence_objects"), 7);
  assert.equal(samples.get('redirector_presence_doubted{mirror="odd\\"\\\\name"}'), 1);
  assert.equal(samples.get('redirector_presence_readings_total{result="unchanged"}'), 4);
});

it("the metrics page", () => {
  const metrics = new RequestMetrics();
  assert.equal(metricsResponse("GET", "/metrics?x", metrics, state).status, 200);
  assert.equal(metricsResponse("GET", "/", metrics, state).status, 404);
  assert.equal(metricsResponse("POST", "/metrics", metrics, state).status, 405);
});

it("the page is valid for Prometheus: names, units, types, unique label values", () => {
  const metrics = new RequestMetrics();
  metrics.count("blob", "a", 307, "aws", 0.02);
  metrics.count("blob", "b", 307, "aws", 20);
  metrics.count("refused", "", 404, "gcp", 5000);
  metrics.countMalformed(431);
  metrics.detours.absent++;
  const page = metricsResponse("GET", "/metrics", metrics, state).body ?? "";
  const samples = read(page);
  assert.equal(samples.get('redirector_malformed_requests_total{status="431"}'), 1);
  assert.equal(samples.get('redirector_detours_total{reason="absent"}'), 1);
  assert.equal(samples.get('redirector_mirror_failing{mirror="odd\\"\\\\name"}'), 0);
  assert.equal(samples.get("process_start_time_seconds"), 1_790_000_000);
  for (const [, name = "", type] of page.matchAll(/^# TYPE (\S+) (\S+)$/gm)) {
    // prometheus.io/docs/practices/naming, as `promtool check metrics` has it.
    assert.match(name, /^(redirector|process)_[a-z]+(_[a-z]+)*$/);
    assert.equal(name.endsWith("_total"), type === "counter", name);
    assert.doesNotMatch(name, /_(milliseconds|ms|kilobytes|mib|mb|percent|count|sum|bucket|info)(_|$)/, name);
    assert.match(page, new RegExp(`^# HELP ${name} [A-Z0-9].*\\.?\n# TYPE ${name} `, "m"));
  }
  // A histogram's buckets never fall, and the last is the count.
  const buckets = [...samples].filter(([key]) => key.startsWith("redirector_request_duration_seconds_bucket"));
  assert.ok(buckets.every(([, value], index) => index === 0 || value >= (buckets[index - 1]?.[1] ?? 0)));
  assert.equal(buckets.at(-1)?.[1], samples.get("redirector_request_duration_seconds_count"));
});

/** Reads the text format strictly: every line a comment or a sample, every sample of a family declared just before, none twice. */
function read(text: string): Map<string, number> {
  const samples = new Map<string, number>();
  let family = "";
  assert.ok(text.endsWith("\n"));
  for (const line of text.trimEnd().split("\n")) {
    const declared = /^# TYPE ([a-z_]+) (counter|gauge|histogram)$/.exec(line);
    if (declared) family = declared[1] ?? "";
    if (line.startsWith("#")) continue;
    const sample =
      /^([a-z_]+)(\{[a-z_]+="(?:[^"\\\n]|\\["\\n])*"(?:,[a-z_]+="(?:[^"\\\n]|\\["\\n])*")*\})? (\S+)$/.exec(line);
    assert.ok(sample, line);
    assert.ok(sample[1]?.startsWith(family) && family !== "", `${line} in ${family}`);
    const key = `${sample[1]}${sample[2] ?? ""}`;
    assert.ok(!samples.has(key), `${key} twice`);
    samples.set(key, Number(sample[3]));
  }
  return samples;
}
