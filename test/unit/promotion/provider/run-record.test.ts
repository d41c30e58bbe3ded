/** What is recorded of a promotion for Cloud Monitoring. */
import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { it } from "mocha";
import { logMetrics } from "../../../../components/monitoring/log-metrics.ts";
import {
  keepFailedPurges,
  keepRecord,
  RunRecorder,
  recordLines,
} from "../../../../components/promotion/provider/run-record.ts";
import { afterTest } from "../../../support/cleanup.ts";

const mirror = (name: string, done: number, failed = 0, bytes = 0) => ({ name, total: 2, done, failed, bytes });
const progress = (...mirrors: ReturnType<typeof mirror>[]) => ({ done: 0, total: 0, failed: 0, bytes: 0, mirrors });
const well = { failures: [], incomplete: {} };

it("of each mirror, when it did its last step and how long after the first one", () => {
  let now = 1_000_000;
  const recorder = new RunRecorder(() => now);
  recorder.report(progress(mirror("us", 0), mirror("eu", 0)));
  now += 2_000;
  recorder.report(progress(mirror("us", 2, 0, 10), mirror("eu", 1, 0, 5)));
  now += 3_500;
  recorder.report(progress(mirror("us", 2, 0, 10), mirror("eu", 1, 1, 7)));
  now += 500; // the end of a run reports the same again
  recorder.report(progress(mirror("us", 2, 0, 10), mirror("eu", 1, 1, 7)));
  assert.deepEqual(recorder.ended("p", "files", { failures: ["eu: broke"], incomplete: { eu: "+ x" } }), {
    time: new Date(now).toISOString(),
    project: "p",
    kind: "files",
    everywhere: false,
    seconds: 6,
    bytes: 17,
    failures: 1,
    mirrors: [
      { mirror: "us", steps: 2, failed: 0, bytes: 10, seconds: 2, lagSeconds: 0 },
      { mirror: "eu", steps: 2, failed: 1, bytes: 7, seconds: 5.5, lagSeconds: 3.5 },
    ],
  });
});

it("a mirror without work is left out; a run without any is no record, unless it failed", () => {
  const idle = { ...mirror("eu", 0), total: 0 };
  const recorder = new RunRecorder(() => 0);
  assert.equal(recorder.ended("p", "images", well), undefined, "no report at all");
  recorder.report(progress(idle));
  assert.equal(recorder.ended("p", "images", well), undefined);
  const failed = recorder.ended("p", "images", { failures: ["no staging"], incomplete: {} });
  assert.deepEqual([failed?.everywhere, failed?.mirrors], [false, []]);
  recorder.report(progress(idle, mirror("us", 2)));
  assert.deepEqual(
    recorder.ended("p", "images", well)?.mirrors.map(({ mirror: name }) => name),
    ["us"],
  );
});

it("a run that leaves a mirror to a fill is not everywhere, and neither late nor failed for that", async () => {
  const recorder = new RunRecorder(() => 0);
  recorder.report(progress(mirror("us", 2)));
  const record = recorder.ended("p", "files", well, ["eu"])!;
  assert.deepEqual([record.everywhere, record.filling], [false, ["eu"]]);
  const [filling, broke, gone] = [
    record,
    { ...record, failures: 1 },
    recorder.ended("p", "files", { failures: [], incomplete: { asia: "- a" } })!,
  ].map((one) => JSON.parse(recordLines(one)[0]!) as Record<string, unknown>);
  assert.deepEqual([filling!["failed"], filling!["late"]], [0, 0]);
  assert.match(String(filling!["message"]), /^p, files: everywhere but in eu after/);
  assert.deepEqual([broke!["failed"], broke!["late"]], [1, 1]);
  assert.deepEqual([gone!["failed"], gone!["late"]], [1, 1]);
});

it("each CDN that could not be purged is a line, from which its metric takes the CDN", async () => {
  const folder = await mkdtemp(join(tmpdir(), "run-record-"));
  afterTest(() => rm(folder, { recursive: true }));
  const file = join(folder, "records");
  keepFailedPurges("p", {}, { ARTIFACTS_RECORDS: file });
  const unpurged = ["https://a.example", "https://b.example"].map((cdn) => ({ cdn, line: `${cdn} keeps it` }));
  keepFailedPurges("p", { unpurged }, { ARTIFACTS_RECORDS: file });
  const lines = (await readFile(file, "utf8")).trim().split("\n");
  const found = lines.map((line) => JSON.parse(line) as Record<string, string>);
  assert.deepEqual(
    found.map(({ event, project, cdn, message }) => [event, project, cdn, message]),
    ["https://a.example", "https://b.example"].map((cdn) => [
      "purge-failed",
      "p",
      cdn,
      `p: ${cdn} could not be purged`,
    ]),
  );
  const metric = logMetrics.find(({ name }) => name === "artifacts_purges_failed")!;
  assert.match(metric.filter("demo"), /jsonPayload\.event="purge-failed"$/);
  assert.deepEqual(metric.labels, { cdn: "cdn" });
});

it("is appended to the file that is named, and a file that cannot be written fails nothing", async () => {
  const folder = await mkdtemp(join(tmpdir(), "run-record-"));
  afterTest(() => rm(folder, { recursive: true }));
  const recorder = new RunRecorder(() => 0);
  recorder.report(progress(mirror("us", 2)));
  const record = recorder.ended("p", "files", well);
  const file = join(folder, "records");
  for (let run = 0; run < 2; run++) keepRecord(record, { ARTIFACTS_RECORDS: file });
  const events = (await readFile(file, "utf8")).split("\n").flatMap((line) => (line === "" ? [] : [JSON.parse(line)]));
  assert.deepEqual(
    (events as { event: string }[]).map(({ event }) => event),
    ["promotion", "promotion-mirror", "promotion", "promotion-mirror"],
  );
  keepRecord(record, { ARTIFACTS_RECORDS: join(folder, "no/such/folder") });
  keepFailedPurges(
    "p",
    { unpurged: [{ cdn: "https://cdn", line: "it keeps it" }] },
    { ARTIFACTS_RECORDS: join(folder, "no/such/folder") },
  );
  keepRecord(record, {});
});
