import assert from "node:assert/strict";
import { test } from "node:test";
import { Existence } from "../../../redirector/existence.ts";
import { exposeState, RequestMetrics } from "../../../redirector/metrics.ts";
import { metricsAnswer } from "../../../redirector/metrics-page.ts";
import { mirrorOf } from "../../../redirector/mirrors.ts";

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
    { mirrors: true, entries: 2, presentSeconds: 1, absentSeconds: 1, timeoutSeconds: 1, concurrency: 1 },
    async () => true,
  ),
  rangeIntervals: 22_936,
  connections: 3,
  droppedLogLines: 0,
  residentBytes: 1024,
  uptimeSeconds: 1.5,
};

test("requests are counted by route, mirror and status, clients by cloud, and durations", () => {
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

test("the state of an instance, with odd names escaped", () => {
  const samples = read(exposeState(state));
  assert.equal(samples.get('redirector_mirror_healthy{mirror="odd\\"\\\\name"}'), 1);
  assert.equal(samples.get('redirector_probes_total{mirror="odd\\"\\\\name",result="failed"}'), 2);
  assert.equal(samples.get("redirector_cloud_range_intervals"), 22_936);
  assert.equal(samples.get('redirector_existence_total{result="asked"}'), 0);
});

test("the page of the metrics", () => {
  const metrics = new RequestMetrics();
  assert.equal(metricsAnswer("GET", "/metrics?x", metrics, state).status, 200);
  assert.equal(metricsAnswer("GET", "/", metrics, state).status, 404);
  assert.equal(metricsAnswer("POST", "/metrics", metrics, state).status, 405);
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
