/** `artifacts audit --bytes`, `--start` and `--status`: which job reads a mirror back, what it has found, and the exit codes. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { gunzipSync } from "node:zlib";
import { after, before, beforeEach, describe, it } from "mocha";
import { AuditFindings } from "../../components/commands/audit-findings.ts";
import { auditTask } from "../../components/commands/audit-task.ts";
import type { ReadBack } from "../../components/commands/read-back.ts";
import { readTaskOrder } from "../../components/commands/task-order.ts";
import { openStorage } from "../../components/promotion/storage/storage.ts";
import { startJobStores, writeJobStack } from "../support/job-stores.ts";
import type { ObjectStores } from "../support/object-stores.ts";
import { runArtifacts } from "../support/run-command-lines.ts";
import { type RunJobs, startRunJobs } from "../support/run-jobs.ts";

const mirror = "files-gcp-europe-west1";
const hash = (content: string) => createHash("sha256").update(content).digest("hex");
const { signal } = new AbortController();
const succeeded = { completionTime: "2026-01-01T05:00:00Z", runningCount: 0, succeededCount: 3 };

describe("an audit of every byte", () => {
  let stores: ObjectStores;
  let jobs: RunJobs;

  before(async () => {
    stores = await startJobStores();
    await stores.stage("org-artifacts-europe-west1", "binaries/tool/a", "b");
  });
  after(() => stores.stop());
  beforeEach(async () => {
    jobs = await startRunJobs(["us-central1", "europe-west1"], 3, "artifacts-audit");
    await writeJobStack(stores, jobs, "us-central1, europe-west1", "  artifacts:fillAbove: 100\n");
  });

  const audit = (...args: readonly string[]) => runArtifacts(["audit", ...args], { cwd: stores.folder });

  it("from here: 3 where a byte is wrong, 0 where none is", async () => {
    const wrong = await audit("--bytes", "--mirror", mirror);
    assert.equal(wrong.code, 3, wrong.err);
    assert.equal(
      wrong.out,
      `${mirror}: 1 of 1 read, 1 byte; 1 finding\n${mirror}: tool a sha256:${hash("a")}: corrupt: gs://org-artifacts-europe-west1/binaries/tool/a has content sha256:${hash("b")}\n`,
    );
    const right = await audit("--bytes", "--mirror", "files-gcp-us-central1");
    assert.deepEqual([right.code, right.out], [0, "files-gcp-us-central1: 1 of 1 read, 1 byte; every byte is right\n"]);
  });

  it("the job of the mirror's region gets the order; what its tasks have saved is the status, red until another audit finds nothing", async () => {
    const nothing = await audit("--status");
    assert.deepEqual([nothing.code, nothing.out], [0, "no job has read a mirror back\n"]);
    const args = ["--start", "--archive", "fill.tar.gz", "--mirror", mirror] as const;
    const first = await audit(...args);
    assert.equal(first.code, 0, first.err);
    assert.match(first.out, /^files-gcp-europe-west1: started artifacts-audit-0 in europe-west1, 3 tasks\nnext: /);
    assert.match(
      (await audit(...args)).out,
      /artifacts-audit-0 in europe-west1 reads it since .*: nothing was started/,
    );
    const [execution] = jobs.executions.get("europe-west1")!;
    const [, key = ""] = execution!.template.containers[0]!.args;
    assert.match(key, /^orders\/files-gcp-europe-west1\/[0-9a-f]{64}\.audit\.json\.gz$/);
    const order = readTaskOrder(gunzipSync((await stores.served("org-fill", key))!.bytes).toString(), key);
    assert.ok("auditOrder" in order);
    assert.deepEqual([order.mirror, order.findings], [mirror, "org-fill"]);

    const environment = { CLOUD_RUN_EXECUTION: "artifacts-audit-0" };
    const options = { signal, environment, write: () => {} };
    for (const index of [1, 2, 3]) await auditTask(order, { index, count: 3 }, options);
    Object.assign(execution!, succeeded);
    const status = await audit("--status", "--json");
    assert.equal(status.code, 3, status.err);
    const [told] = (JSON.parse(status.out) as { mirrors: (ReadBack & { execution: { state: string } })[] }).mirrors;
    assert.deepEqual([told?.wanted, told?.read, told?.found, told?.execution.state], [1, 1, 1, "succeeded"]);
    assert.deepEqual(
      told?.findings.map(({ project, kind, what, line }) => [project, kind, what, line]),
      [["tool", "files", "corrupt", `a sha256:${hash("a")}`]],
    );

    await audit(...args);
    Object.assign(jobs.executions.get("europe-west1")![1]!, succeeded);
    const lost = await audit("--status", "--mirror", mirror);
    assert.equal(lost.code, 1);
    assert.match(lost.err, /artifacts-audit-1: 3 tasks left no findings, which are kept for a year: start it again/);
    const storage = openStorage(stores.settings);
    const findings = new AuditFindings(storage.open({ kind: "gcs", bucket: "org-fill" }), "artifacts-audit-1", signal);
    const clean = { wanted: 1, read: 1, unread: [], bytes: 1, found: 0, findings: [], unreadable: [] };
    for (const task of [0, 1, 2]) await findings.save(task, 0, 0, clean);
    await storage.close();
    assert.equal((await audit("--status", "--mirror", mirror)).code, 0);
  });

  it("--wait tells what was found; a job that failed, or that cannot be started, is an error", async () => {
    const waiting = audit("--wait", "--archive", "fill.tar.gz", "--mirror", mirror);
    const all = jobs.executions.get("europe-west1")!;
    while (all.length === 0) await new Promise((resolve) => setTimeout(resolve, 10));
    Object.assign(all[0]!, { ...succeeded, succeededCount: 2, failedCount: 1 });
    const { code, out } = await waiting;
    assert.equal(code, 3, "the findings of the test before are those of an execution with this name");
    assert.match(out, /artifacts-audit-0 in europe-west1: failed, 2 of 3 tasks done, 1 failed/);
    jobs.executions.delete("europe-west1");
    const none = await audit("--start", "--archive", "fill.tar.gz", "--mirror", mirror);
    assert.equal(none.code, 1);
    assert.match(none.err, /there is no job artifacts-audit in europe-west1: pulumi up makes it where/);
  });

  it("--wait: an execution that is gone is the failure of its mirror, and the others are told of", async () => {
    const [gone, other] = ["files-gcp-us-central1", mirror];
    const waiting = audit("--wait", "--archive", "fill.tar.gz", "--json", "--mirror", gone, "--mirror", other);
    const executions = ["us-central1", "europe-west1"].map((region) => jobs.executions.get(region)!);
    while (executions.some(({ length }) => length === 0)) await new Promise((resolve) => setTimeout(resolve, 10));
    executions[0]!.pop();
    Object.assign(executions[1]![0]!, succeeded);
    const { code, out, err } = await waiting;
    assert.equal(code, 3, err);
    const told = JSON.parse(out) as { mirrors: { mirror: string; found: number }[]; failures: string[] };
    assert.deepEqual(
      told.mirrors.map(({ mirror, found }) => [mirror, found]),
      [[other, 1]],
    );
    assert.match(
      told.failures.join("\n"),
      /^files-gcp-us-central1: there is no execution artifacts-audit-0 of .* any more$/,
    );
  });

  it("--status: a region that does not answer is the failure of its mirrors, and the others are told of", async () => {
    await audit("--start", "--archive", "fill.tar.gz", "--mirror", mirror);
    jobs.disturbances.push(403);
    const { code, out, err } = await audit("--status", "--mirror", "files-gcp-us-central1", "--mirror", mirror);
    assert.equal(code, 3, "the findings of the first test are those of an execution with this name");
    assert.match(err, /error: files-gcp-us-central1: Cloud Run refuses run\.executions\.list on artifacts-audit/);
    assert.match(out, /^files-gcp-europe-west1: artifacts-audit-0 in europe-west1: running/);
  });

  it("--start without jobs says why there are none, and what to run in their place", async () => {
    await writeJobStack(stores, jobs, "us-central1, europe-west1", "");
    const { code, out, err } = await audit("--start", "--archive", "fill.tar.gz", "--mirror", mirror);
    assert.deepEqual([code, out], [1, ""]);
    assert.match(
      err,
      /^error: files-gcp-europe-west1: artifacts:fillAbove is not set, so there are no jobs: run npx artifacts audit --stack prod --bytes --mirror files-gcp-europe-west1$/m,
    );
    assert.doesNotMatch(err, /next:/);
  });

  it("calls that make no sense are refused", async () => {
    for (const args of [["--bytes"], ["--start"], ["--start", "--status"], ["--bytes", "--deep"], ["--shard", "1/2"]])
      assert.equal((await audit(...args)).code, 2, args.join(" "));
  });
});
