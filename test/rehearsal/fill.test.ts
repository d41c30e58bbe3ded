/**
 * New regions, filled outside of the deployment by the Cloud Run job that the program makes: a deployment leaves them, `artifacts fill --start` starts tasks
 * with the job's identity, what is withdrawn meanwhile stays away, some are killed and tried again while one region is slow, clients are sent to what is
 * there by then, and the next deployment finds nothing left.
 */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { after, before, describe, it } from "mocha";
import type { RecordedProcess } from "../../local/cloud/processes.ts";
import type { DemoProject } from "../../local/seed/demo-project.ts";
import { type FaultyProxy, startFaultyProxy } from "../support/faulty-proxy.ts";
import { Drill } from "../support/rehearsal/drill.ts";
import { generateProject, promoting, writeProject } from "./generated-project.ts";
import { assertProduction, wantedOf } from "./production.ts";

const slowMirror = "files-aws-us-west-2";
const slowBucket = "rehearsal-artifacts-us-west-2";
const newMirrors = [slowMirror, "files-gcp-asia-east1", "images-asia-east1", "images-gcs-asia-east1"];
const newBucket = "rehearsal-artifacts-asia-east1";
const slowly = (rate: number) => (method: string) =>
  method === "PUT" ? ({ kind: "slow-request", rate } as const) : undefined;
const inTaipei = { "x-rehearsal-client": "25.03,121.56" };

