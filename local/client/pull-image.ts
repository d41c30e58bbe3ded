/** Pulls an image as a container runtime does: index, manifest, config, layers. Verifies every digest. */
import { createHash } from "node:crypto";
import { createWriteStream } from "node:fs";
import { mkdir, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { extractLayers } from "./extract.ts";
import { type ClientOptions, follow, type Hop } from "./follow.ts";

/** A pulled image. */
export interface PulledImage {
  /** The requested reference. */
  readonly reference: string;
  /** Digest that the reference names: the index's, if the image has one. */
  readonly digest: string;
  /** Digest of this platform's manifest. */
  readonly manifestDigest: string;
  readonly platform: string;
  readonly config: ImageConfig;
  /** Folder with the image's files. */
  readonly rootfs: string;
  readonly parts: readonly Part[];
}

/** One part of an image and where it came from. */
interface Part {
  readonly kind: "index" | "manifest" | "config" | "layer";
  readonly digest: string;
  readonly size: number;
  readonly hops: readonly Hop[];
}

/** The image's config: how to run it. */
interface ImageConfig {
  readonly os: string;
  readonly architecture: string;
  readonly config: {
    readonly Entrypoint?: readonly string[];
    readonly Cmd?: readonly string[];
    readonly Env?: readonly string[];
    readonly Labels?: Readonly<Record<string, string>>;
  };
  readonly rootfs: { readonly diff_ids: readonly string[] };
}

interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
  readonly platform?: { readonly os: string; readonly architecture: string };
}

interface ImageManifest {
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
}

const indexTypes = [
  "application/vnd.oci.image.index.v1+json",
  "application/vnd.docker.distribution.manifest.list.v2+json",
];
const manifestTypes = [
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.docker.distribution.manifest.v2+json",
];

/** The platform of containers on this machine, e.g. `linux/amd64`. */
export function containerPlatform(): string {
  return `linux/${process.arch === "x64" ? "amd64" : process.arch}`;
}

/**
 * Pulls `reference` (`dotslash/dotslash:0.5.8-1` or `...@sha256:...`) from the service at `base` (`http://127.0.0.1:8080`) into the
 * folder: `blobs/<hex>` and `rootfs/`, which is replaced. Throws an error that names the part that is missing or has a wrong digest.
 */
export async function pullImage(
  base: string,
  reference: string,
  platform: string,
  folder: string,
  options: ClientOptions = {},
): Promise<PulledImage> {
  const { repository, name } = splitReference(reference);
  const api = `${base.replace(/\/+$/, "")}/v2/${repository}`;
  const parts: Part[] = [];
  const manifest = async (at: string): Promise<{ type: string; digest: string; value: unknown }> => {
    const found = await fetchManifest(api, at, options);
    const kind = indexTypes.includes(found.type) ? "index" : "manifest";
    parts.push({ kind, digest: found.digest, size: found.size, hops: found.hops });
    return found;
  };
  const top = await manifest(name);
  let own = top;
  if (indexTypes.includes(top.type)) {
    const { manifests } = top.value as { manifests: readonly Descriptor[] };
    const match = manifests.find(
      (entry) => entry.platform && `${entry.platform.os}/${entry.platform.architecture}` === platform,
    );
    if (!match) {
      const has = manifests.map((entry) =>
        entry.platform ? `${entry.platform.os}/${entry.platform.architecture}` : "?",
      );
      throw new Error(`${reference} has no image for ${platform}, only for ${has.join(", ")}`);
    }
    own = await manifest(match.digest);
  }
  const { config, layers } = own.value as ImageManifest;
  const blobs = join(folder, "blobs");
  await mkdir(blobs, { recursive: true });
  const fetched = await Promise.all(
    [config, ...layers].map(async (descriptor, i): Promise<Part> => {
      const hops = await fetchBlob(
        `${api}/blobs/${descriptor.digest}`,
        descriptor,
        blobPath(blobs, descriptor.digest),
        options,
      );
      return { kind: i === 0 ? "config" : "layer", digest: descriptor.digest, size: descriptor.size, hops };
    }),
  );
  const configured = JSON.parse(await readFile(blobPath(blobs, config.digest), "utf8")) as ImageConfig;
  const rootfs = join(folder, "rootfs");
  await rm(rootfs, { recursive: true, force: true });
  await extractLayers(
    layers.map(({ digest }) => blobPath(blobs, digest)),
    configured.rootfs.diff_ids,
    rootfs,
  );
  return {
    reference,
    digest: top.digest,
    manifestDigest: own.digest,
    platform: `${configured.os}/${configured.architecture}`,
    config: configured,
    rootfs,
    parts: [...parts, ...fetched],
  };
}

/**
 * Splits a reference without a host into repository and tag or digest. The default tag is `latest`.
 * @internal exported for its tests.
 */
export function splitReference(reference: string): { repository: string; name: string } {
  const at = reference.indexOf("@");
  if (at >= 0) return { repository: reference.slice(0, at).replace(/:[^/]*$/, ""), name: reference.slice(at + 1) };
  const colon = reference.lastIndexOf(":");
  if (colon < 0) return { repository: reference, name: "latest" };
  return { repository: reference.slice(0, colon), name: reference.slice(colon + 1) };
}

/** Fetches one manifest or index and verifies its digest. Throws if it does not exist. */
export async function fetchManifest(
  api: string,
  name: string,
  options: ClientOptions,
): Promise<{ type: string; digest: string; size: number; value: unknown; hops: readonly Hop[] }> {
  const accept = [...indexTypes, ...manifestTypes].join(", ");
  const { status, headers, body, hops } = await follow("GET", `${api}/manifests/${name}`, { accept }, options);
  const bytes = Buffer.from(await body.arrayBuffer());
  if (status !== 200)
    throw new Error(`${api}/manifests/${name}: ${status} ${bytes.toString("utf8", 0, 300)}`.trimEnd());
  const digest = `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
  const stated = headers["docker-content-digest"];
  if (name.startsWith("sha256:") ? name !== digest : stated !== undefined && stated !== digest) {
    throw new Error(`${api}/manifests/${name}: the content has digest ${digest}, which is not the requested one`);
  }
  const value: unknown = JSON.parse(bytes.toString());
  const type = (value as { mediaType?: string }).mediaType ?? String(headers["content-type"]);
  return { type, digest, size: bytes.length, value, hops };
}

/** Streams one blob to a file. The file exists only if size and digest are right. */
async function fetchBlob(
  url: string,
  wanted: Descriptor,
  path: string,
  options: ClientOptions,
): Promise<readonly Hop[]> {
  const { status, body, hops } = await follow("GET", url, {}, options);
  if (status !== 200) throw new Error(`${url}: ${status} ${(await body.text()).slice(0, 300)}`.trimEnd());
  const hash = createHash("sha256");
  let size = 0;
  const measure = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      size += chunk.length;
      done(null, chunk);
    },
  });
  await pipeline(body, measure, createWriteStream(`${path}.part`));
  const digest = `sha256:${hash.digest("hex")}`;
  if (digest !== wanted.digest || size !== wanted.size) {
    await rm(`${path}.part`);
    throw new Error(
      `${hops.at(-1)!.url}: ${size} bytes with ${digest} instead of ${wanted.size} bytes with ${wanted.digest}`,
    );
  }
  await rename(`${path}.part`, path);
  return hops;
}

function blobPath(folder: string, digest: string): string {
  return join(folder, digest.replace("sha256:", ""));
}
