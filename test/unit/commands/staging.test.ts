import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "mocha";
import { CommandError, UsageError } from "../../../components/commands/command.ts";
import { parseFilePath, parseReference } from "../../../components/commands/reference.ts";
import { stagingOf } from "../../../components/commands/staging.ts";
import { stackFile } from "../../support/stack-file.ts";

const folder = await mkdtemp(join(tmpdir(), "staging-"));
const started = process.cwd();

describe("staging project of a command", () => {
  before(() => process.chdir(folder));
  after(async () => {
    process.chdir(started);
    await rm(folder, { recursive: true });
  });

  it("a project's staging area is where the program of that stack makes it", async () => {
    await writeFile("Pulumi.test.yaml", `${stackFile}  artifacts:stagingLocation: europe\n`);
    const staging = {
      registryUri: "europe-docker.pkg.dev/some-project/staging-tool",
      bucket: "org-staging-tool",
      gcsEndpoint: undefined,
    };
    assert.deepEqual(await stagingOf("tool", "test", "images", {}), staging);
    assert.deepEqual(await stagingOf("tool", "test", "files", { registryUri: "host/x" }), {
      ...staging,
      registryUri: "host/x",
    });
  });

  it("an explicit staging project needs no stack", async () => {
    assert.deepEqual(await stagingOf("tool", "absent", "images", { registryUri: "host/x" }), {
      registryUri: "host/x",
      bucket: "",
      gcsEndpoint: undefined,
    });
    assert.deepEqual(await stagingOf("tool", "absent", "files", { bucket: "b", gcsEndpoint: "http://127.0.0.1:1/" }), {
      registryUri: "",
      bucket: "b",
      gcsEndpoint: "http://127.0.0.1:1/",
    });
  });

  it("a stack without a file, or with errors, is reported", async () => {
    await assert.rejects(
      stagingOf("tool", "absent", "images", {}),
      (error) =>
        error instanceof CommandError && /there is no Pulumi\.absent\.yaml: .* with --staging$/.test(error.message),
    );
    await writeFile("Pulumi.bad.yaml", "config:\n  artifacts:organization: Org\n");
    await assert.rejects(
      stagingOf("tool", "bad", "files", {}),
      (error) =>
        error instanceof CommandError &&
        /Pulumi\.bad\.yaml has errors:\nPulumi\.bad\.yaml:2: artifacts:organization: "Org"/.test(error.message),
    );
  });

  it("references", () => {
    const digest = `sha256:${"a".repeat(64)}`;
    const nothing = { tag: undefined, digest: undefined, pattern: undefined };
    const uri = "us-docker.pkg.dev/p/staging-tool";
    assert.deepEqual(parseReference("a/b"), { image: "a/b", ...nothing });
    assert.deepEqual(parseReference("a:v1"), { image: "a", ...nothing, tag: "v1" });
    assert.deepEqual(parseReference(`a@${digest}`), { image: "a", ...nothing, digest });
    assert.deepEqual(parseReference(`a:v1@${digest}`), { image: "a", ...nothing, tag: "v1", digest });
    assert.deepEqual(parseReference("a:v1.*"), { image: "a", ...nothing, pattern: "v1.*" });
    assert.deepEqual(parseReference(`${uri}/a/b:v1`, uri), { image: "a/b", ...nothing, tag: "v1" });
    assert.deepEqual(parseReference(`docker://${uri}/a@${digest}`, uri), { image: "a", ...nothing, digest });
    assert.throws(
      () => parseReference("ghcr.io/org/a:v1", uri),
      /^Error: ghcr\.io\/org\/a:v1 is not below the project's staging repository us-docker\.pkg\.dev\/p\/staging-tool/,
    );
    for (const wrong of [
      "",
      "A",
      "a:",
      "a:v+1",
      "a:v 1*",
      `a:v1.*@${digest}`,
      "a:b:c",
      "a@",
      "a@sha256:0",
      `a@${digest}@${digest}`,
      "host:5000/a:v1",
    ])
      assert.throws(() => parseReference(wrong), UsageError, wrong);
  });

  it("paths of files", () => {
    assert.equal(parseFilePath("v1/tool", "b"), "v1/tool");
    assert.equal(parseFilePath("gs://b/v1/", "b"), "v1/");
    assert.equal(parseFilePath("https://storage.googleapis.com/b/v1/tool", "b"), "v1/tool");
    assert.throws(
      () => parseFilePath("gs://other/v1/tool", "b"),
      /is in the bucket other, not in .* staging bucket b$/,
    );
  });
});
