import assert from "node:assert/strict";
import { install } from "@sinonjs/fake-timers";
import { it } from "mocha";
import { Existence } from "../../../../redirector/mirrors/existence.ts";
import { type Mirror, mirrorOf } from "../../../../redirector/mirrors/mirrors.ts";
import type { Log } from "../../../../redirector/telemetry/log.ts";
import { LogSummary, logSummaries, type SummaryEntry } from "../../../../redirector/telemetry/log-summary.ts";
import { exposeState, RequestMetrics } from "../../../../redirector/telemetry/metrics.ts";

const names = { images: ["images-a", "images-b"], files: ["files-a"] };

/** An instance with its mirrors; `page` is what it exposes now. */
function instance({ rangeIntervals = 5 } = {}) {
  const metrics = new RequestMetrics();
  const mirrors = new Map<string, Mirror>(
    [...names.images, ...names.files].map((name) => [
      name,
      mirrorOf({ name, url: "https://x", cloud: "gcp", latitude: 0, longitude: 0, weight: 1 }),
    ]),
  );
  const settings = {
    entries: 2,
    presentSeconds: 1,
    agedSeconds: 1,
    absentSeconds: 1,
    timeoutSeconds: 1,
    concurrency: 8,
  };
  const existence = new Existence({ ...settings, mirrors: true }, () => Promise.reject(new Error("no answer")));
  const page = (): string =>
    metrics.expose() +
    exposeState({
      prober: {
        probed: [...mirrors.values()].map((mirror) => ({
          mirror,
          counts: { succeeded: 5, failed: 0, ignored: 0, turned: 0 },
        })),
        stop: () => undefined,
      },
      existence,
      published: { size: 0, doubted: [] },
      presence: { counts: { changed: 0, unchanged: 0, absent: 0, failed: 0, unread: 0 } },
      lists: { counts: { kept: 0, read: 2, shared: 0, absent: 0, failing: 0, unread: 0 } },
      rangeIntervals,
      connections: 3,
      droppedLogLines: 0,
      residentBytes: 1024,
      startTimeSeconds: 1,
    });
  return { metrics, mirrors, existence, page };
}

const fieldsOf = (entries: readonly SummaryEntry[]) => entries.map(({ fields }) => fields);

it("requests since the last summary, in total and by mirror", () => {
  const { metrics, page } = instance();
  const summary = new LogSummary(names);
  metrics.count("blob", "images-a", 307, "aws", 0);
  metrics.count("blob", "files-a", 307, "aws", 0);
  metrics.count("manifest", "images-a", 307, "", 0);
  metrics.count("refused", "", 404, "", 0);
  metrics.count("healthz", "", 200, "", 0);
  const [all, ...mirrors] = summary.next(page(), 60);
  assert.equal(all?.severity, "INFO");
  assert.deepEqual(
    { ...all?.fields, counted: undefined, gauges: undefined },
    {
      seconds: 60,
      requests: 5,
      redirects: 3,
      clientErrors: 1,
      serverErrors: 0,
      healthy: { images: 2, files: 1 },
      unserved: undefined,
      cloudRanges: 5,
      counted: undefined,
      gauges: undefined,
    },
  );
  assert.deepEqual(fieldsOf(mirrors), [
    { mirror: "images-a", sent: 2, trouble: undefined },
    { mirror: "files-a", sent: 1, trouble: undefined },
  ]);

  metrics.count("blob", "images-b", 307, "", 0);
  metrics.count("readyz", "", 503, "", 0);
  const [next, ...later] = summary.next(page(), 61.23456);
  assert.deepEqual(
    [next?.fields["seconds"], next?.fields["requests"], next?.fields["redirects"], next?.fields["serverErrors"]],
    [61.235, 2, 1, 1],
  );
  assert.deepEqual(fieldsOf(later), [{ mirror: "images-b", sent: 1, trouble: undefined }]);

  assert.deepEqual(
    summary.next(page(), 60).map(({ fields }) => fields["requests"]),
    [0],
    "a quiet minute is one line",
  );
});

