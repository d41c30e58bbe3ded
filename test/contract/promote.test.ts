// npm run promote and demote against a real registry and a real object store, from a project made by npm run new.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, it } from "mocha";
import { loadManifests } from "../../components/manifests/load.ts";
import { freePort } from "../support/ports.ts";
import { type EndedCommand, runArtifacts } from "../support/run-command-lines.ts";
import { type SeedServers, startSeedServers } from "../support/seed-servers.ts";
import { stackFile } from "../support/stack-file.ts";

let servers: SeedServers;
/** Runs a command in the folder of the test. */
function run(command: string, ...args: string[]): Promise<EndedCommand> {
  return runArtifacts([command, ...args], { cwd: servers.folder });
}

const promote = (...args: string[]) =>
  run(
    "promote",
    ...args,
    "--staging",
    `${servers.registry}/org/staging-tool`,
    "--bucket",
    "staging-tool",
    "--gcs-endpoint",
    `${servers.gcs}/storage/v1/`,
  );
const sha256 = (bytes: string) => createHash("sha256").update(bytes).digest("hex");
const images = () => readFile(join(servers.folder, "manifests/tool/images.yaml"), "utf8");
const files = () => readFile(join(servers.folder, "manifests/tool/files.yaml"), "utf8");

/** Stores a blob in a repository of the registry. */
async function putBlob(image: string, bytes: string): Promise<{ mediaType: string; digest: string; size: number }> {
  const digest = `sha256:${sha256(bytes)}`;
  const base = `http://${servers.registry}/v2/org/staging-tool/${image}/blobs/uploads/`;
  assert.equal((await fetch(`${base}?digest=${digest}`, { method: "POST", body: bytes })).status, 201);
  return { mediaType: "application/vnd.oci.image.config.v1+json", digest, size: bytes.length };
}

async function putManifest(image: string, reference: string, mediaType: string, content: object): Promise<string> {
  const bytes = JSON.stringify({ schemaVersion: 2, mediaType, ...content });
  const response = await fetch(`http://${servers.registry}/v2/org/staging-tool/${image}/manifests/${reference}`, {
    method: "PUT",
    headers: { "content-type": mediaType },
    body: bytes,
  });
  assert.equal(response.status, 201, await response.text());
  return `sha256:${sha256(bytes)}`;
}

/** Pushes an index of these platforms under a tag; returns its digest. */
async function push(image: string, tag: string, ...platforms: string[]): Promise<string> {
  const manifests = [];
  for (const platform of platforms) {
    const [os, architecture] = platform.split("/");
    const config = await putBlob(image, JSON.stringify({ os, architecture, tag }));
    const content = { config, layers: [] };
    const bytes = JSON.stringify({
      schemaVersion: 2,
      mediaType: "application/vnd.oci.image.manifest.v1+json",
      ...content,
    });
    const digest = await putManifest(
      image,
      `sha256:${sha256(bytes)}`,
      "application/vnd.oci.image.manifest.v1+json",
      content,
    );
    manifests.push({
      mediaType: "application/vnd.oci.image.manifest.v1+json",
      digest,
      size: bytes.length,
      platform: { os, architecture },
    });
  }
  return putManifest(image, tag, "application/vnd.oci.image.index.v1+json", { manifests });
}

/** Stores an object in the staging bucket. */
async function store(name: string, content: string): Promise<void> {
  const query = new URLSearchParams({ uploadType: "media", name });
  const url = `${servers.gcs}/upload/storage/v1/b/staging-tool/o?${query}`;
  assert.equal((await fetch(url, { method: "POST", body: content })).status, 200);
}

