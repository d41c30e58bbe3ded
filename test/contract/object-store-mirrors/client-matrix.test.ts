/**
 * What clients that nobody here wrote pull from a bucket alone, through the redirector, as a table: a row for each client, a column for each thing. Where a
 * client has no command for it, the cell says so. Cosign's row is test/contract/trust/cosign.test.ts, which verifies from a bucket, too.
 */
import assert from "node:assert/strict";
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { after, before, describe } from "mocha";
import { toolPath } from "../../../local/tools/tools.ts";
import { itUnless } from "../../support/annotations.ts";
import { architectures, type BucketAlone, signatureTag, startBucketAlone } from "../../support/bucket-alone.ts";
import { helmPath, peerPath } from "../../support/peers.ts";
import { podmanIn } from "../../support/podman.ts";
import { builtPeers, builtTools } from "../../support/programs.ts";
import { type Pushed, sha256 } from "../../support/registries.ts";
import { end } from "../../support/seed-servers.ts";

await builtPeers("crane", "oras");
await builtTools("regctl");
const helm = await helmPath();

const run = promisify(execFile);

const things = ["by tag", "by digest", "index", "each platform", "attachments", "a list longer than a page"] as const;
/** A test; or why there is none. */
type Cell = (() => Promise<void>) | string;
type Row = Readonly<Record<(typeof things)[number], Cell>>;

