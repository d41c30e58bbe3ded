/** The demo artifacts in the reference registry, which has no referrers API, as seen by third-party tools. */
import assert from "node:assert/strict";
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { after, before, describe, it } from "mocha";
import { type DemoArtifacts, makeArtifacts } from "../../local/seed/artifacts.ts";
import { pushStaging } from "../../local/seed/push.ts";
import { afterFile } from "../support/cleanup.ts";
import { peerPath } from "../support/peers.ts";
import { freePort } from "../support/ports.ts";
import { builtPeers } from "../support/programs.ts";
import { answers, end, type SeedServers, startSeedServers } from "../support/seed-servers.ts";

await builtPeers("registry", "crane", "oras");

let artifacts: DemoArtifacts;
let servers: SeedServers;
let registry: ChildProcess;
let host: string;
let folder: string;

describe("demo artifacts in the reference registry", () => {
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "artifacts-seed-peers-"));
    host = `127.0.0.1:${await freePort()}`;
    const storage = { filesystem: { rootdirectory: join(folder, "data") }, delete: { enabled: true } };
    const log = { level: "error", accesslog: { disabled: true } };
    await writeFile(join(folder, "config.yml"), JSON.stringify({ version: 0.1, log, storage, http: { addr: host } }));
    registry = spawn(await peerPath("registry"), ["serve", join(folder, "config.yml")], { stdio: "ignore" });
    afterFile(() => end(registry));
    [artifacts, servers] = await Promise.all([makeArtifacts(), startSeedServers(), answers(`http://${host}/v2/`)]);
  });
  after(async () => {
    await Promise.all([end(registry), servers.stop()]);
    await rm(folder, { recursive: true });
  });

  const push = () =>
    pushStaging(
      artifacts,
      {
        targets: [
          { project: "dotslash", registryUri: `${host}/p/dotslash`, bucket: "files" },
          { project: "semver", registryUri: `${host}/p/semver` },
        ],
        gcsEndpoint: `${servers.gcs}/storage/v1`, // without the slash at the end, which users forget
        createBucketsIn: "p",
      },
      () => {},
    );

  const images = () =>
    artifacts.projects.flatMap((project) =>
      project.images.map((image) => ({ image, at: `${host}/p/${project.name}/${image.name}` })),
    );

  it("sends nothing at a second push to the reference registry", async () => {
    assert.ok((await push()).bytes > 7_000_000);
    assert.equal((await push()).bytes, 0);
  });

  it("crane validates every image: manifests, configs, layers and their content", async () => {
    for (const { image, at } of images()) {
      for (const { digest } of image.releases) {
        const { stdout, stderr } = await promisify(execFile)(await peerPath("crane"), [
          "validate",
          "--remote",
          `${at}@${digest}`,
        ]);
        assert.match(stdout + stderr, /^PASS: /m);
      }
    }
  });

  it("oras finds the SBOMs by the fallback tag of the referrers API", async () => {
    for (const { image, at } of images()) {
      for (const { content, refersTo } of image.manifests) {
        if (!refersTo) continue;
        const args = ["discover", "--plain-http", "--format", "json", `${at}@${refersTo.subject}`];
        const { stdout } = await promisify(execFile)(await peerPath("oras"), args);
        const { referrers } = JSON.parse(stdout) as { referrers: { digest: string; artifactType: string }[] };
        assert.deepEqual(
          referrers.map(({ digest, artifactType }) => [digest, artifactType]),
          [[content.digest, refersTo.artifactType]],
        );
      }
    }
  });

  it("adds a second SBOM to an image's first one", async () => {
    const { image, at } = images().find((one) => one.image.name === "semver")!;
    const sbom = image.manifests.find(({ refersTo }) => refersTo)!;
    const subject = sbom.refersTo!.subject;
    const attach = ["attach", "--plain-http", "--artifact-type", "text/plain", `${at}@${subject}`, "config.yml"];
    await promisify(execFile)(await peerPath("oras"), attach, { cwd: folder });
    const manifest = `http://${host}/v2/p/semver/semver/manifests/${sbom.content.digest}`;
    assert.equal((await fetch(manifest, { method: "DELETE" })).status, 202);
    await push();
    const index = await fetch(`http://${host}/v2/p/semver/semver/manifests/${subject.replace(":", "-")}`, {
      headers: { accept: "application/vnd.oci.image.index.v1+json" },
    });
    const { manifests } = (await index.json()) as { manifests: { artifactType: string }[] };
    assert.deepEqual(manifests.map(({ artifactType }) => artifactType).sort(), ["application/spdx+json", "text/plain"]);
  });
});
