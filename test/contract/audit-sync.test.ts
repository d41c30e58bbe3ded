/** The commands without the engine, on real servers: what they say of drift, and that they repair it. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { DeleteObjectCommand, PutObjectCommand } from "@aws-sdk/client-s3";
import { after, before, describe, it } from "mocha";
import { type ObjectStores, startObjectStores } from "../support/object-stores.ts";
import { orgSettings } from "../support/org-settings.ts";
import { inspect, type Pushed, Pusher, startRegistry, type TestRegistry } from "../support/registries.ts";
import { type EndedCommand, runArtifacts } from "../support/run-command-lines.ts";

let stores: ObjectStores;
let registries: { staging: TestRegistry; us: TestRegistry; eu: TestRegistry };
let image: Pushed;
let folder: string;
const files = { "1.0/tool": "program", "1.0/tool.sha256": "sum", "1.1/tool": "next" };

function sha256(content: string): string {
  return createHash("sha256").update(content).digest("hex");
}

describe("audit and sync against real stores", () => {
  before(async () => {
    stores = await startObjectStores();
    const [staging, us, eu] = await Promise.all([
      startRegistry("olareg"),
      startRegistry("olareg"),
      startRegistry("olareg"),
    ]);
    registries = { staging, us, eu };
    for (const bucket of ["org-staging-tool", "org-artifacts-us-central1", "org-artifacts-europe-west1"]) {
      await stores.makeBucket("gcs", bucket);
    }
    await stores.makeBucket("s3", "org-artifacts-us-east-1", { versioned: true });
    for (const [path, content] of Object.entries(files)) await stores.stage("org-staging-tool", path, content);
    image = await new Pusher(staging.host, "p/staging-tool/tool").image({ tags: ["v1"] });

    folder = join(stores.folder, "stack");
    await mkdir(join(folder, "manifests/tool"), { recursive: true });
    await writeFile(join(folder, "Pulumi.test.yaml"), JSON.stringify({ config: config() }));
    await writeFile(join(folder, "state.json"), JSON.stringify(state()));
    const manifest = (name: string, text: string) => writeFile(join(folder, "manifests/tool", name), text);
    await manifest(
      "project.yaml",
      "description: a tool\nowners: {group: tool@example.org}\nstaging: {images: true, files: true}\n",
    );
    await manifest("images.yaml", `- name: tool\n  dmap:\n    "${image.digest}": ["v1"]\n`);
    const entries = Object.entries(files).map(
      ([path, content]) => `  - name: ${path}\n    sha256: ${sha256(content)}\n`,
    );
    await manifest("files.yaml", `files:\n${entries.join("")}`);
  });
  after(async () => {
    await Promise.all(Object.values(registries).map((registry) => registry.remove()));
    await stores.stop();
  });

  const everyMirror = [
    "images-us-central1",
    "images-europe-west1",
    "files-gcp-us-central1",
    "files-gcp-europe-west1",
    "files-aws-us-east-1",
  ];

  it("empty mirrors: the audit reports each; sync fills them one by one; then the audit is clean", async () => {
    const empty = await runAlone("audit");
    assert.equal(empty.code, 3, empty.err);
    for (const row of [
      /^tool +images +1 +0 +0 +images-us-central1, images-europe-west1, files-aws-us-east-1$/m,
      /^tool +files +3 +0 +0 +files-gcp-us-central1, files-gcp-europe-west1, files-aws-us-east-1$/m,
      /^\+ tool 1\.1\/tool sha256:\w+: files-gcp-us-central1, files-gcp-europe-west1, files-aws-us-east-1$/m,
    ]) {
      assert.match(empty.out, row);
    }

    const dry = await run("sync", "--mirror", "files-gcp-us-central1", "--dry-run");
    assert.equal(dry.code, 0, dry.err);
    assert.match(
      dry.out,
      /^tool files: would copy 1\.0\/tool sha256:\w+ \(7 bytes\) from gs:\/\/org-staging-tool to files-gcp-us/m,
    );
    assert.equal(await stores.served("org-artifacts-us-central1", "binaries/tool/1.0/tool"), undefined);

    for (const mirror of everyMirror) {
      const synced = await run("sync", "--mirror", mirror);
      assert.equal(synced.code, 0, `${mirror}\n${synced.out}\n${synced.err}`);
    }
    assert.deepEqual(await inspect(registries.eu.host, "p/images/tool/tool"), { tags: { v1: image.digest } });
    const served = await stores.served("org-artifacts-europe-west1", "binaries/tool/1.1/tool");
    assert.equal(served?.bytes.toString(), "next");
    const clean = await runAlone("audit");
    assert.equal(clean.code, 0, clean.out);
    assert.match(clean.out, /^1 project, 4 lines, 5 mirrors: production is what the manifests say$/m);
  });

  it("fill --status says what a mirror lacks, and fill brings it, all or in parts", async () => {
    const fill = ["fill", "--mirror", "files-gcp-europe-west1", "--mirror", "files-aws-us-east-1"] as const;
    for (const path of Object.keys(files).slice(1)) {
      await stores.remove("org-artifacts-europe-west1", `binaries/tool/${path}`);
    }
    const before = await run(...fill, "--status");
    assert.equal(before.code, 3, before.err);
    assert.equal(before.out, "files-gcp-europe-west1: 1 of 3 there\nfiles-aws-us-east-1: 4 of 4 there\n");
    const first = await run(...fill, "--shard", "1/2", "--json");
    const second = await run(...fill, "--shard", "2/2", "--json");
    const done = [first, second].map(({ code, out, err }) => {
      assert.equal(code, 0, err);
      const { mirrors } = JSON.parse(out) as { mirrors: { mirror: string; wanted: number; done: number }[] };
      return mirrors.map((mirror) => [mirror.wanted, mirror.done] as const);
    });
    assert.deepEqual(
      [0, 1].map((at) => [0, 1].map((of) => done[0]![at]![of]! + done[1]![at]![of]!)),
      [
        [3, 2],
        [4, 0],
      ],
    );
    const after = await runAlone(...fill, "--status");
    assert.equal(after.code, 0, after.out);
    const nothing = await run("fill");
    assert.equal(nothing.code, 2);
  });

  it("the audit reports drift, and sync repairs one mirror, in parts", async () => {
    for (const path of Object.keys(files)) await stores.remove("org-artifacts-europe-west1", `binaries/tool/${path}`);
    await stores.s3Client.send(
      new PutObjectCommand({ Bucket: "org-artifacts-us-east-1", Key: "binaries/tool/unmanaged", Body: "x" }),
    );
    const found = await runAlone("audit", "--json");
    assert.equal(found.code, 3);
    const report = JSON.parse(found.out) as { differences: { mirror: string; what: string; line: string }[] };
    const short = report.differences.map(({ mirror, what, line }) => `${mirror} ${what} ${line.split(" ")[0]}`).sort();
    assert.deepEqual(short, [
      "files-aws-us-east-1 extra unmanaged",
      "files-gcp-europe-west1 missing 1.0/tool",
      "files-gcp-europe-west1 missing 1.0/tool.sha256",
      "files-gcp-europe-west1 missing 1.1/tool",
    ]);
    const only = await runAlone("audit", "--mirror", "files-gcp-us-central1", "--project", "tool");
    assert.equal(only.code, 0, only.out);

    const parts = [];
    for (const shard of ["1/3", "2/3", "3/3"]) {
      const { code, out, err } = await run("sync", "--mirror", "files-gcp-europe-west1", "--shard", shard);
      assert.equal(code, 0, err);
      parts.push(Number(/tool files: copied (\d+) /.exec(out)?.[1] ?? 0));
    }
    assert.equal(
      parts.reduce((sum, part) => sum + part),
      3,
    );
    const aws = await run("sync", "--mirror", "files-aws-us-east-1");
    assert.equal(aws.code, 0, aws.err);
    assert.match(aws.out, /tool files: removed 1 in 1 mirror/);
    assert.equal((await runAlone("audit")).code, 0);
  });

  it("audit --deep: olareg has lost a layer, which no list shows; sync --deep brings it", async () => {
    const at = `http://${registries.eu.host}/v2/p/images/tool/tool`;
    const accept = "application/vnd.oci.image.manifest.v1+json";
    const manifest = await (await fetch(`${at}/manifests/${image.digest}`, { headers: { accept } })).json();
    const { digest } = (manifest as { layers: { digest: string }[] }).layers[0]!;
    assert.equal((await fetch(`${at}/blobs/${digest}`, { method: "DELETE" })).status, 202);
    const eu = ["--mirror", "images-europe-west1"];
    assert.equal((await runAlone("audit", ...eu)).code, 0);
    const found = await runAlone("audit", ...eu, "--deep");
    assert.equal(found.code, 3, found.err);
    assert.match(found.out, new RegExp(`blob ${digest} of tool:v1 is missing in images-europe-west1`));
    const synced = await run("sync", ...eu, "--deep");
    assert.equal(synced.code, 0, synced.err);
    assert.equal((await fetch(`${at}/blobs/${digest}`, { method: "HEAD" })).status, 200);
    assert.equal((await runAlone("audit", ...eu, "--deep")).code, 0);
  });

  it("artifacts in no manifest are extra, with their project; a list that is not available is reported once and is no failure", async () => {
    await stores.stage("org-artifacts-us-central1", "binaries/left/1.0/x", "12345");
    const hex = image.digest.slice("sha256:".length);
    const note = `containers/references/${"1".repeat(64)}/gone/app/${hex}`;
    await stores.s3Client.send(new PutObjectCommand({ Bucket: "org-artifacts-us-east-1", Key: note, Body: "x" }));
    await new Pusher(registries.us.host, "p/images/left/tool").image({ tags: ["v1"] }); // olareg has no catalogue
    const found = await runAlone("audit", "--json");
    assert.equal(found.code, 3, found.err);
    const report = JSON.parse(found.out) as { differences: object[]; unlisted: string[] };
    const extra = (kind: string, project: string, mirror: string, line: string) => {
      return { project, kind, mirror, what: "extra", line };
    };
    assert.deepEqual(report.differences, [
      extra("images", "gone", "files-aws-us-east-1", `app@${image.digest}`),
      extra("files", "-", "files-gcp-us-central1", "binaries/left/ (1 file, 5 bytes)"),
    ]);
    const where = "images-us-central1, images-europe-west1";
    const unlisted = `repositories that no manifest names, in ${where}: its catalogue responds 404`;
    assert.deepEqual(report.unlisted, [unlisted]);
    const shown = await runAlone("audit");
    assert.match(shown.out, /^- +files +0 +1 +0 +files-gcp-us-central1$/m);
    assert.match(shown.out, /^- - binaries\/left\/ \(1 file, 5 bytes\): files-gcp-us-central1$/m);
    assert.ok(shown.out.includes(`could not be searched:\n${unlisted}\n`), shown.out);
    for (const args of [
      ["--project", "tool"],
      ["--mirror", "files-gcp-europe-west1"],
    ]) {
      const { code, out } = await runAlone("audit", ...args);
      assert.equal(code, 0, out);
    }
    await stores.remove("org-artifacts-us-central1", "binaries/left/1.0/x");
    await stores.s3Client.send(new DeleteObjectCommand({ Bucket: "org-artifacts-us-east-1", Key: note }));
  });

  it("a mirror that cannot be read fails the audit, by name", async () => {
    await registries.eu.stop();
    const { code, out } = await runAlone("audit", "--mirror", "images-europe-west1");
    await registries.eu.start();
    assert.equal(code, 1);
    assert.match(out, /could not be read:\n.*images-europe-west1/);
  });

  it("sync repairs a mirror from the others while the canonical one is lost, and reports that", async () => {
    const third = { name: "images-asia-east1", repository: `${registries.staging.host}/p/images` };
    await writeFile(join(folder, "state3.json"), JSON.stringify(state(third)));
    const sync = (mirror: string) => runAlone("sync", "--state", "state3.json", "--mirror", mirror);
    assert.equal((await sync(third.name)).code, 0);
    const eu = `http://${registries.eu.host}/v2/p/images/tool/tool`;
    assert.equal((await fetch(`${eu}/manifests/${image.digest}`, { method: "DELETE" })).status, 202);
    await registries.us.stop();
    const { code, out, err } = await sync("images-europe-west1");
    await registries.us.start();
    assert.equal(code, 1, out);
    assert.match(err, /^error: .*images-us-central1: .*unreachable/m);
    assert.match(out, /^tool images: copied 1 /m, err);
    assert.deepEqual(await inspect(registries.eu.host, "p/images/tool/tool"), { tags: { v1: image.digest } });
    assert.equal((await sync("images-europe-west1")).code, 0);
  });

  it("sync reports a file with an unprintable name, and repairs the others", async () => {
    const Bucket = "org-artifacts-us-east-1";
    const odd = { Bucket, Key: "binaries/tool/two\nlines" };
    await stores.s3Client.send(new PutObjectCommand({ ...odd, Body: "x" }));
    await stores.s3Client.send(new DeleteObjectCommand({ Bucket, Key: "binaries/tool/1.1/tool" }));
    const { code, out, err } = await run("sync", "--mirror", "files-aws-us-east-1");
    assert.equal(code, 1, out);
    assert.match(
      err,
      /^error: project tool, mirror files-aws-us-east-1: has a file whose name is not one line of text/m,
    );
    assert.match(out, /^tool files: copied 1 /m, err);
    await stores.s3Client.send(new DeleteObjectCommand(odd));
    const clean = await runAlone("audit", "--mirror", "files-aws-us-east-1");
    assert.equal(clean.code, 0, clean.out);
  });

  it("sync: a project with too many removals fails without affecting the next one", async () => {
    const [us, eu] = ["org-artifacts-us-central1", "org-artifacts-europe-west1"];
    const manifests = join(folder, "two");
    for (const name of ["first", "second"]) {
      await mkdir(join(manifests, name), { recursive: true });
      const project =
        "description: a tool\nowners: {group: tool@example.org}\nstaging: {images: false, files: false}\n";
      await writeFile(join(manifests, name, "project.yaml"), project);
      await writeFile(join(manifests, name, "files.yaml"), `files:\n  - name: a\n    sha256: ${sha256(name)}\n`);
      await stores.stage(us, `binaries/${name}/a`, name);
    }
    for (let index = 0; index < 9; index++) await stores.stage(eu, `binaries/first/stray-${index}`, "x");
    const sync = ["sync", "--manifests", manifests, "--mirror", "files-gcp-europe-west1"] as const;
    const { code, out, err } = await run(...sync);
    assert.equal(code, 1);
    assert.match(err, /^error: first: this would remove 9 of 10 files from production/m);
    assert.match(out, /^second files: copied 1 /m);
    assert.equal((await stores.served(eu, "binaries/second/a"))?.bytes.toString(), "second");
    assert.equal((await stores.served(eu, "binaries/first/stray-0"))?.bytes.toString(), "x");
    assert.equal((await run(...sync, "--project", "second")).code, 0);
  });

  it("a store with an unknown key is unreadable, not different, and the cause is reported once", async () => {
    const found = await runAlone("audit", "--mirror", "files-aws-us-east-1", { AWS_ACCESS_KEY_ID: "nobody" });
    assert.equal(found.code, 1, found.out);
    assert.match(found.out, /: 0 differences, \d+ unreadable$/m);
    assert.equal(found.out.match(/could not be read:\n(.+\n)+/)?.[0].split("\n").length, 3, found.out); // the title, the cause, ""
  });

  it("wrong usage", async () => {
    for (const [args, said] of [
      [["sync"], /required option '--mirror <name>' not specified/],
      [["sync", "--mirror", "files-gcp-us-central1", "--shard", "4/3"], /--shard 4\/3: must be I\/N, such as 3\/20/],
      [["audit", "stray"], /too many arguments for 'audit'.*: stray/],
    ] as const) {
      const [command, ...rest] = args;
      const { code, err } = await run(command, ...rest);
      assert.equal(code, 2);
      assert.match(err, said);
    }
    for (const [args, said] of [
      [["--mirror", "nowhere"], /there is no mirror nowhere; there are files-aws-us-east-1/],
      [["--project", "nobody"], /there is no project nobody/],
      [["--state", "absent.json"], /there is no absent\.json/],
    ] as const) {
      const { code, err } = await run("audit", ...args);
      assert.equal(code, 1);
      assert.match(err, said);
    }
  });
});

function config(): object {
  return {
    ...orgSettings,
    "artifacts:gcpRegions": ["us-central1", "europe-west1"],
    "artifacts:awsRegions": ["us-east-1"],
    "artifacts:manifests": join(folder, "manifests"),
    "aws:allowedAccountIds": ["123456789012"],
    "aws:region": "us-east-1",
    "aws:endpoints": [{ s3: stores.s3 }],
    "aws:s3UsePathStyle": "true",
    "gcp:project": "some-project",
    "gcp:storageCustomEndpoint": `${stores.gcs}/storage/v1/`,
  };
}

/** A state as the engine exports it, as far as it matters. */
function state(...more: readonly object[]): object {
  const bucket = (region: string, kind: "gcs" | "s3", cloud: string) => {
    return { name: `files-${cloud}-${region}`, kind, bucket: `org-artifacts-${region}`, region };
  };
  const s3 = bucket("us-east-1", "s3", "aws");
  const images = {
    project: "tool",
    staging: `${registries.staging.host}/p/staging-tool`,
    mirrors: [
      { name: "images-us-central1", repository: `${registries.us.host}/p/images` },
      { name: "images-europe-west1", repository: `${registries.eu.host}/p/images` },
      ...more,
    ],
    layerMirrors: [s3],
  };
  const mirrors = [bucket("us-central1", "gcs", "gcp"), bucket("europe-west1", "gcs", "gcp"), s3];
  return {
    deployment: {
      resources: [
        { type: "promotion:index:PromotedImages", inputs: images },
        { type: "promotion:index:PromotedFiles", inputs: { project: "tool", staging: "org-staging-tool", mirrors } },
      ],
    },
  };
}

