/**
 * The redirector in front of a bucket while all registries are stopped: as a container, with a CDN, and what it says of what is missing. What clients pull:
 * client-matrix.test.ts.
 */
import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { after, before, describe, it } from "mocha";
import { buildRedirector } from "../../../redirector/build.ts";
import type { RedirectorConfigInput } from "../../../redirector/config.ts";
import { manifestKey } from "../../../redirector/object-paths.ts";
import { itUnless } from "../../support/annotations.ts";
import { type BucketAlone, startBucketAlone } from "../../support/bucket-alone.ts";
import { startCdn } from "../../support/cdn.ts";
import type { ObjectStores } from "../../support/object-stores.ts";
import { peerPath } from "../../support/peers.ts";
import { podmanIn } from "../../support/podman.ts";
import { freePort } from "../../support/ports.ts";
import { builtPeers } from "../../support/programs.ts";
import { startRedirector } from "../../support/redirector-process.ts";
import { startRegistry } from "../../support/registries.ts";
import { answers, end } from "../../support/seed-servers.ts";

await builtPeers("crane");

const run = promisify(execFile);
const missing = (program: string) => (existsSync(program) ? undefined : `${program} is not installed`);

describe("the redirector in front of a bucket alone", () => {
  let bucket: BucketAlone;
  let stores: ObjectStores;
  let config: RedirectorConfigInput;
  let host: string;
  let env: NodeJS.ProcessEnv;
  let image: BucketAlone["image"];
  /** The digest of `demo/files:v1`. */
  let files: string;

  before(async () => {
    bucket = await startBucketAlone();
    files = bucket.files.index;
    ({ stores, config, host, env, image } = bucket);
  });
  after(() => bucket?.stop());

  const call = async (program: string, ...args: string[]) =>
    (await run(program, args, { env, cwd: stores.folder, maxBuffer: 1 << 24 })).stdout.trim();

  const noPodman = process.getuid?.() === 0 ? missing("/usr/bin/podman") : "podman needs root here";

  itUnless(
    noPodman,
    "the redirector as a container, by the lines of docs/operating.md, serves the same pulls",
    async () => {
      const registry = await startRegistry("olareg");
      try {
        const own = `${registry.host}/redirector:test`;
        const crane = await peerPath("crane");
        const base = `${registry.host}/base:v1`;
        await pushLibraries(crane, base, stores.folder);
        const { archive } = await buildRedirector();
        const page = await readFile(join(import.meta.dirname, "../../../docs/operating.md"), "utf8");
        const lines =
          /```sh skip="[^"]+"\n(crane append [^`]+)```/.exec(page)?.[1]?.replaceAll("\\\n", "").trim().split("\n") ??
          [];
        const port = await freePort();
        await writeFile(join(stores.folder, "redirector.json"), JSON.stringify(config));
        const [append, mutate, run] = lines
          .slice(-3)
          .map((line) =>
            line
              .replace("gcr.io/distroless/cc-debian12", base)
              .replace("redirector/dist/redirector.tar.gz", archive)
              .replaceAll("ghcr.io/acme/redirector:1", own)
              .trim()
              .split(/\s+/),
          ) as [string[], string[], string[]];
        assert.deepEqual([append[0], mutate[0], run[0]], ["crane", "crane", "docker"]);
        await call(crane, ...append.slice(1));
        await call(crane, ...mutate.slice(1));
        const podman = podmanIn(join(stores.folder, "podman"));
        // On this machine the network is the host's, and without CAP_SYS_RESOURCE limits can only be lowered.
        const here = [
          "--network",
          "host",
          "--ulimit",
          "nofile=4096:4096",
          "--ulimit",
          "nproc=4096:4096",
          "--env",
          `PORT=${port}`,
          "--tls-verify=false",
        ];
        const given = run.slice(2).map((word) => word.replace("$PWD/", `${stores.folder}/`).replaceAll('"', ""));
        // Apart, since a busy machine takes its time to unpack it.
        await call("podman", ...podman, "pull", "--tls-verify=false", own);
        const container = spawn("podman", [...podman, "run", "--name", "redirector", ...here, ...given], {
          stdio: ["ignore", "ignore", "inherit"], // why it does not start
          env,
        });
        try {
          await answers(`http://127.0.0.1:${port}/healthz`);
          assert.equal(await call(crane, "digest", `127.0.0.1:${port}/demo/app:v1`), image.index.digest);
        } finally {
          await call("podman", ...podman, "stop", "--ignore", "--time", "10", "redirector");
          await end(container);
        }
      } finally {
        await registry.remove();
      }
    },
  );

  itUnless(
    missing("/usr/sbin/nginx"),
    "through a CDN: digests come from its cache, and what is missing does not stay missing",
    async () => {
      const cdn = await startCdn(`${stores.s3}/images`);
      const mirror = { ...config.imageMirrors![1]!, url: cdn.url };
      const behind = await startRedirector({ config: { ...config, imageMirrors: [mirror] } });
      try {
        const crane = await peerPath("crane");
        const site = `127.0.0.1:${behind.port}`;
        assert.equal(await call(crane, "digest", `${site}/demo/app:v1`), image.index.digest);
        await call(crane, "validate", "--remote", `${site}/demo/files:v1`);
        const immutable = "public, max-age=31536000, immutable";
        await cdn.state(manifestKey("demo/files", files)); // clients came by tag
        assert.deepEqual(await cdn.state(manifestKey("demo/files", files)), [200, "HIT", immutable]);
        assert.deepEqual(await cdn.state(manifestKey("demo/files", "v1")), [200, "HIT", "public, max-age=60"]);
        for (let time = 0; time < 2; time++)
          assert.deepEqual((await cdn.state(manifestKey("demo/files", "later"))).slice(1), ["MISS", null]);
      } finally {
        await behind.stop();
        await cdn.stop();
      }
    },
  );

  it("what a bucket lacks is unknown, as a registry says it; its own 403 reaches no client", async () => {
    const cases: [method: string, path: string, status: number, code: string | undefined][] = [
      ["GET", "/v2/demo/app/manifests/v9", 404, "MANIFEST_UNKNOWN"],
      ["HEAD", "/v2/demo/app/manifests/v9", 404, undefined],
      ["GET", `/v2/demo/app/manifests/sha256:${"0".repeat(64)}`, 404, "MANIFEST_UNKNOWN"],
      ["GET", `/v2/demo/app/blobs/sha256:${"0".repeat(64)}`, 404, "BLOB_UNKNOWN"],
      ["GET", "/v2/demo/none/tags/list", 404, "NAME_UNKNOWN"],
      ["GET", `/v2/demo/none/referrers/sha256:${"0".repeat(64)}`, 200, undefined],
    ];
    for (const [method, path, status, code] of cases) {
      const response = await fetch(`http://${host}${path}`, { method, redirect: "manual" });
      assert.equal(response.status, status, path);
      if (code !== undefined) assert.ok((await response.text()).includes(code), path);
    }
    const head = await fetch(`http://${host}/v2/demo/app/manifests/v1`, { method: "HEAD", redirect: "manual" });
    const { headers } = head;
    assert.deepEqual(
      [head.status, headers.get("docker-content-digest"), headers.get("content-type"), headers.get("content-length")],
      [200, image.index.digest, image.index.mediaType, String(image.index.size)],
    );
  });
});

/** Pushes an image of this machine's C library, the base of what Bun compiles for it. */
async function pushLibraries(crane: string, to: string, folder: string): Promise<void> {
  const listed = (await run("ldd", [process.execPath])).stdout;
  const libraries = [...listed.matchAll(/(\/\S+\.so\.\d+)/g)].map(([, path]) => path!);
  const archive = join(folder, "base.tgz");
  await run("tar", ["-C", "/", "-chzf", archive, ...libraries.map((path) => path.slice(1))]);
  await run(crane, ["append", "--new_layer", archive, "--new_tag", to]);
}
