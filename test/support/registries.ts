/** Real registries for tests, two kinds that others wrote, and the means to fill and read them that know nothing of the code under test. */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { toolPath } from "../../local/tools/tools.ts";
import { afterFile } from "./cleanup.ts";
import { type Peer, peerPath } from "./peers.ts";
import { freePort } from "./ports.ts";
import { builtPeers, builtTools } from "./programs.ts";
import { answers, end } from "./seed-servers.ts";

await builtTools("olareg");
await builtPeers("registry", "crane");

/**
 * `olareg` has the referrers API and uploads in one POST; `distribution`, the reference implementation, has neither. `distribution2` is its 2.8
 * line, which cannot remove a tag alone: who starts one has it built (`builtPeers`). `crane` is crane's own, which forgets everything when it stops.
 */
export type RegistryKind = "olareg" | "distribution" | "distribution2" | "crane";

/** A registry that runs. */
export interface TestRegistry {
  /** `127.0.0.1:<port>` */
  readonly host: string;
  /** Where its files are. */
  readonly folder: string;
  /** Stops it; what it holds stays. */
  stop(): Promise<void>;
  /** Starts it again on the same port, with what it held. */
  start(): Promise<void>;
  /** Stops it for ever. */
  remove(): Promise<void>;
}

/** Starts a registry; resolves when it answers. @param flags more of olareg's. */
export async function startRegistry(kind: RegistryKind, flags: readonly string[] = []): Promise<TestRegistry> {
  const folder = await mkdtemp(join(tmpdir(), `artifacts-${kind}-`));
  const port = await freePort();
  const host = `127.0.0.1:${port}`;
  const [program, args] = await {
    olareg: () => olareg(folder, port, flags),
    distribution: () => distribution(folder, host, "registry"),
    distribution2: () => distribution(folder, host, "distribution2"),
    crane: async (): Promise<[string, string[]]> => [await peerPath("crane"), ["registry", "serve", "--address", host]],
  }[kind]();
  let child: ChildProcess | undefined;
  const stop = async () => {
    if (child) await end(child);
    child = undefined;
  };
  const start = async () => {
    child = spawn(program, args, { stdio: "ignore" });
    try {
      await answers(`http://${host}/v2/`, [200, 401]);
    } catch (error) {
      await stop();
      throw error;
    }
  };
  afterFile(stop);
  await start();
  return {
    host,
    folder,
    stop,
    start,
    async remove() {
      await stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function olareg(folder: string, port: number, flags: readonly string[]): Promise<[string, string[]]> {
  const at = ["--addr", "127.0.0.1", "--port", `${port}`, "--dir", folder];
  const rights = ["--api-delete", "--api-blob-delete", "--gc-frequency", "24h"];
  return [await toolPath("olareg"), ["serve", ...at, ...rights, ...flags]];
}

async function distribution(folder: string, host: string, program: Peer): Promise<[string, string[]]> {
  const config = join(folder, "config.yaml");
  const text = `version: 0.1
log: {level: error, accesslog: {disabled: true}}
storage: {filesystem: {rootdirectory: ${join(folder, "data")}}, delete: {enabled: true}}
http: {addr: "${host}"}
${program === "distribution2" ? "compatibility: {schema1: {enabled: true}}" : ""}
`;
  await mkdir(join(folder, "data"));
  await writeFile(config, text);
  return [await peerPath(program), ["serve", config]];
}

/** Content that a test has put into a registry. */
export interface Pushed {
  readonly digest: string;
  readonly size: number;
  readonly mediaType: string;
}

/** `sha256:<hex>` of bytes. */
export function sha256(bytes: Uint8Array): string {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}

/** Puts things into one repository of a registry, by the plainest requests of the distribution spec. */
export class Pusher {
  readonly #base: string;

  constructor(host: string, repository: string) {
    this.#base = `http://${host}/v2/${repository}`;
  }

  async blob(bytes: Uint8Array): Promise<Pushed> {
    const digest = sha256(bytes);
    const begun = await fetch(`${this.#base}/blobs/uploads/`, { method: "POST" });
    if (begun.status !== 202) throw new Error(`${this.#base}: upload: ${begun.status}`);
    const to = new URL(begun.headers.get("location")!, begun.url);
    to.searchParams.set("digest", digest);
    const put = await fetch(to, {
      method: "PUT",
      body: Buffer.from(bytes),
      headers: { "content-type": "application/octet-stream" },
    });
    if (put.status !== 201) throw new Error(`${to}: ${put.status} ${await put.text()}`);
    return { digest, size: bytes.length, mediaType: "application/vnd.oci.image.layer.v1.tar+gzip" };
  }

  async manifest(content: Record<string, unknown>, tags: readonly string[] = []): Promise<Pushed> {
    const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, ...content }));
    const digest = sha256(bytes);
    const mediaType = String(content["mediaType"]);
    for (const reference of [digest, ...tags]) {
      const put = await fetch(`${this.#base}/manifests/${reference}`, {
        method: "PUT",
        body: bytes,
        headers: { "content-type": mediaType },
      });
      if (put.status !== 201) throw new Error(`${put.url}: ${put.status} ${await put.text()}`);
    }
    return { digest, size: bytes.length, mediaType };
  }

  /** An image of these layers, random ones by default; with a subject, an SBOM that is attached to it. */
  async image(
    options: { tags?: readonly string[]; layers?: readonly Uint8Array[]; subject?: Pushed } = {},
  ): Promise<Pushed> {
    if (options.subject) return this.#sbom(options.subject, options.tags);
    const config = await this.blob(Buffer.from(JSON.stringify({ os: "linux", nonce: randomBytes(8).toString("hex") })));
    const layers = [];
    for (const layer of options.layers ?? [randomBytes(2000), randomBytes(3000)]) layers.push(await this.blob(layer));
    return this.manifest(
      {
        mediaType: imageType,
        config: { ...config, mediaType: "application/vnd.oci.image.config.v1+json" },
        layers,
      },
      options.tags,
    );
  }

  /** An index of images. */
  index(
    children: readonly Pushed[],
    tags: readonly string[] = [],
    platforms = ["amd64", "arm64", "s390x"],
  ): Promise<Pushed> {
    const manifests = children.map((child, at) => ({
      ...child,
      platform: { os: "linux", architecture: platforms[at] },
    }));
    return this.manifest({ mediaType: "application/vnd.oci.image.index.v1+json", manifests }, tags);
  }

  /** What cosign puts beside a digest, in shape: the image config of nothing, and layers of the kind of the tag's suffix. */
  signature(subject: Pushed, suffix: keyof typeof cosignLayers = "sig"): Promise<Pushed> {
    return this.unsigned([`${subject.digest.replace(":", "-")}.${suffix}`], suffix);
  }

  /** The same under any tags. */
  async unsigned(tags: readonly string[], suffix: keyof typeof cosignLayers): Promise<Pushed> {
    const nothing = {
      architecture: "",
      created: "0001-01-01T00:00:00Z",
      os: "",
      rootfs: { type: "layers" },
      config: {},
    };
    const config = await this.blob(Buffer.from(JSON.stringify(nothing)));
    const layer = await this.blob(randomBytes(300));
    const content = {
      mediaType: imageType,
      config: { ...config, mediaType: "application/vnd.oci.image.config.v1+json" },
      layers: [{ ...layer, mediaType: cosignLayers[suffix] }],
    };
    return this.manifest(content, tags);
  }

  async #sbom(subject: Pushed, tags?: readonly string[]): Promise<Pushed> {
    const type = "application/spdx+json";
    const config = await this.blob(Buffer.from("{}"));
    const layer = await this.blob(randomBytes(300));
    const content = {
      mediaType: imageType,
      artifactType: type,
      config: { ...config, mediaType: "application/vnd.oci.empty.v1+json" },
      layers: [{ ...layer, mediaType: type }],
      subject,
    };
    return this.manifest(content, tags);
  }
}