describe("npm run promote and demote", () => {
  before(async () => {
    servers = await startSeedServers();
    assert.equal(
      (
        await fetch(`${servers.gcs}/storage/v1/b?project=p`, {
          method: "POST",
          body: JSON.stringify({ name: "staging-tool" }),
        })
      ).status,
      200,
    );
    for (const [name, content] of Object.entries({
      "v1.0.0/tool": "one",
      "v1.0.0/tool.sha256": "sum",
      "v1.1.0/tool": "two",
      "v1.1.0/odd#name": "x",
    })) {
      const query = new URLSearchParams({ uploadType: "media", name });
      assert.equal(
        (await fetch(`${servers.gcs}/upload/storage/v1/b/staging-tool/o?${query}`, { method: "POST", body: content }))
          .status,
        200,
      );
    }
    const made = await run(
      "new",
      "tool",
      "--owners",
      "tool@example.org",
      "--staging",
      "both",
      "--mutable-tag",
      "latest",
    );
    assert.equal(made.code, 0, made.err);
  });
  after(() => servers.stop());

  it("an image by tag, without tag (its newest version) and by digest; then demoted", async () => {
    const one = await push("app", "v1.9.0", "linux/amd64", "linux/arm64");
    const two = await push("app", "v1.10.0", "linux/amd64");
    await push("app", "nightly", "linux/amd64");
    await push("web/server", "v1", "linux/amd64");

    const dry = await promote("tool", "app:v1.9.0", "--dry-run");
    assert.deepEqual(dry, { code: 0, out: `+ app:v1.9.0 ${one}\nmanifests/tool/images.yaml: not written\n`, err: "" });
    await assert.rejects(images(), { code: "ENOENT" });

    const first = await promote("tool", "app:v1.9.0");
    assert.equal(first.code, 0, first.err);
    assert.equal(await images(), `- name: app\n  dmap:\n    "${one}": ["v1.9.0"]\n`);

    // The comment is the user's; the newest version lacks a platform that the last one had.
    await writeFile(join(servers.folder, "manifests/tool/images.yaml"), `# ours\n${await images()}`);
    const newest = await promote("tool", "app");
    assert.equal(newest.code, 0, newest.err);
    assert.match(
      newest.out,
      new RegExp(
        `^\\+ app:v1\\.10\\.0 ${two}\nwarning: image "app": v1\\.10\\.0 lacks linux/arm64, which v1\\.9\\.0 has`,
      ),
    );
    assert.equal(await images(), `# ours\n- name: app\n  dmap:\n    "${one}": ["v1.9.0"]\n    "${two}": ["v1.10.0"]\n`);

    assert.equal(
      (await promote("tool", "app:v1.10.0", `app@${two}`)).out,
      "nothing to do: everything is in the manifest\n",
    );
    const more = await promote("tool", "web/server", `app:v1.9@${one}`);
    assert.equal(more.code, 0, more.err);
    const { projects, problems } = await loadManifests(join(servers.folder, "manifests"));
    assert.deepEqual(problems, []);
    assert.deepEqual(
      projects[0]?.images.map(({ name, digests }) => [name, digests.flatMap(({ tags }) => tags)]),
      [
        ["app", ["v1.9.0", "v1.9", "v1.10.0"]],
        ["web/server", ["v1"]],
      ],
    );

    const out = await run("demote", "tool", "web/server", "app:v1.10.0", "app:v1.9");
    assert.equal(out.code, 0, out.err);
    assert.equal(await images(), `# ours\n- name: app\n  dmap:\n    "${one}": ["v1.9.0"]\n`);
    const all = await run("demote", "tool", "app");
    assert.match(
      all.out,
      /^- app:v1\.9\.0 sha256:\w+\nwarning: this is 1 of 1, more than the removalShare of 0\.5 in project\.yaml/,
    );
    assert.equal(await images(), "# ours\n");
  });

  it("a moved tag is promoted again if the project declares it mutable, else refused", async () => {
    const one = await push("moving", "latest", "linux/amd64");
    await push("moving", "v1", "linux/amd64");
    assert.equal((await promote("tool", "moving:latest", "moving:v1")).code, 0);
    const two = await push("moving", "latest", "linux/arm64");
    await push("moving", "v1", "linux/arm64");
    const moved = await promote("tool", "moving:latest");
    assert.equal(moved.code, 0, moved.err);
    assert.deepEqual(moved.out.split("\n").slice(0, 3), [
      `- moving:latest ${one}`,
      `+ moving:latest ${two}`,
      `+ moving@${one}`,
    ]);
    const refused = await promote("tool", "moving:v1");
    assert.equal(refused.code, 1);
    assert.match(
      refused.err,
      /^error: moving:v1 is another digest in production \(manifests\/tool\/images\.yaml:\d+\), and tags do not move/,
    );
  });

  it("files: one, a folder, with the sha256 of what is there", async () => {
    assert.equal((await promote("tool", "files", "v1.1.0/tool")).code, 0);
    const folder = await promote("tool", "files", "v1.0.0/");
    assert.equal(folder.code, 0, folder.err);
    assert.equal(
      await files(),
      `files:\n${[
        ["v1.0.0/tool", "one"],
        ["v1.0.0/tool.sha256", "sum"],
        ["v1.1.0/tool", "two"],
      ]
        .map(([name, content]) => `- name: ${name}\n  sha256: ${sha256(content ?? "")}\n`)
        .join("")}`,
    );
    assert.equal((await promote("tool", "files", "v1.0.0/")).out, "nothing to do: everything is in the manifest\n");
    assert.match(
      (await promote("tool", "files", "v1.1.0/")).err,
      /file name "v1\.1\.0\/odd#name" has the character "#"/,
    );
    const demoted = await run("demote", "tool", "files", "v1.0.0/");
    assert.equal(demoted.code, 0, demoted.err);
    assert.equal(await files(), `files:\n- name: v1.1.0/tool\n  sha256: ${sha256("two")}\n`);
    assert.equal((await run("demote", "tool", "files", "v1.1.0/tool")).code, 0);
    assert.equal(await files(), "files: []\n");
  });

  it("the newest is the newest release; a pattern takes every tag; a full reference is one of staging", async () => {
    const release = await push("rel", "v1.1.0", "linux/amd64");
    const older = await push("rel", "v1.0.0", "linux/arm64");
    const next = await push("rel", "v1.2.0-rc.1", "linux/amd64", "linux/arm64");
    for (const tag of ["v1.1.0-amd64", "20261129"]) await push("rel", tag, "linux/amd64");
    const added = async (...args: string[]) => {
      const { code, out, err } = await promote("tool", ...args, "--dry-run", "--json");
      assert.equal(code, 0, err);
      return (JSON.parse(out) as { changes: string[] }).changes;
    };
    assert.deepEqual(await added("rel"), [`+ rel:v1.1.0 ${release}`]);
    assert.deepEqual(await added("rel", "--pre"), [`+ rel:v1.2.0-rc.1 ${next}`]);
    assert.deepEqual(await added("rel:v1.*.0"), [`+ rel:v1.0.0 ${older}`, `+ rel:v1.1.0 ${release}`]);
    assert.deepEqual(await added(`${servers.registry}/org/staging-tool/rel:v1.0.0`), [`+ rel:v1.0.0 ${older}`]);
    const { code, err } = await promote("tool", "rel:v9.*");
    assert.equal(code, 1);
    assert.match(
      err,
      /^error: no tag of rel in staging \(127\.0\.0\.1:\d+\/org\/staging-tool\/rel\) matches v9\.\*: there are /,
    );
  });

  it("all errors are reported at once, and nothing is written", async () => {
    await push("many", "v1", "linux/amd64");
    const before = await images();
    const { code, err } = await promote("tool", "many:v1", "many:v2", "absent:v1");
    assert.equal(code, 1);
    assert.match(
      err,
      /^error: 2 mistakes, nothing was written:\n {2}many:v2 is not in staging .*\n {2}absent:v1 is not in staging/,
    );
    assert.equal(await images(), before);
    for (const name of ["odd/a#b", "odd/c#d", "odd/right"]) await store(name, "x");
    const files = await promote("tool", "files", "odd/", "v9/tool");
    assert.match(files.err, /^error: 3 mistakes, .*\n.*"odd\/a#b".*\n.*"odd\/c#d".*\n.*v9\/tool is not in staging/);
    assert.equal((await promote("tool", "ghcr.io/x/y:v1", "z:a:b")).code, 2);
  });

  it("checksums come from SHA256SUMS where staging has one; the files are not read", async () => {
    await store("sums/tool", "tool's bytes");
    await store("sums/other", "other's bytes");
    await store("sums/SHA256SUMS", `${sha256("tool's bytes")}  tool\n`);
    const { code, out, err } = await promote("tool", "files", "sums/", "--dry-run", "--verbose");
    assert.equal(code, 0, err);
    assert.match(out, new RegExp(`^\\+ sums/tool sha256:${sha256("tool's bytes")}$`, "m"));
    assert.match(err, /^takes checksums from gs:\/\/staging-tool\/sums\/SHA256SUMS$/m);
    assert.deepEqual(
      [...err.matchAll(/^reads gs:\/\/staging-tool\/(\S+)/gm)].map(([, path]) => path),
      ["sums/SHA256SUMS", "sums/other"],
    );
  });

  it("import: a regsync.yml and a bucket, with the digests of now; what cannot be taken over is an error", async () => {
    const made = await run("new", "taken", "--owners", "taken@example.org", "--staging", "both");
    assert.equal(made.code, 0, made.err);
    const one = await push("src/lib", "v1.0.0", "linux/amd64");
    const two = await push("src/lib", "v1.1.0", "linux/arm64");
    await push("src/lib", "nightly", "linux/amd64");
    const source = `${servers.registry}/org/staging-tool/src/lib`;
    await writeFile(
      join(servers.folder, "regsync.yml"),
      `sync:
  - {source: "${source}", target: registry.example.org/m/lib, type: repository, tags: {allow: ["v.*"]}}
  - {source: "${source}:nightly", target: registry.example.org/m/deep/lib, type: image}
  - {source: a.example, target: b.example, type: registry}
  - {source: "${source}", target: registry.example.org/m/none, type: repository, tags: {allow: ["w.*"]}}
`,
    );
    const imported = await run("import", "regsync.yml", "--project", "taken", "--json");
    assert.equal(imported.code, 1, imported.err);
    const { changes, problems } = JSON.parse(imported.out) as { changes: string[]; problems: string[] };
    assert.deepEqual(changes.slice(1), [`+ lib:v1.0.0 ${one}`, `+ lib:v1.1.0 ${two}`]);
    assert.match(changes[0] ?? "", /^\+ deep\/lib:nightly sha256:/);
    assert.match(problems[0] ?? "", /^regsync\.yml:4:5: sync\[2\]: a whole registry/);
    assert.deepEqual(problems.slice(1), [`regsync.yml: ${source} has no tag that allow and deny let through`]);

    await store("old/1.0/tool", "released");
    const gcs = ["--gcs-endpoint", `${servers.gcs}/storage/v1/`];
    const files = await run("import", "gs://staging-tool/old/", "--project", "taken", ...gcs);
    assert.equal(files.code, 0, files.err);
    assert.match(files.out, new RegExp(`^\\+ 1\\.0/tool sha256:${sha256("released")}$`, "m"));
    const again = await run("import", "gs://staging-tool/old/", "--project", "taken", ...gcs);
    assert.equal(again.out, "nothing to do: everything is in the manifest\n");
    const nobody = await run("import", "regsync.yml");
    assert.equal(nobody.code, 2);
    assert.match(nobody.err, /--project NAME is required/);
    await rm(join(servers.folder, "manifests/taken"), { recursive: true });
  });

  it("missing, misspelt and unreachable arguments are reported in one line", async () => {
    await push("said", "v1.0.0", "linux/amd64");
    for (const [args, expected] of [
      [
        ["tool", "said:v1.0.1"],
        /^error: said:v1\.0\.1 is not in staging \(127\.0\.0\.1:\d+\/org\/staging-tool\/said\): did you mean v1\.0\.0\?\n$/,
      ],
      [["tool", "absent:v1"], /^error: absent:v1 is not in staging .*: nothing is there: push it there first\n$/],
      [
        ["tool", `said@sha256:${"0".repeat(64)}`],
        /^error: said@sha256:0+ is not in staging .*: push it there first\n$/,
      ],
      [
        ["tool", `said@sha256:${sha256(JSON.stringify({ os: "linux", architecture: "amd64", tag: "v1.0.0" }))}`],
        /^error: said@sha256:\w+ is not in staging .*: it is the digest of a config or layer there: an image ID .*\n$/,
      ],
      [["tool", "files", "v9/tool"], /^error: gs:\/\/staging-tool\/v9\/tool is not in staging: push it there first/],
      [["tol", "said:v1.0.0"], /^error: there is no project "tol" in manifests: did you mean tool\?\n$/],
    ] as const) {
      const { code, out, err } = await promote(...args);
      assert.equal(code, 1);
      assert.equal(out, "");
      assert.match(err, expected);
    }
    const unreachable = await run("promote", "tool", "said:v1.0.0", "--staging", `127.0.0.1:${await freePort()}/x`);
    assert.equal(unreachable.code, 1);
    assert.match(unreachable.err, /^error: staging of tool cannot be read: /);
    assert.match((await run("promote", "tool", "said:v1.0.0")).err, /^error: there is no Pulumi\.prod\.yaml: /);
    assert.match(
      (await run("demote", "tool", "absent:v1")).err,
      /^error: image absent is not in the manifest of tool\n$/,
    );
    for (const args of [
      ["tool"],
      ["tool", "files"],
      ["tool", "Said:v1"],
      ["tool", "said:a:b"],
      ["tool", "said@sha256:0"],
    ])
      assert.equal((await promote(...args)).code, 2, args.join(" "));
  });

  it("from the config of a stack: the names that the program gives to staging areas", async () => {
    const stack = `${stackFile}  gcp:storageCustomEndpoint: ${servers.gcs}/storage/v1/\n`;
    await writeFile(join(servers.folder, "Pulumi.test.yaml"), stack);
    assert.equal(
      (
        await fetch(`${servers.gcs}/storage/v1/b?project=p`, {
          method: "POST",
          body: JSON.stringify({ name: "org-staging-tool" }),
        })
      ).status,
      200,
    );
    await fetch(`${servers.gcs}/upload/storage/v1/b/org-staging-tool/o?uploadType=media&name=tool`, {
      method: "POST",
      body: "three",
    });
    const { code, out, err } = await run("promote", "tool", "files", "tool", "--stack", "test", "--dry-run");
    assert.deepEqual({ code, err }, { code: 0, err: "" });
    assert.equal(out, `+ tool sha256:${sha256("three")}\nmanifests/tool/files.yaml: not written\n`);
  });
});