describe("clients that pull from a bucket alone", () => {
  let bucket: BucketAlone;
  /** `demo/chart`: one chart under the versions 1.0.0 to 1.0.119. */
  let chart = "";
  const app = (reference = ":v1") => `${bucket.host}/demo/app${reference}`;
  const digest = () => bucket.image.index.digest;
  const all = () => [bucket.image.index, ...bucket.image.children];

  before(async () => {
    bucket = await startBucketAlone(async (registry, folder) => {
      if (helm === undefined) return "";
      chart = await pushChart(helm, `${registry}/staging/demo`, folder);
      return Array.from({ length: 120 }, (_, n) => `chart:1.0.${n} ${chart}\n`).join("");
    });
  });
  after(async () => {
    if (daemon !== undefined) await end(daemon.child);
    await bucket?.stop();
  });

  const call = async (program: string, ...args: string[]) =>
    (await run(program, args, { env: bucket.env, cwd: bucket.stores.folder, maxBuffer: 1 << 24 })).stdout.trim();
  const folder = () => mkdtemp(join(bucket.stores.folder, "pulled-"));
  const crane = async (...args: string[]) => call(await peerPath("crane"), ...args);
  const regctl = async (...args: string[]) => call(await toolPath("regctl"), ...args);
  const oras = async (...args: string[]) => call(await peerPath("oras"), ...args);
  const skopeo = (...args: string[]) => call("/usr/bin/skopeo", ...args);
  /** Asserts that an OCI layout has these manifests, and every blob that they name. */
  async function hasAll(layout: string, manifests: readonly Pushed[]): Promise<void> {
    const blob = (of: string) => readFile(join(layout, "blobs/sha256", of.slice("sha256:".length)));
    for (const { digest } of manifests) {
      const { config, layers = [] } = JSON.parse((await blob(digest)).toString()) as {
        config?: Pushed;
        layers?: Pushed[];
      };
      for (const each of config ? [config, ...layers] : layers)
        assert.equal(sha256(await blob(each.digest)), each.digest);
    }
  }
  /** Asserts that a folder that skopeo wrote is of this manifest. */
  async function isOf(layout: string, wanted: string | undefined): Promise<void> {
    assert.equal(sha256(await readFile(join(layout, "manifest.json"))), wanted);
  }

  const craneRow: Row = {
    "by tag": async () => assert.equal(await crane("digest", app()), digest()),
    "by digest": async () => assert.equal(await crane("digest", app(`@${digest()}`)), digest()),
    index: async () => {
      for (const reference of [":v1.0", `@${digest()}`]) {
        const layout = await folder();
        await crane("pull", "--format", "oci", app(reference), layout);
        await hasAll(layout, all());
      }
    },
    "each platform": async () => {
      for (const [at, architecture] of architectures.entries())
        assert.equal(
          await crane("digest", "--platform", `linux/${architecture}`, app()),
          bucket.image.children[at]!.digest,
        );
    },
    attachments: async () => {
      const layout = await folder();
      await crane("pull", "--format", "oci", app(`:${signatureTag(bucket)}`), layout);
      await hasAll(layout, [bucket.image.signature]);
    },
    "a list longer than a page": async () =>
      assert.deepEqual((await crane("ls", app(""))).split("\n").sort(), bucket.tags),
  };

  const regctlRow: Row = {
    "by tag": async () => assert.equal(await regctl("manifest", "head", app()), digest()),
    "by digest": async () => assert.equal(await regctl("manifest", "head", app(`@${digest()}`)), digest()),
    index: async () => {
      const layout = await folder();
      await regctl("image", "copy", app(), `ocidir://${layout}:v1`);
      await hasAll(layout, all());
    },
    "each platform": async () => {
      for (const [at, architecture] of architectures.entries())
        assert.equal(
          await regctl("image", "digest", "--platform", `linux/${architecture}`, app()),
          bucket.image.children[at]!.digest,
        );
    },
    attachments: async () => {
      const layout = await folder();
      await regctl("image", "copy", "--referrers", "--digest-tags", app(), `ocidir://${layout}:v1`);
      await hasAll(layout, [...all(), bucket.image.sbom, bucket.image.signature]);
    },
    "a list longer than a page": async () => {
      const listed: string[] = [];
      for (let last = ""; ; last = listed.at(-1)!) {
        const page = await regctl("tag", "ls", "--limit", "50", ...(last === "" ? [] : ["--last", last]), app(""));
        if (page === "") break;
        listed.push(...page.split("\n"));
      }
      assert.deepEqual(listed, bucket.tags);
    },
  };

  const orasRow: Row = {
    "by tag": async () => assert.equal(await oras("resolve", "--plain-http", app()), digest()),
    "by digest": async () => assert.equal(await oras("resolve", "--plain-http", app(`@${digest()}`)), digest()),
    index: async () => {
      const layout = await folder();
      await oras("copy", "--from-plain-http", "--to-oci-layout", app(), `${layout}:v1`);
      await hasAll(layout, all());
    },
    "each platform": async () => {
      for (const [at, architecture] of architectures.entries())
        assert.equal(
          await oras("resolve", "--plain-http", "--platform", `linux/${architecture}`, app()),
          bucket.image.children[at]!.digest,
        );
    },
    attachments: async () => {
      const discover = (reference: string) => oras("discover", "--plain-http", "--format", "json", app(reference));
      assert.ok((await discover(":v1")).includes(bucket.image.sbom.digest));
      assert.ok(!(await discover(`@${bucket.image.children[0]!.digest}`)).includes(bucket.image.sbom.digest));
      const layout = await folder();
      await oras("copy", "--from-plain-http", "-r", "--to-oci-layout", app(), `${layout}:v1`);
      await hasAll(layout, [...all(), bucket.image.sbom]);
    },
    "a list longer than a page": async () =>
      assert.deepEqual((await oras("repo", "tags", "--plain-http", app(""))).split("\n").sort(), bucket.tags),
  };

  const raw = async (reference: string): Promise<string> =>
    sha256(
      Buffer.from(
        (await run("/usr/bin/skopeo", ["inspect", "--raw", "--tls-verify=false", `docker://${app(reference)}`])).stdout,
      ),
    );
  const copied = async (reference: string, ...flags: string[]): Promise<string> => {
    const layout = await folder();
    await skopeo(
      "--insecure-policy",
      ...flags,
      "copy",
      "--all",
      "--src-tls-verify=false",
      `docker://${app(reference)}`,
      `dir:${layout}`,
    );
    return layout;
  };
  const skopeoRow: Row = {
    "by tag": async () => assert.equal(await raw(":v1"), digest()),
    "by digest": async () => assert.equal(await raw(`@${digest()}`), digest()),
    index: async () => {
      const layout = await copied(`@${digest()}`);
      await isOf(layout, digest());
      for (const child of bucket.image.children)
        assert.equal(
          sha256(await readFile(join(layout, `${child.digest.slice("sha256:".length)}.manifest.json`))),
          child.digest,
        );
    },
    "each platform": async () => {
      for (const [at, architecture] of architectures.entries()) {
        const layout = await folder();
        const platform = ["--override-os=linux", `--override-arch=${architecture}`];
        await skopeo(
          "--insecure-policy",
          ...platform,
          "copy",
          "--src-tls-verify=false",
          `docker://${app()}`,
          `dir:${layout}`,
        );
        await isOf(layout, bucket.image.children[at]?.digest);
      }
    },
    attachments: async () => isOf(await copied(`:${signatureTag(bucket)}`), bucket.image.signature.digest),
    "a list longer than a page": async () => {
      const listed = JSON.parse(await skopeo("list-tags", "--tls-verify=false", `docker://${app("")}`)) as {
        Tags: string[];
      };
      assert.deepEqual(listed.Tags.sort(), bucket.tags);
    },
  };

  let daemon: { child: ChildProcess; socket: string; hosts: string } | undefined;
  /** Its hosts.toml sends registry.example.org to the redirector. */
  async function ctr(...args: string[]): Promise<string> {
    daemon ??= await startContainerd(await folder(), bucket.host);
    return call("/usr/bin/ctr", "--connect-timeout", "20s", "--address", daemon.socket, ...args);
  }
  /** Fetches, and asserts that the store then has these manifests. */
  async function fetched(reference: string, manifests: readonly Pushed[], ...flags: string[]): Promise<void> {
    await ctr("version");
    await ctr("content", "fetch", ...flags, "--hosts-dir", daemon!.hosts, `registry.example.org/demo/app${reference}`);
    const there = await ctr("content", "ls", "--quiet");
    for (const { digest } of manifests) assert.ok(there.includes(digest), digest);
  }
  const containerdRow: Row = {
    "by tag": () => fetched(":v1", [bucket.image.index]),
    "by digest": () => fetched(`@${digest()}`, [bucket.image.index]),
    index: () => fetched(":v1.0", all(), "--all-platforms"),
    "each platform": async () => {
      for (const [at, architecture] of architectures.entries())
        await fetched(":build-1", [bucket.image.children[at]!], "--platform", `linux/${architecture}`);
    },
    attachments: () => fetched(`:${signatureTag(bucket)}`, [bucket.image.signature], "--all-platforms"),
    "a list longer than a page": "containerd lists no tags",
  };

  const podman = (...args: string[]) =>
    call("/usr/bin/podman", ...podmanIn(join(bucket.stores.folder, "podman")), ...args);
  const pulled = async (reference: string, architecture: string): Promise<string> => {
    const name = `${bucket.host}/demo/files${reference}`;
    const id = await podman("pull", "--quiet", "--tls-verify=false", "--platform", `linux/${architecture}`, name);
    return podman("image", "inspect", "--format", "{{.Architecture}} {{.RepoDigests}}", id);
  };
  const podmanRow: Row = {
    "by tag": async () => assert.ok((await pulled(":v1", "amd64")).includes(bucket.files.children[0]!)),
    "by digest": async () => assert.ok((await pulled(`@${bucket.files.index}`, "amd64")).includes(bucket.files.index)),
    index: "its `manifest inspect` asks by https alone; what it pulls by digest is an index",
    "each platform": async () => {
      for (const architecture of architectures)
        assert.match(await pulled(":v1", architecture), new RegExp(`^${architecture} `));
    },
    attachments: "podman pulls none: its `image trust` reads signatures of another kind",
    "a list longer than a page": async () => {
      const listed = await podman(
        "search",
        "--tls-verify=false",
        "--list-tags",
        "--limit",
        "1000",
        "--no-trunc",
        app(""),
      );
      const listedTags = listed.split("\n").map((line) => line.trim().split(/\s+/).at(-1));
      assert.deepEqual(listedTags.filter((tag) => tag !== "TAG").sort(), bucket.tags);
    },
  };

  const chartRow = async (reference: string, ...flags: string[]): Promise<string[]> => {
    const layout = await folder();
    await call(
      helm!,
      "pull",
      "--plain-http",
      ...flags,
      "--destination",
      layout,
      `oci://${bucket.host}/demo/chart${reference}`,
    );
    return readdir(layout);
  };
  const helmRow: Row = {
    "by tag": async () => assert.equal((await chartRow("", "--version", "1.0.0")).length, 1),
    "by digest": async () => assert.equal((await chartRow(`@${chart}`)).length, 1),
    index: "a chart is one manifest",
    "each platform": "a chart is of no platform",
    attachments: "a chart's provenance is one of its layers",
    // Helm looks for the newest version that fits in the list of tags.
    "a list longer than a page": async () => assert.equal((await chartRow("", "--version", "^1.0.5")).length, 1),
  };

  const missing = (program: string) => (existsSync(program) ? undefined : `${program} is not installed`);
  const asRoot = (program: string) => (process.getuid?.() === 0 ? missing(program) : `${program} needs root here`);
  const noHelm =
    helm === undefined
      ? "helm is not built, which takes minutes: ARTIFACTS_BUILD_HELM=1 npm test -- client-matrix builds it"
      : undefined;
  for (const [client, row, unless] of [
    ["crane", craneRow, undefined],
    ["regctl", regctlRow, undefined],
    ["oras", orasRow, undefined],
    ["skopeo", skopeoRow, missing("/usr/bin/skopeo")],
    ["containerd, by hosts.toml", containerdRow, asRoot("/usr/bin/containerd")],
    ["podman", podmanRow, asRoot("/usr/bin/podman")],
    ["helm", helmRow, noHelm],
  ] as const) {
    describe(client, () => {
      for (const thing of things) {
        const cell = row[thing];
        if (typeof cell !== "string") itUnless(unless, thing, cell);
      }
    });
  }
});