const imageType = "application/vnd.oci.image.manifest.v1+json";

/** The media types of layers of what cosign attaches by tag. */
const cosignLayers = {
  sig: "application/vnd.dev.cosign.simplesigning.v1+json",
  att: "application/vnd.dsse.envelope.v1+json",
  sbom: "text/spdx+json",
} as const;

/** Everything that can be seen of a repository, asked by plain requests. */
export async function inspect(host: string, repository: string): Promise<{ tags: Record<string, string> }> {
  const list = await fetch(`http://${host}/v2/${repository}/tags/list`);
  if (list.status === 404) return { tags: {} };
  const { tags } = (await list.json()) as { tags: string[] | null };
  const digests = await Promise.all(
    (tags ?? []).map(async (tag) => [tag, (await head(host, repository, tag))!] as const),
  );
  return { tags: Object.fromEntries(digests) };
}

/** The digest of a tag or digest in a repository; undefined: not there. */
export async function head(host: string, repository: string, reference: string): Promise<string | undefined> {
  const accept = [imageType, "application/vnd.oci.image.index.v1+json"].join(", ");
  const response = await fetch(`http://${host}/v2/${repository}/manifests/${reference}`, {
    method: "HEAD",
    headers: { accept },
  });
  if (response.status === 404) return undefined;
  if (response.status !== 200) throw new Error(`${response.url}: ${response.status}`);
  return response.headers.get("docker-content-digest") ?? undefined;
}

/** The digests of an image's layers. */
export async function layersOf(host: string, repository: string, digest: string): Promise<string[]> {
  const response = await fetch(`http://${host}/v2/${repository}/manifests/${digest}`, {
    headers: { accept: imageType },
  });
  const { layers } = (await response.json()) as { layers: { digest: string }[] };
  return layers.map((layer) => layer.digest);
}

/** The digests of what is attached to a digest, by the referrers API, else by the fallback tag. */
export async function referrers(host: string, repository: string, digest: string): Promise<string[]> {
  const base = `http://${host}/v2/${repository}`;
  let response = await fetch(`${base}/referrers/${digest}`);
  if (response.status === 404) {
    const accept = "application/vnd.oci.image.index.v1+json";
    response = await fetch(`${base}/manifests/${digest.replace(":", "-")}`, { headers: { accept } });
  }
  if (response.status === 404) return [];
  const { manifests } = (await response.json()) as { manifests: { digest: string }[] };
  return manifests.map((manifest) => manifest.digest);
}

/** For a proxy that cuts uploads: resolves when the registry says that so many bytes of the upload at a path have arrived, or never will have. */
export function uploadHas(host: string, bytes: number): (path: string) => Promise<void> {
  return async (path) => {
    const deadline = Date.now() + 20_000;
    while (Date.now() < deadline) {
      const { headers } = await fetch(`http://${host}${path}`);
      if (headers.get("range")?.endsWith(`0-${bytes - 1}`)) return;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
}

/** Pulls an image, or all images of an index, with all layers, verified, by crane; throws if anything is missing or wrong. */
export async function pull(reference: string): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "artifacts-pull-"));
  try {
    await promisify(execFile)(await peerPath("crane"), ["pull", "--format", "oci", reference, folder]);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
