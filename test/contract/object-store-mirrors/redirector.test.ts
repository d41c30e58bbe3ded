/**
 * Clients that nobody here wrote pull from a bucket alone, through the redirector: what the engine promoted is in versitygw, and all registries
 * are stopped, also the canonical mirror that the redirector knows.
 */
import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { after, before, describe, it } from "mocha";
import { imagePromotion } from "../../../components/promotion/images/images.ts";
import type { ImagesRequest } from "../../../components/promotion/run/request.ts";
import { storeAddress } from "../../../components/promotion/run/store-address.ts";
import { toolPath } from "../../../local/tools/tools.ts";
import { buildRedirector } from "../../../redirector/build.ts";
import type { RedirectorConfigInput } from "../../../redirector/config.ts";
import { manifestKey } from "../../../redirector/object-paths.ts";
import { itUnless } from "../../support/annotations.ts";
import { startCdn } from "../../support/cdn.ts";
import { type ObjectStores, startObjectStores } from "../../support/object-stores.ts";
import { peerPath } from "../../support/peers.ts";
import { podmanIn } from "../../support/podman.ts";
import { freePort } from "../../support/ports.ts";
import { builtPeers, builtTools } from "../../support/programs.ts";
import { type RunningRedirector, startRedirector } from "../../support/redirector-process.ts";
import { type Pushed, Pusher, sha256, startRegistry, type TestRegistry } from "../../support/registries.ts";
import { answers, end } from "../../support/seed-servers.ts";

await builtPeers("crane", "oras");
await builtTools("regctl");

const run = promisify(execFile);
const missing = (program: string) => (existsSync(program) ? undefined : `${program} is not installed`);