/** Pushes a chart. @returns its digest. */
async function pushChart(helm: string, to: string, folder: string): Promise<string> {
  const env = { PATH: process.env["PATH"], HOME: folder };
  const source = join(folder, "chart");
  await mkdir(source);
  await writeFile(join(source, "Chart.yaml"), "apiVersion: v2\nname: chart\nversion: 1.0.0\n");
  await run(helm, ["package", source, "--destination", folder], { env });
  const { stdout, stderr } = await run(helm, ["push", "--plain-http", join(folder, "chart-1.0.0.tgz"), `oci://${to}`], {
    env,
  });
  const [, digest = ""] = /Digest: (sha256:[0-9a-f]{64})/.exec(stdout + stderr) ?? [];
  return digest;
}

async function startContainerd(
  home: string,
  to: string,
): Promise<{ child: ChildProcess; socket: string; hosts: string }> {
  const hosts = join(home, "hosts");
  await mkdir(join(hosts, "registry.example.org"), { recursive: true });
  const capabilities = `[host."http://${to}"]\n  capabilities = ["pull", "resolve"]\n`;
  await writeFile(join(hosts, "registry.example.org", "hosts.toml"), capabilities);
  const socket = join(home, "containerd.sock");
  const flags = ["--root", join(home, "root"), "--state", join(home, "state"), "--address", socket];
  const config = join(home, "config.toml");
  const disabled = 'version = 2\ndisabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.internal.v1.opt"]\n';
  await writeFile(config, disabled);
  return { child: spawn("/usr/bin/containerd", ["--config", config, ...flags], { stdio: "ignore" }), socket, hosts };
}
