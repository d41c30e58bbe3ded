/** What the engine promoted, in a bucket of versitygw alone: all registries are stopped, also the canonical mirror that the redirector in front of it knows. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { imagePromotion } from "../../components/promotion/images/images.ts";
import type { ImagesRequest } from "../../components/promotion/run/request.ts";
import { storeAddress } from "../../components/promotion/run/store-address.ts";
import { toolPath } from "../../local/tools/tools.ts";
import type { RedirectorConfigInput } from "../../redirector/config.ts";
import { type ObjectStores, startObjectStores } from "./object-stores.ts";
import { peerPath } from "./peers.ts";
import { builtPeers, builtTools } from "./programs.ts";
import { type RunningRedirector, startRedirector } from "./redirector-process.ts";
import { type Pushed, Pusher, startRegistry, type TestRegistry } from "./registries.ts";

await builtTools("regctl");
await builtPeers("crane");

const run = promisify(execFile);

/** The platforms of what is in it. */
export const architectures = ["amd64", "arm64"] as const;

/** A bucket that everything is pulled from. */
export interface BucketAlone {
  readonly stores: ObjectStores;
  readonly config: RedirectorConfigInput;
  /** The redirector's address, without a scheme. */
  readonly host: string;
  /** For clients: a home of their own. */
  readonly env: NodeJS.ProcessEnv;
  /** `app:v1` and more tags than a page has. */
  readonly image: { index: Pushed; children: Pushed[]; sbom: Pushed; signature: Pushed };
  /** `files:v1`: an index of two images with a file in them, which podman can unpack. */
  readonly files: { readonly index: string; readonly children: readonly string[] };
  /** All tags of `app`, sorted. */
  readonly tags: readonly string[];
  stop(): Promise<void>;
}

/** The tag of a signature of `app`. */
export function signatureTag({ image }: Pick<BucketAlone, "image">): string {
  return `${image.index.digest.replace(":", "-")}.sig`;
}

/**
 * Starts it. Project `demo`: images `files` and `app`, an index of two platforms with an SBOM and a signature, under 122 tags; and what `more` stages.
 * @param more pushes below `<registry>/staging/demo`; returns the lines of images.yaml.
 */
export async function startBucketAlone(
  more?: (registry: string, folder: string) => Promise<string>,
): Promise<BucketAlone> {
  const [stores, registry]: [ObjectStores, TestRegistry] = await Promise.all([
    startObjectStores(),
    startRegistry("olareg"),
  ]);
  const at = new Pusher(registry.host, "staging/demo/app");
  const children = [await at.image(), await at.image()];
  const index = await at.index(children);
  const image = { index, children, sbom: await at.image({ subject: index }), signature: await at.signature(index) };
  const tags = ["v1", "v1.0", ...Array.from({ length: 120 }, (_, n) => `build-${n}`)];
  const files = await pushFiles(`${registry.host}/staging/demo/files`, stores.folder);
  const others = await more?.(registry.host, stores.folder);
  await stores.makeBucket("s3", "images");
  await stores.letAllRead("images");
  const request: ImagesRequest = {
    project: "demo",
    images: [...tags.map((tag) => `app:${tag} ${index.digest}\n`), `files:v1 ${files.index}\n`, others].join(""),
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
  const config: RedirectorConfigInput = {
    host: "artifacts.example.dev",
    region: { name: "us-central1", ...place },
    health: { intervalSeconds: 0.1, recheckSeconds: 0.05, unhealthyAfter: 1 },
    imageMirrors: [
      { name: "canonical", url: `http://${registry.host}/v2/p/images`, cloud: "gcp", region: "us-central1", ...place },
      { name: "s3", kind: "objects", url: `${stores.s3}/images`, cloud: "aws", region: "us-east-1", ...place },
    ],
  };
  const redirector: RunningRedirector = await startRedirector({ config });
  await redirector.logged(/mirror canonical is unhealthy/);
  const host = `127.0.0.1:${redirector.port}`;
  const env = { PATH: process.env["PATH"], HOME: stores.folder };
  await run(await toolPath("regctl"), ["registry", "set", "--tls", "disabled", host], { env });
  const stop = async () => {
    await redirector.stop();
    await stores.stop();
  };
  const listed = [...tags, signatureTag({ image })].sort();
  return { stores, config, host, env, image, files, tags: listed, stop };
}

/** Pushes an index of two images of one small file. */
async function pushFiles(to: string, folder: string): Promise<{ index: string; children: string[] }> {
  const crane = await peerPath("crane");
  const layer = join(folder, "layer");
  await mkdir(layer);
  await writeFile(join(layer, "hello"), "hello");
  await run("tar", ["-C", layer, "-czf", `${layer}.tgz`, "."]);
  const children: string[] = [];
  for (const architecture of architectures) {
    await run(crane, ["append", "--new_layer", `${layer}.tgz`, "--new_tag", `${to}:${architecture}`]);
    const platform = ["--set-platform", `linux/${architecture}`];
    await run(crane, ["mutate", ...platform, "--tag", `${to}:${architecture}`, `${to}:${architecture}`]);
    children.push((await run(crane, ["digest", `${to}:${architecture}`])).stdout.trim());
  }
  const manifests = children.flatMap((child) => ["--manifest", `${to}@${child}`]);
  await run(crane, ["index", "append", ...manifests, "--tag", `${to}:v1`]);
  return { index: (await run(crane, ["digest", `${to}:v1`])).stdout.trim(), children };
}