describe("third-party clients pull from a bucket alone", () => {
  let stores: ObjectStores;
  let redirector: RunningRedirector;
  let config: RedirectorConfigInput;
  let host: string;
  /** An image with files in it, which podman unpacks. */
  let files: string;
  let env: NodeJS.ProcessEnv;
  let image: { index: Pushed; children: Pushed[]; sbom: Pushed; signature: Pushed };
  const signatureTag = () => `${image.index.digest.replace(":", "-")}.sig`;
  const tags = ["v1", "v1.0", ...Array.from({ length: 120 }, (_, n) => `build-${n}`)];

  before(async () => {
    let registry: TestRegistry;
    [stores, registry] = await Promise.all([startObjectStores(), startRegistry("olareg")]);
    const at = new Pusher(registry.host, "staging/demo/app");
    const children = [await at.image(), await at.image()];
    const index = await at.index(children);
    image = { index, children, sbom: await at.image({ subject: index }), signature: await at.signature(index) };
    files = await pushFiles(await peerPath("crane"), `${registry.host}/staging/demo/files:v1`, stores.folder);
    await stores.makeBucket("s3", "images");
    await stores.letAllRead("images");
    const request: ImagesRequest = {
      project: "demo",
      images: [...tags.map((tag) => `app:${tag} ${index.digest}\n`), `files:v1 ${files}\n`].join(""),
      prefix: "demo",
      staging: `${registry.host}/staging/demo`,
      mirrors: [
        { name: "canonical", repository: `${registry.host}/p/images` },
        { name: "s3", repository: storeAddress({ kind: "s3", bucket: "images", region: "us-east-1" }) },
      ],
      layerMirrors: [],
      mutableTags: [],
      removalShare: 1,
      storage: { s3Endpoint: stores.s3, s3UsePathStyle: true },
    };
    const promotion = imagePromotion();
    const { failures } = await promotion.promote(request, undefined, {
      signal: new AbortController().signal,
      report: () => {},
    });
    await promotion.close();
    assert.deepEqual(failures, []);
    await registry.remove();

    const place = { latitude: 41.26, longitude: -95.86 };
    config = {
      host: "artifacts.example.dev",
      region: { name: "us-central1", ...place },
      health: { intervalSeconds: 0.1, recheckSeconds: 0.05, unhealthyAfter: 1 },
      imageMirrors: [
        {
          name: "canonical",
          url: `http://${registry.host}/v2/p/images`,
          cloud: "gcp",
          region: "us-central1",
          ...place,
        },
        { name: "s3", kind: "objects", url: `${stores.s3}/images`, cloud: "aws", region: "us-east-1", ...place },
      ],
    };
    redirector = await startRedirector({ config });
    await redirector.logged(/mirror canonical is unhealthy/);
    host = `127.0.0.1:${redirector.port}`;
    env = { PATH: process.env["PATH"], HOME: stores.folder };
    await run(await toolPath("regctl"), ["registry", "set", "--tls", "disabled", host], { env });
  });
  after(async () => {
    await redirector?.stop();
    await stores?.stop();
  });

  const call = async (program: string, ...args: string[]) =>
    (await run(program, args, { env, cwd: stores.folder, maxBuffer: 1 << 24 })).stdout.trim();
  const folder = () => mkdtemp(join(stores.folder, "pulled-"));
  /** Asserts that an OCI layout has these manifests. */
  async function hasAll(layout: string, ...all: Pushed[]): Promise<void> {
    for (const { digest } of all) await readFile(join(layout, "blobs/sha256", digest.slice("sha256:".length)));
  }

  it("crane: tag, digest, index, platform, list", async () => {
    const crane = await peerPath("crane");
    const { index, children } = image;
    assert.equal(await call(crane, "digest", `${host}/demo/app:v1`), index.digest);
    assert.equal(await call(crane, "digest", `${host}/demo/app@${index.digest}`), index.digest);
    assert.equal(await call(crane, "digest", "--platform", "linux/arm64", `${host}/demo/app:v1`), children[1]!.digest);
    assert.deepEqual(
      (await call(crane, "ls", `${host}/demo/app`)).split("\n").sort(),
      [...tags, signatureTag()].sort(),
    );
    for (const reference of [":v1.0", `@${index.digest}`]) {
      const layout = await folder();
      await call(crane, "pull", "--format", "oci", `${host}/demo/app${reference}`, layout);
      await hasAll(layout, index, ...children);
    }
  });

  it("regctl: the image with its referrers and signature, and lists page by page", async () => {
    const regctl = await toolPath("regctl");
    assert.equal(await call(regctl, "manifest", "head", `${host}/demo/app:v1`), image.index.digest);
    const layout = await folder();
    const [from, to] = [`${host}/demo/app:v1`, `ocidir://${layout}:v1`];
    await call(regctl, "image", "copy", "--referrers", "--digest-tags", from, to);
    await hasAll(layout, image.index, ...image.children, image.sbom, image.signature);
    const page = await call(regctl, "tag", "ls", "--limit", "50", `${host}/demo/app`);
    assert.ok(page.split("\n").length >= 50);
  });

  it("oras: tags, resolve, referrers, and what has none", async () => {
    const oras = await peerPath("oras");
    assert.equal(await call(oras, "resolve", "--plain-http", `${host}/demo/app:v1`), image.index.digest);
    const discover = (reference: string) => call(oras, "discover", "--plain-http", "--format", "json", reference);
    assert.ok((await discover(`${host}/demo/app:v1`)).includes(image.sbom.digest));
    assert.ok(!(await discover(`${host}/demo/app@${image.children[0]!.digest}`)).includes(image.sbom.digest));
    const layout = await folder();
    await call(oras, "copy", "--from-plain-http", "-r", "--to-oci-layout", `${host}/demo/app:v1`, `${layout}:v1`);
    await hasAll(layout, image.index, ...image.children, image.sbom);
  });

  itUnless(missing("/usr/bin/skopeo"), "skopeo: inspect, copy of all platforms", async () => {
    const insecure = ["--tls-verify=false", "--override-os=linux", "--override-arch=arm64"];
    const listed = await call("skopeo", "list-tags", "--tls-verify=false", `docker://${host}/demo/app`);
    assert.deepEqual((JSON.parse(listed) as { Tags: string[] }).Tags.sort(), [...tags, signatureTag()].sort());
    const raw = await call("skopeo", "inspect", "--raw", insecure[0]!, `docker://${host}/demo/app:v1`);
    assert.equal((JSON.parse(raw) as { manifests: unknown[] }).manifests.length, 2);
    const layout = await folder();
    const copy = ["--insecure-policy", "copy", "--all", "--src-tls-verify=false"];
    await call("skopeo", ...copy, `docker://${host}/demo/app@${image.index.digest}`, `dir:${layout}`);
    assert.equal(sha256(await readFile(join(layout, "manifest.json"))), image.index.digest);
    for (const { digest } of image.children)
      assert.equal(sha256(await readFile(join(layout, `${digest.slice("sha256:".length)}.manifest.json`))), digest);
  });

  itUnless(
    process.getuid?.() === 0 ? missing("/usr/bin/containerd") : "containerd needs root",
    "containerd: by hosts.toml, tag and digest, all platforms",
    async () => {
      const home = await folder();
      const hosts = join(home, "hosts", "registry.example.org");
      await mkdir(hosts, { recursive: true });
      await writeFile(join(hosts, "hosts.toml"), `[host."http://${host}"]\n  capabilities = ["pull", "resolve"]\n`);
      const socket = join(home, "containerd.sock");
      const flags = ["--root", join(home, "root"), "--state", join(home, "state"), "--address", socket];
      const config = join(home, "config.toml");
      await writeFile(
        config,
        'version = 2\ndisabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.internal.v1.opt"]\n',
      );
      const daemon = spawn("/usr/bin/containerd", ["--config", config, ...flags], { stdio: "ignore" });
      try {
        const ctr = (...args: string[]) =>
          call("/usr/bin/ctr", "--connect-timeout", "20s", "--address", socket, ...args);
        for (const reference of [":v1", `@${image.index.digest}`]) {
          const name = `registry.example.org/demo/app${reference}`;
          await ctr("content", "fetch", "--all-platforms", "--hosts-dir", join(home, "hosts"), name);
          assert.ok((await ctr("images", "ls", `name==${name}`)).includes(image.index.digest), name);
        }
      } finally {
        await end(daemon);
      }
    },
  );

  const noPodman = process.getuid?.() === 0 ? missing("/usr/bin/podman") : "podman needs root here";

  itUnless(noPodman, "podman: pull by tag and digest", async () => {
    const podman = podmanIn(join(stores.folder, "podman"));
    for (const reference of [":v1", `@${files}`])
      await call("podman", ...podman, "pull", "--tls-verify=false", `${host}/demo/files${reference}`);
    const digests = await call("podman", ...podman, "images", "--format", "{{.Digest}}", `${host}/demo/files`);
    assert.ok(digests.includes(files));
  });

  itUnless(
    noPodman,
    "the redirector as a container, by the lines of docs/operating.md, serves the same pulls",
    async function () {
      this.timeout(180_000);
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
        const container = spawn("podman", [...podman, "run", "--name", "redirector", ...here, ...given], {
          stdio: "ignore",
          env,
        });
        try {
          await answers(`http://127.0.0.1:${port}/healthz`);
          assert.equal(await call(crane, "digest", `127.0.0.1:${port}/demo/app:v1`), image.index.digest);
        } finally {
          await call("podman", ...podman, "stop", "--time", "10", "redirector");
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

/** Pushes an image of one small file. @returns its digest. */
async function pushFiles(crane: string, to: string, folder: string): Promise<string> {
  const layer = join(folder, "layer");
  await mkdir(layer);
  await writeFile(join(layer, "hello"), "hello");
  await run("tar", ["-C", layer, "-czf", `${layer}.tgz`, "."]);
  await run(crane, ["append", "--new_layer", `${layer}.tgz`, "--new_tag", to]);
  return (await run(crane, ["digest", to])).stdout.trim();
}

/** Pushes an image of this machine's C library, the base of what Bun compiles for it. */
async function pushLibraries(crane: string, to: string, folder: string): Promise<void> {
  const listed = (await run("ldd", [process.execPath])).stdout;
  const libraries = [...listed.matchAll(/(\/\S+\.so\.\d+)/g)].map(([, path]) => path!);
  const archive = join(folder, "base.tgz");
  await run("tar", ["-C", "/", "-chzf", archive, ...libraries.map((path) => path.slice(1))]);
  await run(crane, ["append", "--new_layer", archive, "--new_tag", to]);
}
