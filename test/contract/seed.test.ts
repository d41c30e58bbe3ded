/** The demo projects' artifacts, pushed to real servers. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "mocha";
import { type DemoArtifacts, makeArtifacts } from "../../local/seed/artifacts.ts";
import { mediaTypes } from "../../local/seed/image.ts";
import { pushStaging, type StagingTarget } from "../../local/seed/push.ts";
import { type SeedServers, startSeedServers } from "../support/seed-servers.ts";

let servers: SeedServers;
let artifacts: DemoArtifacts;
let targets: StagingTarget[];
const lines: string[] = [];
const say = (line: string): void => void lines.push(line);

describe("demo artifacts on real servers", () => {
  before(async () => {
    [servers, artifacts] = await Promise.all([startSeedServers(), makeArtifacts()]);
    targets = [
      { project: "dotslash", registryUri: `${servers.registry}/p/staging-dotslash`, bucket: "staging-dotslash" },
      { project: "semver", registryUri: `${servers.registry}/p/staging-semver` },
    ];
  });
  after(() => servers.stop());

  const push = (extra: { createBucketsIn?: string } = {}) =>
    pushStaging(artifacts, { targets, gcsEndpoint: `${servers.gcs}/storage/v1/`, ...extra }, say);

  it("names a bucket that does not exist", async () => {
    await assert.rejects(push(), /gs:\/\/staging-dotslash\/0\.5\.8.*404.*does the bucket exist\?/s);
  });

  it("pushes every image by digest and tag, with its referrers", async () => {
    const pushed = await push({ createBucketsIn: "p" });
    assert.ok(pushed.pushed > 0 && pushed.bytes > 7_000_000, `${pushed.bytes} bytes`);
    for (const { project, registryUri } of targets) {
      for (const image of artifacts.projects.find(({ name }) => name === project)!.images) {
        const base = `http://${registryUri!.replace("/", "/v2/")}/${image.name}`;
        for (const { content, tags, refersTo } of image.manifests) {
          for (const name of [content.digest, ...tags]) {
            const response = await fetch(`${base}/manifests/${name}`);
            assert.deepEqual(new Uint8Array(await response.arrayBuffer()), new Uint8Array(content.bytes), name);
          }
          if (!refersTo) continue;
          const index = await (await fetch(`${base}/referrers/${refersTo.subject}`)).json();
          const [found] = (index as { manifests: { digest: string; artifactType: string }[] }).manifests;
          assert.deepEqual([found?.digest, found?.artifactType], [content.digest, refersTo.artifactType]);
        }
        for (const { digest, bytes } of image.blobs) {
          const head = await fetch(`${base}/blobs/${digest}`, { method: "HEAD" });
          assert.equal(Number(head.headers.get("content-length")), bytes.length, digest);
        }
      }
    }
    for (const { path, bytes } of artifacts.projects[0]!.files) {
      const response = await fetch(`${servers.gcs}/staging-dotslash/${path}`);
      assert.deepEqual(Buffer.from(await response.arrayBuffer()), Buffer.from(bytes), path);
    }
  });

  it("sends nothing at a second push", async () => {
    lines.length = 0;
    const { pushed, bytes, items } = await push({ createBucketsIn: "p" });
    assert.deepEqual({ pushed, bytes }, { pushed: 0, bytes: 0 });
    assert.ok(items > 8);
    assert.deepEqual(lines, []);
  });

  it("leaves the staging area of a project alone that is none of the demo's", async () => {
    const others = { project: "my-tool", registryUri: "127.0.0.1:1/p/staging-my-tool", bucket: "staging-my-tool" };
    const pushed = await pushStaging(artifacts, { targets: [others], gcsEndpoint: `${servers.gcs}/storage/v1/` }, say);
    assert.deepEqual(pushed, { items: 0, pushed: 0, bytes: 0 });
  });

  it("pushes only what was lost", async () => {
    const [dotslash] = artifacts.projects;
    const gone = dotslash!.images[0]!.releases[1]!;
    const base = `http://${servers.registry}/v2/p/staging-dotslash/dotslash`;
    assert.equal((await fetch(`${base}/manifests/${gone.digest}`, { method: "DELETE" })).status, 202);
    const file = dotslash!.files[0]!;
    const object = `${servers.gcs}/storage/v1/b/staging-dotslash/o/${encodeURIComponent(file.path)}`;
    assert.equal((await fetch(object, { method: "DELETE" })).status, 200);
    lines.length = 0;
    const { pushed } = await push();
    assert.equal(pushed, 2);
    assert.equal(lines.length, 2);
    assert.ok(lines.some((line) => line.endsWith(gone.digest)));
    const again = await fetch(`${base}/manifests/${gone.tags[0]}`, { headers: { accept: mediaTypes.index } });
    assert.equal(again.headers.get("docker-content-digest"), gone.digest);
    await again.arrayBuffer();
  });
});
