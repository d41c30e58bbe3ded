/** The filling of new mirrors as Cloud Run's tasks do it: some are killed, one region is slow, and in the end the mirrors are complete and equal. */
import assert from "node:assert/strict";
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { promisify } from "node:util";
import { gzipSync } from "node:zlib";
import { ListObjectsV2Command } from "@aws-sdk/client-s3";
import { after, before, describe, it } from "mocha";
import { buildFill } from "../../components/commands/build-fill.ts";
import { type FillOrder, fillOrderOf } from "../../components/commands/fill-order.ts";
import type { GivenUp } from "../../components/commands/fill-report.ts";
import type { FilesRequest, ImagesRequest } from "../../components/promotion/run/request.ts";
import { type FaultyProxy, startFaultyProxy } from "../support/faulty-proxy.ts";
import { type ObjectStores, startObjectStores } from "../support/object-stores.ts";
import { inspect, Pusher, startRegistry, type TestRegistry } from "../support/registries.ts";

const run = promisify(execFile);
const tasks = 5;
const names = Array.from({ length: 12 }, (_, index) => `app-${index}`);

let stores: ObjectStores;
let registries: Record<"us" | "eu" | "asia", TestRegistry>;
/** In front of the new region. */
let slow: FaultyProxy;
/** In front of the canonical mirror, which is far away. */
let canonical: FaultyProxy;
let images: ImagesRequest;
let files: FilesRequest;
let program: string;

