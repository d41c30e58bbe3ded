/** The emulated Cloud Run runs jobs as Cloud Run does: tasks with its variables, retries, a mounted bucket, and an identity that Google and AWS know. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { after, before, describe, it } from "mocha";
import { make, type TestCloud, testCloud, upload } from "../support/emulated-cloud.ts";

const jobType = "gcp:cloudrunv2/job:Job";
const parent = "projects/demo/locations/asia-east1";
const email = "filler@demo.iam.gserviceaccount.com";
const image = "asia-east1-docker.pkg.dev/serverless-runtimes/google-24/runtimes/nodejs24";

/** What the tasks run: it fails as its name says, and prints what it is told. */
const program = `
const { CLOUD_RUN_JOB, CLOUD_RUN_EXECUTION, CLOUD_RUN_TASK_INDEX, CLOUD_RUN_TASK_COUNT, CLOUD_RUN_TASK_ATTEMPT, GCE_METADATA_HOST, AWS_ENDPOINT_URL_STS, OF_JOB, OF_RUN } = process.env;
const [, , how] = process.argv;
const asked = (path) => fetch("http://" + GCE_METADATA_HOST + "/computeMetadata/v1/instance/service-accounts/default/" + path, { headers: { "metadata-flavor": "Google" } });
const token = await (await asked("identity?audience=" + (how === "stranger" ? "others" : "sts.amazonaws.com"))).text();
const form = new URLSearchParams({ Action: "AssumeRoleWithWebIdentity", RoleArn: "arn:aws:iam::1:role/filler", WebIdentityToken: token });
const sts = await (await fetch(AWS_ENDPOINT_URL_STS, { method: "POST", body: form })).text();
const { access_token } = await (await asked("token")).json();
console.log(JSON.stringify({ CLOUD_RUN_JOB, CLOUD_RUN_EXECUTION, CLOUD_RUN_TASK_INDEX, CLOUD_RUN_TASK_COUNT, CLOUD_RUN_TASK_ATTEMPT, OF_JOB, OF_RUN, access_token, sts: /<AccessKeyId>|AccessDenied/.exec(sts)[0] }));
if (how === "once" && CLOUD_RUN_TASK_ATTEMPT === "0" && CLOUD_RUN_TASK_INDEX === "1") process.kill(process.pid, "SIGKILL");
if (how === "never") process.exit(1);
if (how === "long") setInterval(() => {}, 1000);
process.on("SIGTERM", () => { console.log("SIGTERM"); process.exit(1); });
`;

let test1: TestCloud;

