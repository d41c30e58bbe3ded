/** A checkout of k8s.io in small, of images and files that are made for it: shared prefixes, several prefixes, repeated names, both layouts. */
import { createHash } from "node:crypto";
import type { Locations } from "../../components/commands/production.ts";
import { type Pushed, Pusher, sha256 } from "./registries.ts";

/** A checkout, and what its images are. */
export interface K8sSample {
  /** Its files by path. */
  readonly checkout: ReadonlyMap<string, string>;
  /** `repository:tag` below today's production -> digest. */
  readonly pulled: ReadonlyMap<string, string>;
  /** Key below today's bucket -> contents. */
  readonly files: ReadonlyMap<string, Buffer>;
}

/** Where the sample's files are staged: `gs://k8s-staging-kops/` and this. */
export const stagedFilesFolder = "kops/releases";

const projects = [
  { name: "kubernetes", prefixes: ["", "kubernetes"], images: ["pause", "kube-proxy"], root: "registry.k8s.io" },
  { name: "etcd", prefixes: ["", "kubernetes"], images: ["etcd"], root: "registry.k8s.io" },
  { name: "kops", prefixes: ["kops"], images: ["dns-controller", "utils/x"], root: "registry.k8s.io" },
  { name: "old", prefixes: ["tools/old"], images: ["tool"], root: "k8s.gcr.io" },
] as const;

/**
 * Pushes so many images to the staging areas of four projects, `<host>/<project>/staging-<name>`, and writes the checkout that promotes them,
 * and some files.
 * @param today repositories in which they are in production already, by today's names: `<host>/<path>`.
 * @param project of Google Cloud.
 */
export async function makeK8sSample(
  digests: number,
  host: string,
  today: readonly string[] = [],
  project = "p",
): Promise<K8sSample> {
  const pulled = new Map<string, string>();
  const lists = new Map<string, string>();
  for (let index = 0; index < digests; index++) {
    const { name, images, prefixes } = projects[index % projects.length]!;
    const image = images[Math.floor(index / projects.length) % images.length]!;
    const tag = `v1.${index}`;
    const { digest } = await push(host, `${project}/staging-${name}/${image}`, index, tag);
    // A name is listed anew for each digest, as kops does.
    const entry = `- name: ${image}\n  dmap:\n    "${digest}": ["${tag}"]\n`;
    lists.set(name, (lists.get(name) ?? "") + entry);
    for (const prefix of prefixes) {
      const repository = prefix === "" ? image : `${prefix}/${image}`;
      pulled.set(`${repository}:${tag}`, digest);
      for (const place of today) {
        const [registry = "", ...path] = place.split("/");
        await push(registry, `${path.join("/")}/${repository}`, index, tag);
      }
    }
  }
  const checkout = new Map<string, string>();
  for (const { name, prefixes, root } of projects) {
    const folder = `k8s-staging-${name}`;
    const destinations = prefixes.map((prefix) => {
      const below = prefix === "" ? "" : `/${prefix}`;
      return root === "k8s.gcr.io"
        ? `- name: us.gcr.io/k8s-artifacts-prod${below}\n`
        : `- name: us-central1-docker.pkg.dev/k8s-artifacts-prod/images${below}\n`;
    });
    checkout.set(`${root}/images/${folder}/images.yaml`, lists.get(name) ?? "[]\n");
    checkout.set(
      `${root}/manifests/${folder}/promoter-manifest.yaml`,
      `registries:\n- name: gcr.io/${folder}\n  src: true\n${destinations.join("")}`,
    );
  }
  const files = new Map(
    ["1.28.4/linux/amd64/kops", "1.28.4/linux/amd64/kops.sha256"].map((path) => [
      path,
      Buffer.from(`contents of ${path}`),
    ]),
  );
  const folder = "k8s-staging-kops";
  checkout.set(
    `artifacts/filestores/${folder}/filepromoter-manifest.yaml`,
    `filestores:\n- base: gs://${folder}/${stagedFilesFolder}\n  src: true\n- base: gs://k8s-artifacts-prod/binaries/kops\n`,
  );
  const list = [...files].map(([path, bytes]) => {
    const sha256 = createHash("sha256").update(bytes).digest("hex");
    return `- name: ${path}\n  sha256: ${sha256}\n`;
  });
  checkout.set(`artifacts/manifests/${folder}/1.28.4.yaml`, `files:\n${list.join("")}`);
  return { checkout, pulled, files: new Map([...files].map(([path, bytes]) => [`binaries/kops/${path}`, bytes])) };
}

/** The blobs of the sample's images: `sha256:<hex>` -> contents. */
export function sampleBlobs(digests: number): ReadonlyMap<string, Buffer> {
  const blobs = Array.from({ length: digests }, (_, index) => blobsOf(index)).flat();
  return new Map(blobs.map((bytes) => [sha256(bytes), bytes]));
}

function blobsOf(index: number): [config: Buffer, layer: Buffer] {
  return [Buffer.from(JSON.stringify({ os: "linux", architecture: "amd64", index })), Buffer.from(`layer ${index}`)];
}

/** An image of its own for each index, the same wherever it is pushed. */
async function push(host: string, repository: string, index: number, tag: string): Promise<Pushed> {
  const pusher = new Pusher(host, repository);
  const [configBytes, layer] = blobsOf(index);
  const config = await pusher.blob(configBytes);
  const layers = [await pusher.blob(layer)];
  const mediaType = "application/vnd.oci.image.manifest.v1+json";
  return pusher.manifest(
    { mediaType, config: { ...config, mediaType: "application/vnd.oci.image.config.v1+json" }, layers },
    [tag],
  );
}

/** Where the sample is staged and goes: a repository `p/images` in each registry. */
export function sampleLocations(host: string, mirrors: readonly string[]): Locations {
  return {
    images: mirrors.map((mirror, index) => ({ name: `images-${index}`, repository: `${mirror}/p/images` })),
    files: [],
    staging: ({ name }) => ({ repository: `${host}/p/staging-${name}`, bucket: "" }),
  };
}