describe("new regions that a job fills", () => {
  let drill: Drill;
  let project: DemoProject;
  let s3: FaultyProxy;

  before(async () => {
    [drill, project] = await Promise.all([Drill.open({ ports: 90, guarded: true }), generateProject("drill")]);
    s3 = await startFaultyProxy(new URL(drill.cloud.endpoints.s3).host);
    drill.checkpoints = false;
    await drill.stage({ projects: [project] });
    await promote((index) => index < 9, { "artifacts:fillAbove": 5 });
    await drill.run("pulumi up");
  });
  after(async () => {
    await drill.end();
    await s3.close();
  });

  let changes = 0;
  async function promote(
    isPromoted: (index: number) => boolean,
    settings: Readonly<Record<string, unknown>>,
  ): Promise<void> {
    const manifests = join(drill.folder, `manifests-${changes++}`);
    await writeProject(manifests, promoting(project, isPromoted));
    await drill.configure(manifests, settings);
  }
  const regions = {
    "artifacts:fillAbove": 5,
    "artifacts:gcpRegions": ["us-central1", "europe-west1", "asia-east1"],
    "artifacts:awsRegions": ["us-east-1", "us-west-2"],
    "artifacts:imageBuckets": ["asia-east1"],
  };

  /** The mirror's host and bucket that a client near the new region is sent to. */
  async function sentTo(file: string): Promise<string> {
    const site = await drill.control.site("artifacts.example.org");
    const { status, headers } = await fetch(`${site}/binaries/${project.name}/${file}`, {
      redirect: "manual",
      headers: inTaipei,
    });
    assert.equal(status, 307, file);
    return new URL(headers.get("location")!).pathname.split("/")[1]!;
  }
  const old = () => project.files[1]!.path;
  const added = () => project.files[9]!.path;

  it("the deployment makes them, brings what is new, and leaves the rest to the fill", async () => {
    await promote(() => true, { ...regions, "aws:endpoints": [{ s3: `http://${s3.host}` }] });
    const output = await drill.run("pulumi up");
    const left = output.matchAll(/left to `artifacts fill`: ([^\n]*)/g);
    const names = [...left].flatMap(([, mirrors = ""]) => mirrors.match(/(images|files)-[a-z0-9-]+/g) ?? []);
    assert.deepEqual([...new Set(names)].sort(), newMirrors, output);
    // Redirectors read every half minute what mirrors have.
    while ((await sentTo(added())) !== newBucket) await setTimeout(200);
    assert.notEqual(await sentTo(old()), newBucket);
  });

  it("what is withdrawn while the job runs it does not bring back: the deployment waits until its tasks have stopped", async () => {
    const paths = project.files.flatMap(({ path }, index) => (index % 10 === 0 ? [`/${project.name}/${path}`] : []));
    const isWithdrawn = (url: string) => paths.some((path) => url.includes(path));
    // What is withdrawn takes longer than a deployment that does not wait, and the other files longer than this test.
    s3.inject((method, url) => {
      if (method !== "PUT" || !url.includes(`/binaries/${project.name}/`)) return undefined;
      return isWithdrawn(url) ? { kind: "slow-request", rate: 3_000 } : { kind: "hang" };
    });
    await drill.guard(true);
    try {
      await fill(`--start --mirror ${slowMirror}`);
      const uploads = () => s3.seen.filter(({ method, url }) => method === "PUT" && isWithdrawn(url));
      while (uploads().length < paths.length) await setTimeout(50);
      await promote((index) => index !== 0, { ...regions, "aws:endpoints": [{ s3: `http://${s3.host}` }] });
      await drill.run("pulumi up");
      while (uploads().some(({ ended }) => !ended)) await setTimeout(50);
      const found = await Promise.all(
        paths.map(async (path) => (await fetch(`${drill.cloud.endpoints.s3}/${slowBucket}/binaries${path}`)).status),
      );
      assert.deepEqual(new Set(found), new Set([404]));
    } finally {
      await drill.guard(false);
    }
  });

  it("the job fills them: three tasks are killed in a slow region and tried again", async () => {
    s3.inject(slowly(20_000));
    s3.seen.length = 0;
    await drill.guard(true);
    try {
      const { mirrors: started } = await fill<{ mirror: string; execution: { name: string } }>("--start");
      assert.deepEqual(started.map(({ mirror }) => mirror).sort(), newMirrors);
      const slow = started.find(({ mirror }) => mirror === slowMirror)!;
      const killed = await killTasks(slow.execution.name, 3);
      s3.inject(() => undefined);
      for (;;) {
        const { mirrors } = await fill<{ execution: { state: string; retried: number; mirror: string } }>("--status");
        const states = mirrors.map(({ execution }) => execution.state);
        if (states.includes("running")) continue;
        assert.deepEqual(new Set(states), new Set(["succeeded"]), JSON.stringify(mirrors));
        // Those that were killed, at least: another may have failed in the slow region as well.
        const { retried = 0 } = mirrors.find(({ execution }) => execution.mirror === slowMirror)?.execution ?? {};
        assert.ok(retried >= killed, `${retried}`);
        break;
      }
    } finally {
      await drill.guard(false);
    }
  });

  it("they are complete and equal, and the next deployment finds nothing left", async () => {
    const wanted = wantedOf([promoting(project, (index) => index !== 0)]);
    await assertProduction(drill, wanted, { images: 3, files: 5 });
    const output = await drill.run("pulumi up");
    assert.doesNotMatch(output, /left to `artifacts fill`/);
    await drill.run("pulumi preview --expect-no-changes");
    assert.equal(await sentTo(old()), newBucket);
  });

  /** Runs `artifacts fill`. @returns its JSON. */
  async function fill<Mirror>(option: string): Promise<{ mirrors: readonly Mirror[] }> {
    const { output } = await drill.runs(`npx artifacts fill --stack local ${option} --json 2>/dev/null`);
    return JSON.parse(output) as { mirrors: readonly Mirror[] };
  }

  /** Kills so many tasks of an execution while they upload. A task may end, or begin, at any time. @returns how many. */
  async function killTasks(execution: string, count: number): Promise<number> {
    const killed = new Set<number>();
    for (; killed.size < count; await setTimeout(20)) {
      if (s3.seen.filter(({ method }) => method === "PUT").length < count) continue;
      const { children } = JSON.parse(await readFile(join(drill.folder, "cloud/pids.json"), "utf8")) as {
        children: RecordedProcess[];
      };
      const tasks = children.filter(({ purpose }) => purpose.includes(`${execution} task `));
      assert.notEqual(tasks.length, 0, `the tasks ended when ${killed.size} were killed`);
      for (const { pid, purpose } of tasks) {
        if (killed.size === count || killed.has(pid) || !purpose.endsWith(" attempt 0")) continue;
        if (await killedAlive(pid)) killed.add(pid);
      }
    }
    return killed.size;
  }
});

/**
 * Kills the group of a process that lives. Stopped first: one that is ending, or that its parent has not yet taken notice of, takes the signal without effect.
 * @returns whether it was killed.
 */
async function killedAlive(pid: number): Promise<boolean> {
  try {
    process.kill(-pid, "SIGSTOP");
    for (;;) {
      const stat = await readFile(`/proc/${pid}/stat`, "utf8");
      const state = stat[stat.lastIndexOf(")") + 2];
      if (state === "Z" || state === "X") return false;
      if (state === "T") break;
      await setTimeout(5);
    }
    process.kill(-pid, "SIGKILL");
    return true;
  } catch (error) {
    if (["ESRCH", "ENOENT"].includes((error as NodeJS.ErrnoException).code ?? "")) return false;
    throw error;
  }
}
