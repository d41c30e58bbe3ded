import assert from "node:assert/strict";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { it } from "mocha";
import { parse } from "yaml";
import { CommandError } from "../../../components/commands/command.ts";
import { runFillJob } from "../../../components/commands/fill-executions.ts";
import { FillLog } from "../../../components/commands/fill-log.ts";
import { movedSince } from "../../../components/commands/fill-mirror.ts";
import { fillOrderOf, linesWithdrawn } from "../../../components/commands/fill-order.ts";
import { whyNoJob } from "../../../components/commands/fill-start.ts";
import { readTaskOrder } from "../../../components/commands/task-order.ts";
import type { FilesRequest, ImagesRequest } from "../../../components/promotion/run/request.ts";
import { parseStackConfig } from "../../../components/stack/config.ts";
import { runCommandLines } from "../../support/run-command-lines.ts";
import { startRunJobs } from "../../support/run-jobs.ts";
import { stackFile } from "../../support/stack-file.ts";

it("a line of the log in 30 s with what was done since the line before, and one at the end with the failures and warnings before it", () => {
  const lines: { message: string; event?: string }[] = [];
  let now = 0;
  const write = (line: string) => void lines.push(JSON.parse(line) as (typeof lines)[number]);
  const log = new FillLog("images-us-central1", { index: 3, count: 20 }, write, () => now);
  const at = (seconds: number, done: number, bytes: number) => {
    now = seconds * 1_000;
    log.progress({ wanted: 5_000, missing: 40, done, bytes });
  };
  at(29, 1, 100);
  assert.equal(lines.length, 0);
  at(30, 2, 2_097_152);
  at(31, 3, 3_000_000);
  at(61, 9, 5_242_880);
  const failures = ["project tool, mirror images-us-central1: \u001b[31mrefused"];
  const warnings = ["cdn.example: not purged"];
  log.ended({ wanted: 5_000, missing: 40, done: 39, bytes: 6_291_456, failures, warnings });
  assert.deepEqual(
    lines.map(({ message: _, ...fields }): object => fields),
    [
      { severity: "INFO", event: "fill", missing: 40, copied: 2, bytes: 2_097_152, failed: 0, progress: 1 },
      { severity: "INFO", event: "fill", missing: 0, copied: 7, bytes: 3_145_728, failed: 0, progress: 1 },
      { severity: "WARNING" },
      { severity: "WARNING" },
      { severity: "ERROR", event: "fill-ended", missing: 0, copied: 30, bytes: 1_048_576, failed: 1, progress: 1 },
    ].map((fields) => ({ ...fields, mirror: "images-us-central1", ...("event" in fields && { task: 2 }) })),
  );
  assert.equal(
    lines[1]?.message,
    "fill of images-us-central1, part 3 of 20: 9 steps done, 5.0 MiB; 40 of 5,000 lines were missing",
  );
  assert.doesNotMatch(JSON.stringify(lines[2]), /\\u001b/);
  assert.equal(lines[3]?.message, "cdn.example: not purged");
});

it("the tasks of a job get the quota of whoever starts them, if it is not the usual one", async () => {
  const jobs = await startRunJobs(["us-central1"], 3);
  const settings = { project: "some-project", runEndpoint: jobs.endpoint };
  for (const environment of [{}, { ARTIFACTS_REGISTRY_QUOTA: "" }, { ARTIFACTS_REGISTRY_QUOTA: "600000" }])
    await runFillJob(settings, "us-central1", ["program", "order"], environment, 1);
  const args = ["program", "order"];
  assert.deepEqual(
    jobs.executions.get("us-central1")?.map(({ template }) => template.containers),
    [[{ args }], [{ args }], [{ args, env: [{ name: "ARTIFACTS_REGISTRY_QUOTA", value: "600000" }] }]],
  );
});

it("no job fills a store whose keys it has not", () => {
  const more = `  artifacts:fillAbove: 100
  artifacts:awsRegions: [us-east-1]
  aws:allowedAccountIds: ["123456789012"]
  aws:region: us-east-1
  artifacts:imageBuckets: [us-central1, us-east-1]
  artifacts:imageStores: [{name: r2, bucket: org-images, endpoint: https://r2.example, url: https://cdn.example, keys: R2, near: us-east1}]
`;
  const { config } = parse(`${stackFile}${more}`) as { config: Record<string, unknown> };
  const read = parseStackConfig(config);
  assert.ok("config" in read, JSON.stringify(read));
  const why = (mirror: string) => whyNoJob(read.config, mirror);
  assert.match(why("images-r2") ?? "", /its keys/);
  const buckets = ["images-gcs-us-central1", "images-s3-us-east-1", "files-gcp-us-central1", "files-aws-us-east-1"];
  for (const mirror of ["images-us-central1", ...buckets]) assert.equal(why(mirror), undefined, mirror);
});