describe("emulated jobs of Cloud Run", () => {
  before(async () => {
    test1 = await testCloud();
    await make(test1.client, "gcp:storage/bucket:Bucket", "orders", { name: "orders", location: "US" });
    await upload(test1.cloud, "orders", "programs/task.mjs", program);
    const account = "gcp:serviceaccount/account:Account";
    await make(test1.client, account, `projects/demo/serviceAccounts/${email}`, {}, { email, uniqueId: "4711" });
    const StringEquals = {
      "accounts.google.com:aud": "4711",
      "accounts.google.com:oaud": "sts.amazonaws.com",
      "accounts.google.com:sub": "4711",
    };
    const statement = {
      Effect: "Allow",
      Principal: { Federated: "accounts.google.com" },
      Action: "sts:AssumeRoleWithWebIdentity",
      Condition: { StringEquals },
    };
    const assumeRolePolicy = JSON.stringify({ Statement: [statement] });
    await make(test1.client, "aws:iam/role:Role", "filler", { name: "filler", assumeRolePolicy });
    await make(test1.client, jobType, `${parent}/jobs/fill`, job(image));
  });
  after(() => test1.end());

  it("an execution runs each task with Cloud Run's variables, and tries one again that is killed", async () => {
    const done = await run({
      taskCount: 3,
      containerOverrides: [{ args: ["programs/task.mjs", "once"], env: [{ name: "OF_RUN", value: "b" }] }],
    });
    const { taskCount, succeededCount, failedCount, runningCount, retriedCount, conditions } = done;
    assert.deepEqual(
      { taskCount, succeededCount, failedCount, runningCount, retriedCount, conditions },
      {
        taskCount: 3,
        succeededCount: 3,
        failedCount: undefined,
        runningCount: undefined,
        retriedCount: 1,
        conditions: [{ type: "Completed", state: "CONDITION_SUCCEEDED" }],
      },
    );
    assert.ok(Date.parse(String(done["completionTime"])) >= Date.parse(String(done["createTime"])));
    for (const [task, attempt] of [
      [0, 0],
      [1, 0],
      [1, 1],
      [2, 0],
    ] as const) {
      assert.deepEqual(await printed(done, task, attempt), {
        CLOUD_RUN_JOB: "fill",
        CLOUD_RUN_EXECUTION: shortName(done),
        CLOUD_RUN_TASK_INDEX: `${task}`,
        CLOUD_RUN_TASK_COUNT: "3",
        CLOUD_RUN_TASK_ATTEMPT: `${attempt}`,
        OF_JOB: "a",
        OF_RUN: "b",
        access_token: "of the emulated cloud",
        sts: "<AccessKeyId>",
      });
    }
  });

  it("a task that fails as often as the job allows has failed", async () => {
    const { failedCount, succeededCount, retriedCount, conditions } = await run({
      containerOverrides: [{ args: ["programs/task.mjs", "never"] }],
    });
    assert.deepEqual([failedCount, succeededCount, retriedCount], [2, undefined, 4]);
    assert.deepEqual(conditions, [{ type: "Completed", state: "CONDITION_FAILED" }]);
  });

  it("an execution that is cancelled ends: its tasks get SIGTERM, and are not tried again", async () => {
    const { metadata } = await asked("jobs/fill:run", 200, {
      overrides: { containerOverrides: [{ args: ["programs/task.mjs", "long"] }] },
    });
    const name = shortName(metadata as Answer);
    const logs = [0, 1].map((task) =>
      join(test1.dir, "logs", `Cloud-Run-asia-east1-${name}-task-${task}-attempt-0.log`),
    );
    for (const log of logs) while (!(await readFile(log, "utf8").catch(() => "")).includes("{")) await setTimeout(20);
    const { done } = await asked(`jobs/fill/executions/${name}:cancel`, 200, {});
    assert.equal(done, false);
    const { cancelledCount, failedCount, retriedCount, conditions } = await end(name);
    assert.deepEqual([cancelledCount, failedCount, retriedCount], [2, undefined, undefined]);
    assert.deepEqual(conditions, [{ type: "Completed", state: "CONDITION_FAILED", executionReason: "CANCELLED" }]);
    for (const log of logs) assert.match(await readFile(log, "utf8"), /^SIGTERM$/m);
    await asked("jobs/fill/executions/none:cancel", 404, {});
  });

  it("AWS refuses a token that is for others", async () => {
    const done = await run({ taskCount: 1, containerOverrides: [{ args: ["programs/task.mjs", "stranger"] }] });
    assert.equal((await printed(done, 0, 0))["sts"], "AccessDenied");
  });

  it("lists executions, the latest first, and knows no others", async () => {
    const { executions } = await asked("jobs/fill/executions", 200);
    assert.equal((executions as object[]).length, 4);
    await asked("jobs/fill/executions/none", 404);
    await asked("jobs/other:run", 404, {});
  });

  it("a job needs an account that exists, and an image whose program is here", async () => {
    const wrong = (id: string, inputs: Record<string, unknown>) =>
      make(test1.client, jobType, `${parent}/jobs/${id}`, inputs);
    await assert.rejects(wrong("image", job("docker.io/library/busybox")), /runs jobs on Google's base images/);
    const stranger = JSON.parse(JSON.stringify(job(image)).replace(email, "nobody@demo.iam.gserviceaccount.com"));
    await assert.rejects(wrong("account", stranger), /Service account nobody@.* was not found/);
  });
});

function job(of: string): Record<string, unknown> {
  return {
    name: "fill",
    location: "asia-east1",
    deletionProtection: false,
    template: {
      taskCount: 2,
      template: {
        serviceAccount: email,
        maxRetries: 2,
        containers: [
          {
            image: of,
            commands: ["/bin/sh", "-c", 'exec node "/fill/$1" "$2"', "sh"],
            envs: [{ name: "OF_JOB", value: "a" }],
            volumeMounts: [{ name: "v", mountPath: "/fill" }],
          },
        ],
        volumes: [{ name: "v", gcs: { bucket: "orders", readOnly: true } }],
      },
    },
  };
}

type Answer = Readonly<Record<string, unknown>>;

async function asked(path: string, status: number, body?: object): Promise<Answer> {
  const response = await fetch(`${test1.cloud.control}/apis/run/v2/${parent}/${path}`, {
    ...(body !== undefined && { method: "POST", body: JSON.stringify(body) }),
  });
  assert.equal(response.status, status, path);
  return (await response.json()) as Answer;
}

/** Runs the job to its end. */
async function run(overrides: object): Promise<Answer> {
  const { metadata, done } = await asked("jobs/fill:run", 200, { overrides });
  assert.equal(done, false);
  return await end(shortName(metadata as Answer));
}

async function end(name: string): Promise<Answer> {
  for (;;) {
    const execution = await asked(`jobs/fill/executions/${name}`, 200);
    if (execution["completionTime"] !== undefined) return execution;
    await setTimeout(20);
  }
}

function shortName({ name }: Answer): string {
  return String(name).split("/").at(-1)!;
}

async function printed(execution: Answer, task: number, attempt: number): Promise<Answer> {
  const file = `Cloud-Run-asia-east1-${shortName(execution)}-task-${task}-attempt-${attempt}.log`;
  return JSON.parse(await readFile(join(test1.dir, "logs", file), "utf8")) as Answer;
}