describe("a fill by tasks", () => {
  before(async () => {
    stores = await startObjectStores();
    program = join(stores.folder, "program");
    await mkdir(program);
    await buildFill(join(stores.folder, "fill.tar.gz"));
    await run("tar", ["-xzf", join(stores.folder, "fill.tar.gz"), "-C", program]);
    const [us, eu, asia] = await Promise.all([
      startRegistry("olareg"),
      startRegistry("olareg"),
      startRegistry("olareg"),
    ]);
    registries = { us, eu, asia };
    [slow, canonical] = await Promise.all([startFaultyProxy(asia.host), startFaultyProxy(us.host)]);
    const lines: string[] = [];
    for (const name of names) {
      for (const version of ["v1", "v2"]) {
        const layers = [randomBytes(20_000), randomBytes(30_000)];
        // The same bytes in both regions that are complete.
        const config = randomBytes(8);
        const digests = await Promise.all(
          [us, eu].map(async ({ host }) => (await imageOf(host, name, config, layers, version)).digest),
        );
        assert.equal(digests[0], digests[1]);
        lines.push(`${name}:${version} ${digests[0]}\n`);
      }
    }
    images = {
      project: "tool",
      images: lines.sort().join(""),
      prefix: "tool",
      staging: "",
      mirrors: [
        { name: "images-us-central1", repository: `${canonical.host}/p/images` },
        { name: "images-asia-east1", repository: `${slow.host}/p/images` },
        { name: "images-asia-northeast1", repository: `${eu.host}/p/images` },
      ],
      layerMirrors: [],
      mutableTags: [],
      removalShare: 0.5,
      storage: stores.settings,
    };
    for (const bucket of ["us", "asia", "other"]) await stores.makeBucket("gcs", bucket);
    await stores.makeBucket("s3", "aws", { versioned: true });
    const wanted: string[] = [];
    for (let index = 0; index < 60; index++) {
      const content = randomBytes(5_000);
      await stores.stage("us", `binaries/tool/1.0/file-${index}`, content);
      wanted.push(`1.0/file-${index} sha256:${createHash("sha256").update(content).digest("hex")}\n`);
    }
    files = {
      project: "tool",
      files: wanted.sort().join(""),
      prefix: "tool",
      staging: "",
      mirrors: [
        { name: "files-gcp-us-central1", kind: "gcs", bucket: "us", region: "us-central1" },
        { name: "files-gcp-asia-east1", kind: "gcs", bucket: "asia", region: "asia-east1" },
        { name: "files-aws-us-east-1", kind: "s3", bucket: "aws", region: "us-east-1" },
      ],
      removalShare: 0.5,
      storage: stores.settings,
    };
  });
  after(async () => {
    await Promise.all(Object.values(registries).map((registry) => registry.remove()));
    await stores.stop();
  });

  it("three of five tasks are killed in a slow region and tried again: the mirror is complete, read from the nearest one", async () => {
    const order = await write(fillOrderOf({ images: [images], files: [] }, "images-asia-east1", new Set()));
    canonical.seen.length = 0;
    // The region answers late: the tasks are in the middle of their work when they are killed.
    slow.inject(() => ({ kind: "slow", piece: 20_000, every: 40 }));
    const began = Array.from({ length: tasks }, (_, task) => start(order, task));
    const killed = began.filter((_, task) => task !== 1 && task !== 3);
    // The first of all: each has more than one to bring, so on a busy machine none has ended by then.
    await uploaded(slow, 1);
    for (const { child } of killed) child.kill("SIGKILL");
    const ends = await Promise.all(began.map(({ ended }) => ended));
    assert.equal(ends.filter(({ signal }) => signal === "SIGKILL").length, 3, JSON.stringify(ends));
    assert.ok((await tagsThere(registries.asia)) < 2 * names.length, "nothing was left to do: nothing was shown");

    const retried = await Promise.all([0, 2, 4].map((task) => start(order, task).ended));
    for (const { code, output } of retried) assert.equal(code, 0, output);
    for (const name of names) {
      const [there, source] = await Promise.all(
        [registries.asia, registries.us].map(({ host }) => inspect(host, `p/images/tool/${name}`)),
      );
      assert.deepEqual(there, source, name);
    }
    const layersRead = canonical.seen.filter(({ method, url }) => method === "GET" && url.includes("/blobs/"));
    assert.deepEqual(layersRead, [], "the canonical mirror is farther away than the other one");
    const again = await start(order, 0).ended;
    assert.match(again.output, /"event":"fill-ended".*"copied":0,"bytes":0,"failed":0/);
  });

  it("files: inside the store where it can copy, once each, by tasks that run twice at the same time", async () => {
    for (const mirror of ["files-gcp-asia-east1", "files-aws-us-east-1"]) {
      const order = await write(fillOrderOf({ images: [], files: [files] }, mirror, new Set([mirror])));
      const twice = Array.from({ length: 2 * tasks }, (_, task) => start(order, task % tasks));
      for (const { code, output } of await Promise.all(twice.map(({ ended }) => ended))) assert.equal(code, 0, output);
    }
    for (const line of files.files.trim().split("\n")) {
      const [path = "", digest] = line.split(" ");
      const served = await stores.served("asia", `binaries/tool/${path}`);
      assert.equal(`sha256:${createHash("sha256").update(served!.bytes).digest("hex")}`, digest);
    }
    const { KeyCount } = await stores.s3Client.send(new ListObjectsV2Command({ Bucket: "aws", Prefix: "binaries/" }));
    assert.equal(KeyCount, 60);
  });

  it("what no later try brings is given up at once: the rest is brought, the task succeeds for Cloud Run, and its report says it", async () => {
    for (const bucket of ["given-up", "reports"]) await stores.makeBucket("gcs", bucket);
    await stores.stage("us", "binaries/tool/other", "not what is wanted");
    const sums = [`lost sha256:${"0".repeat(64)}`, `other sha256:${"1".repeat(64)}`];
    const wanted = [...files.files.trim().split("\n").slice(0, 3), ...sums].sort().map((line) => `${line}\n`);
    const mirrors = files.mirrors.map((one) => (one.bucket === "asia" ? { ...one, bucket: "given-up" } : one));
    const order = (reports: string, storage = stores.settings) =>
      write({
        ...fillOrderOf(
          { images: [], files: [{ ...files, files: wanted.join(""), mirrors, storage }] },
          "files-gcp-asia-east1",
          new Set(),
        ),
        reports,
      });
    const { code, output } = await start(await order("reports"), 0, 1).ended;
    assert.equal(code, 0, output);
    assert.match(output, /"severity":"ERROR",.*2 given up".*"event":"fill-ended",.*"failed":2,.*"givenUp":2/);
    assert.ok(await stores.served("given-up", `binaries/tool/${wanted[0]!.split(" ")[0]}`));
    const report = JSON.parse((await stores.served("reports", "reports/e/0-000.json"))!.bytes.toString()) as GivenUp;
    assert.equal(report.failed, 2);
    assert.match(
      report.failures.join("\n"),
      /file lost .*no mirror has it.*\n.*file other .*which is not what the manifest says/,
    );

    const gcs = await startFaultyProxy(new URL(stores.gcs).host);
    gcs.inject((method, url) =>
      method === "POST" && url.includes("/b/reports/") ? { kind: "answer", status: 403, body: "{}" } : undefined,
    );
    const denied = { ...stores.settings, gcsEndpoint: `http://${gcs.host}` };
    const unreported = await start(await order("reports", denied), 0, 1).ended;
    await gcs.close();
    assert.equal(unreported.code, 1, unreported.output);
    assert.match(unreported.output, /"WARNING","message":"the report cannot be written: /);

    const untold = await start(await order("no-such-bucket"), 0, 1).ended;
    assert.equal(untold.code, 1, untold.output);
    assert.match(
      untold.output,
      /^{"severity":"ERROR","message":"gs:\/\/no-such-bucket: what is withdrawn cannot be read/,
    );
  });

  it("what is there and not wanted stays, and a failure that nobody would read of ends the task with 1", async () => {
    await stores.stage("other", "binaries/tool/stray", "x");
    const lost = { ...files, files: `lost sha256:${"0".repeat(64)}\n` };
    const mirrors = files.mirrors.map((mirror) => (mirror.bucket === "asia" ? { ...mirror, bucket: "other" } : mirror));
    const order = fillOrderOf({ images: [], files: [{ ...lost, mirrors }] }, "files-gcp-asia-east1", new Set());
    const { code, output } = await start(await write(order), 0, 1).ended;
    assert.equal(code, 1, output);
    assert.match(output, /"severity":"WARNING","message":"project tool, file lost .*no mirror has it/);
    assert.match(output, /"severity":"ERROR",.*"event":"fill-ended",.*"failed":1/);
    assert.ok(await stores.served("other", "binaries/tool/stray"));
  });
});

async function imageOf(host: string, name: string, config: Buffer, layers: readonly Buffer[], tag: string) {
  const pusher = new Pusher(host, `p/images/tool/${name}`);
  const pushed = await pusher.blob(config);
  const content = {
    mediaType: "application/vnd.oci.image.manifest.v1+json",
    config: { ...pushed, mediaType: "application/vnd.oci.image.config.v1+json" },
    layers: await Promise.all(layers.map((layer) => pusher.blob(layer))),
  };
  return pusher.manifest(content, [tag]);
}

let orders = 0;

async function write(order: FillOrder): Promise<string> {
  const file = join(stores.folder, `order-${orders++}.json.gz`);
  await writeFile(file, gzipSync(JSON.stringify(order)));
  return file;
}

interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly output: string;
}

/** Starts a task as Cloud Run does. */
function start(order: string, task: number, count = tasks): { child: ChildProcess; ended: Promise<Ended> } {
  const variables = {
    CLOUD_RUN_JOB: "fill",
    CLOUD_RUN_EXECUTION: "e",
    CLOUD_RUN_TASK_INDEX: `${task}`,
    CLOUD_RUN_TASK_COUNT: `${count}`,
  };
  const child = spawn(process.execPath, [join(program, "fill.mjs"), order], {
    env: { ...process.env, ...variables },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const output = Promise.all([text(child.stdout), text(child.stderr)]);
  const ended = once(child, "close").then(async ([code, signal]): Promise<Ended> => {
    return { code, signal, output: (await output).join("\n") };
  });
  return { child, ended };
}

/** Resolves when so many manifests were sent to a registry. */
async function uploaded(proxy: FaultyProxy, manifests: number): Promise<void> {
  const isManifest = ({ method, url }: { method: string; url: string }) =>
    method === "PUT" && url.includes("/manifests/");
  while (proxy.seen.filter(isManifest).length < manifests) await new Promise((resolve) => setTimeout(resolve, 5));
}

async function tagsThere({ host }: TestRegistry): Promise<number> {
  const found = await Promise.all(names.map((name) => inspect(host, `p/images/tool/${name}`)));
  return found.reduce((sum, { tags }) => sum + Object.keys(tags).length, 0);
}
