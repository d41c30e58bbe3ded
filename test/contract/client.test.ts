/** The rehearsal's clients against real servers, through a service that answers with redirects. */
import assert from "node:assert/strict";
import { mkdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, it } from "mocha";
import { readReferrers, verifySignature } from "../../local/client/attachments.ts";
import { curlFile } from "../../local/client/curl.ts";
import { downloadFile } from "../../local/client/download-file.ts";
import { way } from "../../local/client/follow.ts";
import { containerPlatform, pullImage } from "../../local/client/pull-image.ts";
import { regctlCopy } from "../../local/client/regctl.ts";
import { runPulledProgram } from "../../local/client/run-program.ts";
import { type DemoArtifacts, makeArtifacts } from "../../local/seed/artifacts.ts";
import { pushStaging } from "../../local/seed/push.ts";
import { demoPublicKey } from "../../local/seed/signature.ts";
import { skip } from "../support/annotations.ts";
import { type LoopbackServer, serveOnLoopback } from "../support/loopback-server.ts";
import { type SeedServers, startSeedServers } from "../support/seed-servers.ts";

let servers: SeedServers;
let artifacts: DemoArtifacts;
let service: LoopbackServer;
let base: string;

describe("the rehearsal's clients on real servers", () => {
  before(async () => {
    [servers, artifacts] = await Promise.all([startSeedServers(), makeArtifacts()]);
    const targets = [
      { project: "dotslash", registryUri: `${servers.registry}/p/dotslash`, bucket: "files" },
      { project: "semver", registryUri: `${servers.registry}/p/semver` },
    ];
    await pushStaging(
      artifacts,
      { targets, gcsEndpoint: `${servers.gcs}/storage/v1/`, createBucketsIn: "p" },
      () => {},
    );
    // Redirects by path only. The product's redirector has tests of its own.
    service = await serveOnLoopback((request, response) => {
      const path = request.url ?? "/";
      if (path === "/v2/") {
        response.writeHead(200, { "content-length": 2 }).end("{}");
        return;
      }
      const location = path.startsWith("/v2/")
        ? `http://${servers.registry}/v2/p/${path.slice("/v2/".length)}`
        : path.replace("/binaries/dotslash", `${servers.gcs}/files`);
      response.writeHead(307, { location }).end();
    });
    base = service.url;
  });
  after(async () => {
    await service.close();
    await servers.stop();
  });

  it("pulls the image of this machine's platform by tag and runs its program", async function () {
    const { tag, digest } = release("dotslash");
    const image = await pullImage(base, `dotslash/dotslash:${tag}`, containerPlatform(), await folder("tag"));
    assert.equal(image.digest, digest);
    assert.deepEqual(
      image.parts.map(({ kind }) => kind),
      ["index", "manifest", "config", "layer", "layer"],
    );
    for (const { hops } of image.parts) {
      assert.equal(way(hops, new Map([[servers.registry, "the mirror"]])), `${new URL(base).host} -> the mirror`);
    }
    assert.equal((await stat(join(image.rootfs, "usr/bin/dotslash"))).mode & 0o111, 0o111);
    const ran = await runPulledProgram(image, ["--version"], servers.folder);
    if (!ran.ran) {
      console.warn(`NOT RUN: ${ran.why}`);
      skip(this, ran.why);
      return;
    }
    assert.match(ran.output, /^DotSlash \d/);
  });

  it("pulls the image of another platform but does not run it", async () => {
    const other = containerPlatform() === "linux/arm64" ? "linux/amd64" : "linux/arm64";
    const { digest } = release("dotslash", 1);
    const image = await pullImage(base, `dotslash/dotslash@${digest}`, other, await folder("other"));
    assert.equal(image.platform, other);
    const ran = await runPulledProgram(image, ["--version"], servers.folder);
    assert.ok(!ran.ran && ran.why.includes(other), JSON.stringify(ran));
  });

  it("names a platform that the index lacks, and those that it has", async () => {
    await assert.rejects(
      pullImage(base, `dotslash/dotslash@${release("dotslash").digest}`, "linux/s390x", await folder("none")),
      /has no image for linux\/s390x, only for linux\/amd64, linux\/arm64/,
    );
  });

  it("runs the script behind a symbolic link of a plain image", async () => {
    const { tag, digest } = release("semver");
    const image = await pullImage(base, `semver/semver:${tag}`, "linux/amd64", await folder("semver"));
    assert.equal(image.manifestDigest, digest);
    const ran = await runPulledProgram(image, ["1.10.0", "1.9.0"], servers.folder);
    assert.deepEqual(ran, { ran: true, output: "1.9.0\n1.10.0" });
  });

  it("a signature is valid for its image and no other", async () => {
    for (const project of ["dotslash", "semver"]) {
      const { digest } = release(project);
      const found = await verifySignature(base, `${project}/${project}`, digest, demoPublicKey());
      assert.equal(found.tag, `${digest.replace(":", "-")}.sig`);
    }
    const otherKey =
      "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n";
    await assert.rejects(
      verifySignature(base, "semver/semver", release("semver").digest, otherKey),
      /has no valid signature of sha256:.* by this key/,
    );
  });

  it("finds an SBOM through its subject", async () => {
    const { referrers } = await readReferrers(base, "semver/semver", release("semver").digest);
    assert.deepEqual(
      referrers.map(({ artifactType }) => artifactType),
      ["application/spdx+json"],
    );
  });

  it("downloads a file and verifies its checksum", async () => {
    const { path, sha256, bytes } = artifacts.projects[0]!.files[0]!;
    const file = await downloadFile(`${base}/binaries/dotslash/${path}`, await folder("file"));
    assert.deepEqual([file.sha256, file.size], [sha256, bytes.length]);
    assert.equal(file.hops.length, 2);
    assert.deepEqual(await readFile(file.path), Buffer.from(bytes));
  });

  it("names content that is missing or wrong", async () => {
    await assert.rejects(
      downloadFile(`${base}/binaries/dotslash/0/none`, servers.folder),
      /binaries\/dotslash\/0\/none.*404/,
    );
    await assert.rejects(
      pullImage(base, "semver/semver:v0.0.0", "linux/amd64", await folder("absent")),
      /manifests\/v0\.0\.0: 404 .*MANIFEST_UNKNOWN/,
    );
  });

  it("discards bytes with a wrong digest", async () => {
    const { digest } = release("semver");
    const lying = await serveOnLoopback((request, response) => {
      if (!request.url?.includes("/blobs/")) {
        response.writeHead(307, { location: `${base}${request.url}` }).end();
        return;
      }
      response.end("not the blob");
    });
    try {
      const at = lying.url;
      await assert.rejects(
        pullImage(at, `semver/semver@${digest}`, "linux/amd64", await folder("lying")),
        /12 bytes with sha256:[0-9a-f]{64} instead of \d+ bytes with sha256:/,
      );
    } finally {
      await lying.close();
    }
  });

  it("regctl copies an image with its signature and SBOMs", async () => {
    const { tag, digest } = release("dotslash");
    const copy = await regctlCopy(base, `dotslash/dotslash:${tag}`, await folder("regctl"));
    assert.equal(copy.digest, digest);
    assert.ok(copy.tags.includes(`${digest.replace(":", "-")}.sig`), copy.tags.join());
    assert.deepEqual(copy.hosts, [new URL(base).host, servers.registry]);
    const manifests = artifacts.projects[0]!.images[0]!.manifests;
    const release1 = manifests.slice(0, manifests.length / 2); // the first of two revisions, with everything attached to it
    for (const { content } of release1) {
      const stored = await readFile(join(copy.layout, "blobs/sha256", content.digest.slice("sha256:".length)));
      assert.deepEqual(stored, Buffer.from(content.bytes));
    }
  });

  it("curl downloads a file and its checksum", async function () {
    const { path, sha256 } = artifacts.projects[0]!.files[0]!;
    const file = await curlFile(`${base}/binaries/dotslash/${path}`, await folder("curl"));
    if (!file.ran) {
      console.warn(`NOT RUN: ${file.why}`);
      skip(this, file.why);
      return;
    }
    assert.equal(file.sha256, sha256);
    assert.ok(file.from.startsWith(servers.gcs), file.from);
    await assert.rejects(curlFile(`${base}/binaries/dotslash/0/none`, servers.folder), /404/);
  });

  it("upper layers hide and replace files of lower ones", async () => {
    const { extractLayers } = await import("../../local/client/extract.ts");
    const { makeLayer } = await import("../../local/seed/layer.ts");
    const layers = [
      await makeLayer("lower", [
        { path: "a/gone", content: "1" },
        { path: "a/changed", content: "old" },
        { path: "b/old", content: "1" },
        { path: "b/.hidden/old", content: "1" },
        { path: "linked", link: "a/changed" },
      ]),
      await makeLayer("upper", [
        { path: "a/.wh.gone" },
        { path: "a/changed", content: "new" },
        { path: "b/.wh..wh..opq" },
        { path: "b/kept", content: "1" },
        { path: "linked", content: "a file now" },
      ]),
    ];
    const place = await folder("layers");
    const paths = await Promise.all(
      layers.map(async ({ bytes }, i) => {
        await writeFile(join(place, `${i}`), bytes);
        return join(place, `${i}`);
      }),
    );
    const rootfs = join(place, "rootfs");
    await extractLayers(
      paths,
      layers.map(({ diffId }) => diffId),
      rootfs,
    );
    const read = (path: string) => readFile(join(rootfs, path), "utf8").catch(() => undefined);
    assert.equal(await read("a/gone"), undefined);
    assert.equal(await read("a/changed"), "new");
    assert.equal(await read("b/old"), undefined);
    assert.equal(await read("b/.hidden/old"), undefined);
    assert.equal(await read("b/kept"), "1");
    assert.equal(await read("linked"), "a file now");
    await assert.rejects(extractLayers([paths[0]!], [layers[1]!.diffId], join(place, "wrong")), /unpacks to sha256/);
  });
});

async function folder(name: string): Promise<string> {
  const path = join(servers.folder, name);
  await mkdir(path, { recursive: true });
  return path;
}

/** Tag and digest of the nth release of a project's only image. */
function release(project: string, n = 0): { tag: string; digest: string } {
  const { digest, tags } = artifacts.projects.find(({ name }) => name === project)!.images[0]!.releases[n]!;
  return { tag: tags[0]!, digest };
}
