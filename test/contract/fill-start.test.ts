/** `artifacts fill --start`: what it puts into the bucket, whose job it runs, what it says of it, and that it starts nothing twice. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { after, before, beforeEach, describe, it } from "mocha";
import { readTaskOrder } from "../../components/commands/task-order.ts";
import { fileMirrorLines } from "../../components/promotion/run/mirror-lines.ts";
import { program, startJobStores, writeJobStack } from "../support/job-stores.ts";
import type { ObjectStores } from "../support/object-stores.ts";
import { runArtifacts } from "../support/run-command-lines.ts";
import { type RunJobs, startRunJobs } from "../support/run-jobs.ts";

const hash = (content: string | Buffer) => createHash("sha256").update(content).digest("hex");
const endOf = (state: "succeeded" | "failed" | "cancelled") => {
  const [done, left] = state === "succeeded" ? [3, 0] : [2, 1];
  return {
    completionTime: "2026-01-01T05:00:00Z",
    runningCount: 0,
    succeededCount: done,
    retriedCount: 4,
    ...(state === "failed" && { failedCount: left }),
    ...(state === "cancelled" && { cancelledCount: left }),
  };
};

describe("the start of a fill", () => {
  let stores: ObjectStores;
  let jobs: RunJobs;

  before(async () => {
    stores = await startJobStores();
  });
  after(() => stores.stop());
  beforeEach(async () => {
    jobs = await startRunJobs(["us-central1", "europe-west1"], 3);
    await stack("us-central1, europe-west1");
  });

  async function stack(gcpRegions: string, more = "  artifacts:fillAbove: 100\n"): Promise<void> {
    const aws = `  artifacts:awsRegions: [eu-central-1]\n  aws:allowedAccountIds: ["123456789012"]\n  aws:region: eu-central-1\n`;
    await writeJobStack(stores, jobs, gcpRegions, `${aws}${more}`);
  }

  const fill = (...args: readonly string[]) => runArtifacts(["fill", ...args], { cwd: stores.folder });
  const start = (...args: readonly string[]) => fill("--start", "--archive", "fill.tar.gz", ...args);

  it("the program and the order are in the bucket, the job of the mirror's region has them as its arguments, and it is started once", async () => {
    const first = await start("--mirror", "files-gcp-europe-west1");
    assert.deepEqual([first.code, first.err], [0, ""]);
    assert.match(
      first.out,
      /^files-gcp-europe-west1: started artifacts-fill-0 in europe-west1, 3 tasks\nlog: https:\/\/console\.example\/europe-west1\/0\nnext: npx artifacts fill --stack prod --status/,
    );
    assert.deepEqual(jobs.listed.toSorted(), ["europe-west1", "us-central1"], "each region is asked once");
    const [execution] = jobs.executions.get("europe-west1")!;
    const [archive = "", order = ""] = execution!.template.containers[0]!.args;
    assert.equal(archive, `programs/${hash(program)}.tar.gz`);
    assert.match(order, /^orders\/files-gcp-europe-west1\/[0-9a-f]{64}\.json\.gz$/);
    assert.deepEqual((await stores.served("org-fill", archive))?.bytes, program);
    const { mirror, files } = readTaskOrder(
      gunzipSync((await stores.served("org-fill", order))!.bytes).toString(),
      order,
    );
    assert.equal(mirror, "files-gcp-europe-west1");
    assert.deepEqual(
      files[0]?.mirrors.map(({ name }) => name),
      ["files-gcp-us-central1", "files-aws-eu-central-1", "files-gcp-europe-west1"],
    );

    const second = await start("--mirror", "files-gcp-europe-west1");
    assert.equal(second.code, 0);
    assert.match(
      second.out,
      /^files-gcp-europe-west1: artifacts-fill-0 in europe-west1 fills it since .*: nothing was started/,
    );
    assert.equal(jobs.executions.get("europe-west1")!.length, 1);
    Object.assign(execution!, endOf("failed"));
    assert.match((await start("--mirror", "files-gcp-europe-west1")).out, /started artifacts-fill-1/);
  });

  it("one that runs is left alone when something is added, and gives way to another when its order has what was withdrawn", async () => {
    const one = `files:\n  - name: a\n    sha256: ${hash("a")}\n`;
    const two = `${one}  - name: b\n    sha256: ${hash("b")}\n`;
    const wanted = (text: string) => writeFile(join(stores.folder, "manifests/tool/files.yaml"), text);
    const mirrors = ["--mirror", "files-gcp-europe-west1", "--mirror", "files-gcp-us-central1"];
    await start(...mirrors);
    await wanted(two);
    for (const again of [await start(...mirrors), await fill("--cancel", "outdated")]) assert.equal(again.code, 0);
    assert.deepEqual([jobs.executions.get("europe-west1")!.length, jobs.cancelled], [1, []], "what was added");
    Object.assign(jobs.executions.get("us-central1")![0]!, endOf("succeeded"));
    await start(...mirrors); // another in us-central1, with both
    await wanted(one);
    const { code, out, err } = await start(...mirrors);
    assert.deepEqual([code, err], [0, ""]);
    assert.deepEqual(jobs.cancelled, ["us-central1 artifacts-fill-1"]);
    assert.match(
      out,
      /files-gcp-us-central1: cancelled artifacts-fill-1, .*\n.*: started artifacts-fill-2 in us-central1/,
    );
    assert.match(out, /files-gcp-europe-west1: artifacts-fill-0 in europe-west1 fills it since/);
    const args = jobs.executions.get("us-central1")!.map(({ template }) => template.containers[0]!.args[1]);
    assert.deepEqual([args[0] === args[2], args[1] === args[2]], [true, false]);

    await wanted("files: []\n");
    const outdated = await fill("--cancel", "outdated", "--json");
    assert.equal(outdated.code, 0, outdated.err);
    const { mirrors: told } = JSON.parse(outdated.out) as {
      mirrors: { mirror: string; execution: { state: string } }[];
    };
    assert.deepEqual(told.map(({ mirror, execution }) => [mirror, execution.state]).sort(), [
      ["files-gcp-europe-west1", "cancelled"],
      ["files-gcp-us-central1", "cancelled"],
    ]);
    assert.match((await fill("--cancel", "all")).out, /^no fill runs that is to be cancelled\n/);
    await wanted(one);
  });

  it("--cancel all ends what runs, of one mirror or of all, also what nobody knows any more", async () => {
    await start("--mirror", "files-gcp-europe-west1", "--mirror", "files-gcp-us-central1");
    const { code, out } = await fill("--cancel", "all", "--mirror", "files-gcp-us-central1");
    assert.deepEqual([code, out], [0, "files-gcp-us-central1: cancelled artifacts-fill-0 in us-central1\n"]);
    assert.deepEqual(jobs.cancelled, ["us-central1 artifacts-fill-0"]);
    await stack("europe-west1");
    assert.match(
      (await fill("--cancel", "all")).out,
      /^files-gcp-europe-west1: cancelled artifacts-fill-0 in europe-west1/,
    );
    jobs.executions.clear();
    await stack("us-central1", "");
    assert.equal((await fill("--cancel", "outdated")).code, 0, "a stack without jobs is not asked for any");
  });

  it("a store whose keys a job has not is no source of its order, and what only such a store has is said", async () => {
    const more = `  artifacts:fillAbove: 100\n  artifacts:imageStores: [{name: r2, bucket: org-images, endpoint: https://r2.example, url: https://cdn.example, keys: R2, near: us-east1}]\n`;
    await mkdir(join(stores.folder, "manifests/pictures"), { recursive: true });
    const file = (name: string, text: string) => writeFile(join(stores.folder, "manifests/pictures", name), text);
    await file("project.yaml", "description: x\nowners: {group: g@example.org}\nstaging: {images: true}\n");
    await file("images.yaml", `- name: app\n  dmap:\n    "sha256:${hash("app")}": ["v1"]\n`);
    try {
      await stack("us-central1, europe-west1", more);
      const { code, err } = await start("--mirror", "images-europe-west1");
      assert.deepEqual([code, err], [0, ""]);
      const [, key = ""] = jobs.executions.get("europe-west1")![0]!.template.containers[0]!.args;
      const { images } = readTaskOrder(gunzipSync((await stores.served("org-fill", key))!.bytes).toString(), key);
      assert.deepEqual(
        images[0]?.mirrors.map(({ name }) => name),
        ["images-us-central1", "images-europe-west1"],
      );
      await stack("us-central1", more);
      const alone = await start("--mirror", "images-us-central1");
      assert.equal(alone.code, 1);
      assert.match(
        alone.err,
        /^error: images-us-central1: only stores whose keys are in your environment, .*, have pictures: fill it without --start\n$/,
      );
      assert.equal(jobs.executions.get("us-central1")!.length, 0);
    } finally {
      await rm(join(stores.folder, "manifests/pictures"), { recursive: true });
    }
  });

  it("the wait outlasts answers that Cloud Run does not give", async () => {
    const waiting = start("--wait", "--mirror", "files-gcp-us-central1");
    const all = jobs.executions.get("us-central1")!;
    while (all.length === 0) await new Promise((resolve) => setTimeout(resolve, 10));
    jobs.disturbances.push(0, 429, 503);
    while (jobs.disturbances.length > 0) await new Promise((resolve) => setTimeout(resolve, 10));
    Object.assign(all[0]!, endOf("succeeded"));
    const { code, out, err } = await waiting;
    assert.deepEqual([code, err], [0, ""]);
    assert.match(out, /files-gcp-us-central1: artifacts-fill-0 in us-central1: succeeded/);
  });

  it("executions that run at once share what one promotion may send to a region", async () => {
    const shares = () =>
      ["us-central1", "europe-west1"].map((region) =>
        jobs.executions
          .get(region)!
          .map(
            ({ template }) => template.containers[0]?.env?.map(({ name, value }) => `${name}=${value}`).join() ?? "",
          ),
      );
    await start("--mirror", "files-gcp-us-central1");
    assert.deepEqual(shares(), [[""], []]);
    await start("--mirror", "files-gcp-europe-west1", "--mirror", "files-aws-eu-central-1");
    const third = "ARTIFACTS_REGISTRY_QUOTA=20000";
    assert.deepEqual(shares(), [[""], [third, third]], "one runs already");
    Object.assign(jobs.executions.get("us-central1")![0]!, endOf("succeeded"));
    process.env["ARTIFACTS_REGISTRY_QUOTA"] = "90000";
    try {
      await start("--mirror", "files-gcp-us-central1");
    } finally {
      delete process.env["ARTIFACTS_REGISTRY_QUOTA"];
    }
    assert.deepEqual(shares()[0], ["", "ARTIFACTS_REGISTRY_QUOTA=30000"], "a third of what Google has granted");
  });

  it("a mirror in AWS is filled from the nearest region of Google, and no other mirror's fill keeps it back", async () => {
    const { code, out } = await start("--mirror", "files-gcp-europe-west1", "--mirror", "files-aws-eu-central-1");
    assert.equal(code, 0);
    assert.match(out, /files-aws-eu-central-1: started artifacts-fill-1 in europe-west1/);
  });

  it("without a name: what the last deployment left, which may be nothing", async () => {
    const promotion = (filling: string) => ({
      type: "promotion:index:PromotedFiles",
      inputs: {
        project: "tool",
        staging: "s",
        mirrors: fileMirrorLines([
          { name: "files-gcp-us-central1", kind: "gcs", bucket: "org-artifacts-us-central1", region: "us-central1" },
          { name: "files-gcp-europe-west1", kind: "gcs", bucket: "org-artifacts-europe-west1", region: "europe-west1" },
        ]),
      },
      outputs: { filling },
    });
    const state = async (filling: string) => {
      const deployment = { resources: [promotion(filling)] };
      await writeFile(join(stores.folder, "state.json"), JSON.stringify({ deployment }));
    };
    await state("");
    const none = await start("--state", "state.json");
    assert.deepEqual([none.code, none.out], [0, "no mirror is left to a fill\n"]);
    await state("files-gcp-europe-west1 files-gcp-gone");
    const some = await start("--state", "state.json", "--json");
    assert.equal(some.code, 0, some.err);
    const { mirrors } = JSON.parse(some.out) as { mirrors: { mirror: string; started: boolean }[] };
    assert.deepEqual(
      mirrors.map(({ mirror, started }) => [mirror, started]),
      [["files-gcp-europe-west1", true]],
    );
    await stack("us-central1, europe-west1", "");
    const off = await start("--state", "state.json");
    assert.deepEqual(
      [off.code, off.out],
      [0, "no mirror is left to a fill\n"],
      "nothing is left where fillAbove is not set",
    );
  });

  it("--wait ends with the job, and tells of its failure", async () => {
    const waiting = start("--wait", "--mirror", "files-gcp-europe-west1", "--mirror", "files-gcp-us-central1");
    const ends = [
      ["us-central1", "succeeded"],
      ["europe-west1", "cancelled"],
    ] as const;
    for (const [region, state] of ends) {
      const all = jobs.executions.get(region)!;
      while (all.length === 0) await new Promise((resolve) => setTimeout(resolve, 10));
      Object.assign(all[0]!, endOf(state));
    }
    const { code, out, err } = await waiting;
    assert.equal(code, 1);
    assert.match(
      out,
      /files-gcp-us-central1: artifacts-fill-0 in us-central1: succeeded, 3 of 3 tasks done, 4 tried again, 2026-01-01T00:00:00\.000Z until 2026-01-01T05:00:00Z/,
    );
    assert.match(err, /error: files-gcp-europe-west1: artifacts-fill-0 cancelled: see its log/);
  });

  it("--status tells of the latest job too", async () => {
    await start("--mirror", "files-gcp-europe-west1");
    const { code, out } = await fill("--status", "--mirror", "files-gcp-europe-west1");
    assert.equal(code, 3);
    assert.match(
      out,
      /^files-gcp-europe-west1: 0 of 1 there\nfiles-gcp-europe-west1: artifacts-fill-0 in europe-west1: running, 0 of 3 tasks done, 3 running, since /,
    );
    const json = await fill("--status", "--json", "--mirror", "files-gcp-europe-west1");
    const [told] = (JSON.parse(json.out) as { mirrors: { missing: number; execution: { state: string } }[] }).mirrors;
    assert.deepEqual([told?.missing, told?.execution.state], [1, "running"]);
  });

  it("what its tasks gave up is a failure, whatever Cloud Run says of them", async () => {
    const report = (task: string, failures: readonly string[]) =>
      stores.stage("org-fill", `reports/artifacts-fill-0/${task}.json`, JSON.stringify({ failed: 1, failures }));
    await start("--mirror", "files-gcp-europe-west1");
    Object.assign(jobs.executions.get("europe-west1")![0]!, endOf("succeeded"));
    const status = async (...more: readonly string[]) =>
      fill("--status", "--mirror", "files-gcp-europe-west1", ...more);
    assert.match((await status()).out, /: succeeded, 3 of 3 tasks done/);
    await report("0-000", ["file a: it broke"]);
    await report("0-001", ["file a: \u001b[31mnowhere"]);
    await stores.stage("org-fill", "reports/artifacts-fill-0/1-000.json", "{");
    const { out } = await status();
    assert.match(out, /: failed, 3 of 3 tasks done, 4 tried again, 2 failures given up, /);
    assert.match(out, /\ngiven up: file a: \\u\{1b\}\[31mnowhere\ngiven up: task 1: its report cannot be read\n$/);
    const json = JSON.parse((await status("--json")).out) as { mirrors: { execution: { givenUp: number } }[] };
    assert.equal(json.mirrors[0]?.execution.givenUp, 2);
    const waiting = start("--wait", "--mirror", "files-gcp-us-central1");
    const all = jobs.executions.get("us-central1")!;
    while (all.length === 0) await new Promise((resolve) => setTimeout(resolve, 10));
    Object.assign(all[0]!, endOf("succeeded"));
    const { code, err } = await waiting;
    assert.equal(code, 1);
    assert.match(err, /files-gcp-us-central1: artifacts-fill-0 failed: see its log/);
  });

  it("each failure is one error that says what to do, and holds back no other mirror", async () => {
    for (const [status, said] of [
      [
        403,
        /error: files-gcp-us-central1: Cloud Run refuses run\.jobs\.runWithOverrides on artifacts-fill in us-central1 \(403 .*\): .*roles\/run\.admin/,
      ],
      [429, /error: files-gcp-us-central1: Cloud Run's quota in us-central1 is used up/],
      [503, /error: files-gcp-us-central1: http.*:run answers 503/],
    ] as const) {
      jobs.refuse = status;
      const { code, err } = await start("--mirror", "files-gcp-us-central1");
      assert.equal(code, 1);
      assert.match(err, said);
    }
    jobs.refuse = undefined;
    jobs.executions.delete("us-central1");
    const { code, out, err } = await start("--mirror", "files-gcp-us-central1", "--mirror", "files-gcp-europe-west1");
    assert.equal(code, 1);
    assert.match(
      err,
      /there is no job artifacts-fill in us-central1: pulumi up makes it where artifacts:fillAbove is set/,
    );
    assert.match(out, /files-gcp-europe-west1: started/);
  });

  it("calls that make no sense are refused", async () => {
    for (const args of [
      [],
      ["--start", "--status"],
      ["--start", "--shard", "1/2"],
      ["--archive", "x", "--order", "y"],
      ["--cancel", "some"],
      ["--cancel", "all", "--start"],
    ])
      assert.equal((await fill(...args)).code, 2, args.join(" "));
  });
});
