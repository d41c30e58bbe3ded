import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { promisify } from "node:util";
import { PutObjectCommand } from "@aws-sdk/client-s3";
import { after, before, describe, it } from "mocha";
import { toolPath } from "../../local/tools/tools.ts";
import { buildTable } from "../../redirector/cloud-ranges/build.ts";
import { skip } from "../support/annotations.ts";
import { type ObjectStores, startObjectStores } from "../support/object-stores.ts";
import { peerPath } from "../support/peers.ts";
import { podmanIn } from "../support/podman.ts";
import { freePort } from "../support/ports.ts";
import { builtPeers, builtTools } from "../support/programs.ts";
import { type RunningRedirector, startRedirector } from "../support/redirector-process.ts";
import { answers, end } from "../support/seed-servers.ts";

await builtPeers("crane", "oras");
await builtTools("regctl", "olareg");

const run = promisify(execFile);

/**
 * Clients that nobody here wrote, pulling through the redirector from real registries and buckets. The clients run on this machine,
 * so the table of ranges says that this machine is in AWS: then layers come from the bucket that holds them.
 */
describe("third-party clients through the redirector", () => {
  let stores: ObjectStores;
  let registries: { near: string; far: string };
  const stops: (() => Promise<unknown>)[] = [];
  let redirector: RunningRedirector;
  let host: string;
  let digest: string;
  let layers: { digest: string; size: number }[];
  let crane: string;
  let oras: string;
  let regctl: string;
  let env: NodeJS.ProcessEnv;

  before(async () => {
    [crane, oras, regctl] = await Promise.all([peerPath("crane"), peerPath("oras"), toolPath("regctl")]);
    stores = await startObjectStores();
    stops.push(() => stores.stop());
    env = { PATH: process.env["PATH"], HOME: stores.folder };
    registries = { near: await startRegistry("near"), far: await startRegistry("far") };

    // Two layers, in both registries; a referrer and a signature tag; one of the layers also in the bucket.
    for (const name of ["one", "two"]) {
      const content = path.join(stores.folder, name);
      await mkdir(content);
      await writeFile(path.join(content, `${name}.txt`), name.repeat(50_000));
      await run("tar", ["-C", content, "-cf", `${content}.tar`, "."]);
    }
    const image = `${registries.far}/p/images/demo/app`;
    await run(
      crane,
      [
        "append",
        "--oci-empty-base",
        "-f",
        `${stores.folder}/one.tar`,
        "-f",
        `${stores.folder}/two.tar`,
        "-t",
        `${image}:1.0`,
      ],
      { env },
    );
    digest = (await run(crane, ["digest", `${image}:1.0`], { env })).stdout.trim();
    const manifest = JSON.parse((await run(crane, ["manifest", `${image}:1.0`], { env })).stdout) as {
      layers: typeof layers;
    };
    layers = manifest.layers;
    await writeFile(path.join(stores.folder, "sbom.json"), "{}");
    await run(oras, ["attach", "--plain-http", "--artifact-type", "example/sbom", `${image}:1.0`, "sbom.json"], {
      env,
      cwd: stores.folder,
    });
    await run(crane, ["tag", `${image}:1.0`, `${digest.replace(":", "-")}.sig`], { env });
    for (const registry of Object.values(registries))
      await run(regctl, ["registry", "set", "--tls", "disabled", registry], { env });
    await run(
      regctl,
      ["image", "copy", "--referrers", "--digest-tags", `${image}:1.0`, `${registries.near}/p/images/demo/app:1.0`],
      { env },
    );

    await stores.makeBucket("s3", "mirror");
    await stores.letAllRead("mirror");
    const held = layers[0]!.digest;
    const blob = await fetch(`http://${registries.far}/v2/p/images/demo/app/blobs/${held}`);
    const Body = Buffer.from(await blob.arrayBuffer());
    await stores.s3Client.send(new PutObjectCommand({ Bucket: "mirror", Key: `containers/images/${held}`, Body }));
    await stores.s3Client.send(
      new PutObjectCommand({ Bucket: "mirror", Key: "binaries/demo/v1.0+x/tool", Body: "the tool" }),
    );

    const table = path.join(stores.folder, "ranges");
    const aws = { prefixes: [{ ip_prefix: "127.0.0.0/8", region: "eu-west-3" }], ipv6_prefixes: [] };
    await writeFile(table, buildTable({ aws: JSON.stringify(aws) }).bytes);
    const mirror = (name: string, url: string, latitude: number, longitude: number) => ({
      name,
      url,
      region: name,
      latitude,
      longitude,
    });
    redirector = await startRedirector({
      ranges: table,
      config: {
        host: "artifacts.example.dev",
        region: { name: "us-central1", latitude: 41.26, longitude: -95.86 },
        imageMirrors: [
          { ...mirror("far", `http://${registries.far}/v2/p/images`, 41.26, -95.86), cloud: "gcp" },
          { ...mirror("near", `http://${registries.near}/v2/p/images`, 50.45, 3.82), cloud: "gcp" },
        ],
        fileMirrors: [{ ...mirror("eu-west-3", `${stores.s3}/mirror`, 48.86, 2.35), cloud: "aws", layers: true }],
      },
    });
    stops.unshift(() => redirector.stop());
    host = `127.0.0.1:${redirector.port}`;
    await run(regctl, ["registry", "set", "--tls", "disabled", host], { env });
  });

  after(async () => {
    for (const stop of stops) await stop();
  });

  it("crane: by tag and by digest, layers from their mirror", async () => {
    assert.equal((await run(crane, ["digest", `${host}/demo/app:1.0`], { env })).stdout.trim(), digest);
    assert.deepEqual((await run(crane, ["ls", `${host}/demo/app`], { env })).stdout.trim().split("\n").sort(), [
      "1.0",
      `${digest.replace(":", "-")}.sig`,
    ]);
    for (const reference of [":1.0", `@${digest}`]) {
      const folder = path.join(stores.folder, `crane${reference.length}`);
      await run(crane, ["pull", "--format", "oci", `${host}/demo/app${reference}`, folder], { env });
      for (const layer of layers)
        await assertContent(path.join(folder, "blobs/sha256", layer.digest.slice(7)), layer.digest);
    }
    const served = await mirrorsOf(/\/blobs\//);
    assert.ok(served.has("eu-west-3"), "the layer that the bucket holds");
    assert.ok(served.has("near"), "the layer that it does not");
    assert.ok(!served.has("far"));
  });

  it("regctl: manifests, the image with its referrers, a blob", async () => {
    assert.equal((await run(regctl, ["manifest", "head", `${host}/demo/app:1.0`], { env })).stdout.trim(), digest);
    const folder = path.join(stores.folder, "regctl");
    await run(
      regctl,
      ["image", "copy", "--referrers", "--digest-tags", `${host}/demo/app@${digest}`, `ocidir://${folder}`],
      { env },
    );
    const listed = (
      await run(
        regctl,
        ["artifact", "list", `${host}/demo/app@${digest}`, "--format", "{{ (index .Descriptors 0).ArtifactType }}"],
        { env },
      )
    ).stdout;
    assert.equal(listed.trim(), "example/sbom");
    const index = JSON.parse(await readFile(path.join(folder, "index.json"), "utf8")) as {
      manifests: { digest: string }[];
    };
    assert.ok(index.manifests.some((each) => each.digest === digest));
    const blob = (
      await run(regctl, ["blob", "get", `${host}/demo/app`, layers[0]!.digest], {
        env,
        encoding: "buffer",
        maxBuffer: 1 << 26,
      })
    ).stdout;
    assert.equal(`sha256:${createHash("sha256").update(blob).digest("hex")}`, layers[0]!.digest);
  });

  it("oras: tags, referrers by type, and the artifact", async () => {
    const tags = (await run(oras, ["repo", "tags", "--plain-http", `${host}/demo/app`], { env })).stdout;
    assert.ok(tags.split("\n").includes("1.0"));
    const found = await run(
      oras,
      ["discover", "--plain-http", "--artifact-type", "example/sbom", "--format", "json", `${host}/demo/app:1.0`],
      { env },
    );
    const { referrers = [], manifests = [] } = JSON.parse(found.stdout) as Record<string, { digest: string }[]>;
    const sbom = [...referrers, ...manifests][0]?.digest;
    assert.ok(sbom);
    const none = await run(
      oras,
      ["discover", "--plain-http", "--artifact-type", "other/type", "--format", "json", `${host}/demo/app:1.0`],
      { env },
    );
    assert.ok(!none.stdout.includes(sbom));
    const folder = path.join(stores.folder, "oras");
    await run(oras, ["pull", "--plain-http", "-o", folder, `${host}/demo/app@${sbom}`], { env });
    assert.equal(await readFile(path.join(folder, "sbom.json"), "utf8"), "{}");
  });

  it("skopeo: copies a complete image", async function () {
    const found = await run("skopeo", ["--version"]).catch(() => undefined);
    if (!found) {
      console.warn("SKIPPED: skopeo through the redirector, as skopeo is not installed (apt-get install skopeo)");
      skip(this, "skopeo is not installed");
      return;
    }
    const folder = path.join(stores.folder, "skopeo");
    await run(
      "skopeo",
      ["--insecure-policy", "copy", "--src-tls-verify=false", `docker://${host}/demo/app:1.0`, `dir:${folder}`],
      { env },
    );
    for (const layer of layers) await assertContent(path.join(folder, layer.digest.slice(7)), layer.digest);
  });

  it("podman: pulls by tag and by digest", async function () {
    if (!(await run("podman", ["--version"]).catch(() => undefined))) {
      console.warn("SKIPPED: podman through the redirector, as podman is not installed (apt-get install podman)");
      skip(this, "podman is not installed");
      return;
    }
    const store = podmanIn(path.join(stores.folder, "podman"));
    const podman = async (...args: string[]) => (await run("podman", [...store, ...args], { env })).stdout.trim();
    for (const reference of [`${host}/demo/app:1.0`, `${host}/demo/app@${digest}`]) {
      const id = await podman("pull", "--quiet", "--tls-verify=false", reference);
      assert.equal(await podman("image", "inspect", "--format", "{{.Digest}}", id), digest);
    }
    await podman("rmi", "--all", "--force");
  });

  it("containerd with the redirector as mirror in hosts.toml: by tag and by digest", async function () {
    if (!(await run("containerd", ["--version"]).catch(() => undefined))) {
      console.warn("SKIPPED: containerd through the redirector, as it is not installed (apt-get install containerd)");
      skip(this, "containerd is not installed");
      return;
    }
    const folder = path.join(stores.folder, "containerd");
    const hosts = path.join(folder, "certs.d/registry.example.org");
    await mkdir(hosts, { recursive: true });
    await writeFile(
      path.join(hosts, "hosts.toml"),
      `server = "http://127.0.0.1:1"\n[host."http://${host}"]\ncapabilities = ["pull", "resolve"]\n`,
    );
    const address = path.join(folder, "socket");
    const settings = path.join(folder, "config.toml");
    await writeFile(
      settings,
      `version = 2\nroot = "${folder}/root"\nstate = "${folder}/state"\ndisabled_plugins = ["io.containerd.grpc.v1.cri"]\n[grpc]\naddress = "${address}"\n`,
    );
    const daemon = spawn("containerd", ["--config", settings], { stdio: ["ignore", "ignore", "pipe"] });
    let log = "";
    daemon.stderr.on("data", (chunk: Buffer) => (log += chunk.toString()));
    try {
      const ctr = async (...args: string[]): Promise<Buffer> =>
        (await run("ctr", ["--address", address, ...args], { env, encoding: "buffer", maxBuffer: 1 << 26 })).stdout;
      const deadline = Date.now() + 20_000;
      while (!(await ctr("version").catch(() => undefined))) {
        if (Date.now() > deadline || daemon.exitCode !== null) assert.fail(`containerd does not answer:\n${log}`);
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
      for (const reference of [":1.0", `@${digest}`]) {
        const image = `registry.example.org/demo/app${reference}`;
        await ctr("content", "fetch", "--all-platforms", "--hosts-dir", path.dirname(hosts), image);
        for (const layer of layers) {
          const content = await ctr("content", "get", layer.digest);
          assert.equal(`sha256:${createHash("sha256").update(content).digest("hex")}`, layer.digest);
          await ctr("content", "delete", layer.digest);
        }
      }
      // It says which registry it stands for; registries are told, buckets, which obey queries, are not.
      await redirector.logged(/manifests\/1\.0\?ns=registry\.example\.org/);
    } finally {
      await end(daemon);
    }
  });

  it("curl: GET, HEAD and ranges of a file, a range of a layer", async () => {
    const url = `http://${host}/binaries/demo/v1.0+x/tool`;
    assert.equal((await run("curl", ["-sSfL", url])).stdout, "the tool");
    assert.equal((await run("curl", ["-sSfL", "-r", "4-7", url])).stdout, "tool");
    assert.match(
      (await run("curl", ["-sSfIL", url])).stdout,
      /^HTTP\/1.1 307 .*HTTP\/1.1 200 .*content-length: 8\r\n/is,
    );
    for (const { digest: layer, size } of layers) {
      const part = await run("curl", ["-sSfL", "-r", `${size - 10}-`, `http://${host}/v2/demo/app/blobs/${layer}`], {
        encoding: "buffer",
      });
      assert.equal(part.stdout.length, 10);
    }
    const absent = await run("curl", [
      "-s",
      "-o",
      "/dev/null",
      "-L",
      "-w",
      "%{http_code}",
      `http://${host}/binaries/demo/none`,
    ]);
    assert.match(absent.stdout, /^40[34]$/);
  });

  async function startRegistry(name: string): Promise<string> {
    const port = await freePort();
    const folder = path.join(stores.folder, name);
    await mkdir(folder);
    const child = spawn(
      await toolPath("olareg"),
      ["serve", "--addr", "127.0.0.1", "--port", String(port), "--dir", folder],
      { stdio: "ignore" },
    );
    stops.unshift(() => end(child));
    await answers(`http://127.0.0.1:${port}/v2/`);
    return `127.0.0.1:${port}`;
  }

  /** The mirrors to which the redirector, by its log, sent requests whose URL matches. */
  async function mirrorsOf(url: RegExp): Promise<Set<string>> {
    // The log keeps its order: when it tells of this request, it has told of all before.
    await fetch(`http://127.0.0.1:${redirector.port}/v2/last/manifests/x`, { redirect: "manual" });
    await redirector.logged(/\/v2\/last\/manifests\/x/);
    const found = new Set<string>();
    for (const line of redirector.output().trim().split("\n")) {
      const entry = JSON.parse(line) as { mirror?: string; httpRequest?: { requestUrl: string } };
      if (entry.mirror !== undefined && url.test(entry.httpRequest?.requestUrl ?? "")) found.add(entry.mirror);
    }
    return found;
  }
});

async function assertContent(file: string, expected: string): Promise<void> {
  const found = createHash("sha256")
    .update(await readFile(file))
    .digest("hex");
  assert.equal(`sha256:${found}`, expected);
}