/** What a command is given: its arguments, and variables of its environment. */
type Given = readonly (string | Readonly<Record<string, string>>)[];

async function run(command: "audit" | "sync" | "fill", ...given: Given): Promise<EndedCommand> {
  const { line, env } = lineOf(command, given);
  return await runArtifacts(line, { cwd: folder, env });
}

/**
 * The same in a process of its own, as a user has one for each command: what the command finds is not what one before has remembered of stores,
 * of their keys and of hosts that were unreachable.
 */
async function runAlone(command: "audit" | "sync" | "fill", ...given: Given): Promise<EndedCommand> {
  const { line, env } = lineOf(command, given);
  const artifacts = join(import.meta.dirname, "../../components/commands/artifacts.mjs");
  const { promise, resolve } = Promise.withResolvers<EndedCommand>();
  execFile(process.execPath, [artifacts, ...line], { cwd: folder, env }, (error, out, err) =>
    resolve({ code: error === null ? 0 : Number(error.code), out, err }),
  );
  return await promise;
}

function lineOf(command: string, given: Given): { line: string[]; env: NodeJS.ProcessEnv } {
  const args = given.filter((one) => typeof one === "string");
  const variables = given.filter((one) => typeof one !== "string");
  return {
    line: [command, "--config", "Pulumi.test.yaml", "--state", "state.json", ...args],
    env: Object.assign({ ...process.env }, ...variables),
  };
}