it("a mutable tag or file that has other content in the mirror was moved since the order: it is not taken back", () => {
  const tags = { mutableTags: ["latest", "stable-*"] } as unknown as ImagesRequest;
  const [old, now] = ["a", "b"].map((digit) => `sha256:${digit.repeat(64)}`);
  const both = (name: string) => [`+ ${name} ${old}`, `- ${name} ${now}`];
  const images = { ...tags, images: "" };
  assert.deepEqual(
    [
      ...movedSince(images, [
        ...both("app:latest"),
        ...both("app:v1"),
        `+ app:stable-1 ${old}`,
        `- other:stable-1 ${now}`,
      ]),
    ],
    [`app:latest ${old}`],
  );
  const files = { files: "", mutableFiles: ["*/stable.txt"] } as unknown as FilesRequest;
  assert.deepEqual(
    [...movedSince(files, [...both("a/stable.txt"), ...both("a/b.txt"), `~ a/c ${old}`])],
    [`a/stable.txt ${old}`],
  );
  assert.deepEqual([...movedSince({ ...files, mutableFiles: undefined }, both("a/stable.txt"))], []);
});

it("the order to fill a mirror has what concerns it, survives JSON, and nothing else is taken for one", () => {
  const mirror = (name: string) => ({ name, repository: `${name}/p` });
  const images = { project: "a", images: "", mirrors: [mirror("images-us-central1"), mirror("images-asia-east1")] };
  const layers = { ...images, project: "b", layerMirrors: [{ name: "files-aws-us-east-1" }] };
  const production = {
    images: [{ ...images, layerMirrors: [] }, layers] as unknown as ImagesRequest[],
    files: [{ project: "c", files: "", mirrors: [{ name: "files-gcp-us-central1" }] }] as unknown as FilesRequest[],
  };
  const projects = (name: string) => {
    const order = fillOrderOf(production, name, new Set());
    assert.deepEqual(readTaskOrder(JSON.stringify(order), "x"), order);
    return [...order.images, ...order.files].map(({ project }) => project).join("");
  };
  assert.equal(projects("images-us-central1"), "ab");
  assert.equal(projects("files-aws-us-east-1"), "b");
  assert.equal(projects("files-gcp-us-central1"), "c");
  for (const text of ["", "{", "null", "{}", '{"fillOrder": 2}', '{"auditOrder": 2}']) {
    assert.throws(() => readTaskOrder(text, "order.json"), CommandError, text);
  }
});

it("what was withdrawn since an order: lines that are gone, moved, or in another folder; what was added is no matter", () => {
  const order = (files: string, more: Partial<FilesRequest> = {}, images = "app:v1 sha256:a\n") =>
    fillOrderOf(
      {
        images: [{ project: "p", prefix: "p", images, mirrors: [{ name: "m", repository: "r" }], layerMirrors: [] }],
        files: [{ project: "p", prefix: "p", files, mirrors: [{ name: "m" }], ...more }],
      } as unknown as Parameters<typeof fillOrderOf>[0],
      "m",
      new Set(),
    );
  const before = order("a sha256:1\nb sha256:2\n");
  for (const [now, withdrawn] of [
    [before, 0],
    [order("a sha256:1\nb sha256:2\nc sha256:3\n"), 0],
    [order("a sha256:1\n"), 1],
    [order("a sha256:1\nb sha256:3\n"), 1],
    [order("a sha256:1\nb sha256:2\n", { prefix: "q" }), 2],
    [order("a sha256:1\nb sha256:2\n", {}, "app:v1 sha256:b\n"), 1],
    [{ ...before, files: [] }, 2],
  ] as const)
    assert.equal(linesWithdrawn(before, now), withdrawn);
});

it("--order writes what a task needs of one mirror", async () => {
  const folder = await mkdtemp(join(tmpdir(), "fill-"));
  try {
    await writeFile(join(folder, "Pulumi.prod.yaml"), stackFile);
    await mkdir(join(folder, "manifests/tool"), { recursive: true });
    const project = "description: x\nowners: {group: g@example.org}\nstaging: {images: true}\n";
    await writeFile(join(folder, "manifests/tool/project.yaml"), project);
    const digest = `sha256:${"a".repeat(64)}`;
    await writeFile(join(folder, "manifests/tool/images.yaml"), `- name: app\n  dmap:\n    "${digest}": ["v1"]\n`);
    const order = join(folder, "order.json.gz");
    const call = ["fill", "--order", order, "--mirror", "images-us-central1"];
    const [written, two] = await runCommandLines([call, [...call, "--mirror", "images-us-central1"]], {
      cwd: folder,
      env: {},
    });
    assert.deepEqual([written?.code, two?.code], [0, 2], `${written?.err}${two?.err}`);
    const { mirror, images, files } = readTaskOrder(gunzipSync(await readFile(order)).toString("utf8"), order);
    assert.deepEqual([mirror, images.map(({ project }) => project), files], ["images-us-central1", ["tool"], []]);
    assert.equal(images[0]?.mirrors.at(-1)?.name, "images-us-central1");
  } finally {
    await rm(folder, { recursive: true });
  }
});