it("all other changed counters, and all gauges", () => {
  const { metrics, page } = instance();
  const summary = new LogSummary(names);
  summary.next(page(), 60);
  metrics.detours.absent += 3;
  metrics.faults++;
  metrics.countMalformed(431);
  metrics.count("blob", "", 400, "aws", 20);
  const [all] = summary.next(page(), 60);
  assert.deepEqual(all?.fields["counted"], {
    'client_requests_total{cloud="aws"}': 1,
    'detours_total{reason="absent"}': 3,
    faults_total: 1,
    'malformed_requests_total{status="431"}': 1,
    request_duration_seconds_sum: 0.02,
    request_duration_seconds_count: 1,
  });
  assert.deepEqual(all.fields["gauges"], {
    existence_known: 0,
    presence_objects: 0,
    existence_asking: 0,
    cloud_range_intervals: 5,
    connections: 3,
    process_resident_memory_bytes: 1024,
    process_start_time_seconds: 1,
  });
});

it("a mirror in trouble has a line in each summary, even without requests", async () => {
  const { mirrors, existence, page } = instance();
  const summary = new LogSummary(names);
  mirrors.get("images-b")!.healthy = false;
  for (let index = 0; index < 5; index++) {
    await existence.holds({ asked: "files-a", url: `https://x/${index}` });
  }
  for (let round = 0; round < 2; round++) {
    const [all, ...troubled] = summary.next(page(), 60);
    assert.deepEqual(all?.fields["healthy"], { images: 1, files: 1 });
    assert.deepEqual(
      troubled.map(({ severity, message }) => [severity, message]),
      [
        ["WARNING", "summary of mirror images-b: unhealthy"],
        ["WARNING", "summary of mirror files-a: failing"],
      ],
    );
    assert.deepEqual(fieldsOf(troubled), [
      { mirror: "images-b", sent: 0, trouble: "unhealthy" },
      { mirror: "files-a", sent: 0, trouble: "failing" },
    ]);
  }
});

it("an error names the kinds (images, files) without a healthy mirror", () => {
  const { mirrors, page } = instance();
  const summary = new LogSummary(names);
  const told = () => {
    const [all] = summary.next(page(), 60);
    return [all?.severity, all?.fields["unserved"]];
  };
  mirrors.get("images-a")!.healthy = false;
  assert.deepEqual(told(), ["INFO", undefined]);
  mirrors.get("images-b")!.healthy = false;
  assert.deepEqual(told(), ["ERROR", "images"]);
  mirrors.get("files-a")!.healthy = false;
  assert.deepEqual(told(), ["ERROR", "images, files"]);
  mirrors.get("images-a")!.healthy = true;
  assert.deepEqual(told(), ["ERROR", "files"]);
  const imagesOnly = new LogSummary({ images: names.images, files: [] });
  assert.equal(imagesOnly.next(page(), 60)[0]?.fields["unserved"], undefined, "what is not configured is not missing");
});

it("summaries are written periodically and at exit, or never", () => {
  const clock = install({ toFake: ["setInterval", "clearInterval"] });
  try {
    const written: string[] = [];
    const log: Log = { entry: (_, message) => void written.push(message), dropped: 0, flush: async () => undefined };
    const { page } = instance();
    const summaries = logSummaries(log, 60, new LogSummary(names), page);
    clock.tick(59_999);
    assert.deepEqual(written, []);
    clock.tick(1);
    clock.tick(60_000);
    assert.deepEqual(written, ["summary", "summary"]);
    summaries.last();
    assert.equal(written.length, 3);
    clock.tick(600_000);
    assert.equal(written.length, 3);

    const never = logSummaries(log, 0, new LogSummary(names), page);
    clock.tick(600_000);
    never.last();
    assert.equal(written.length, 3);
  } finally {
    clock.uninstall();
  }
});
