/** A checkout of k8s.io in small, of images that are made for it: shared prefixes, several prefixes, repeated names, both layouts. */
import type { Places } from "../../components/commands/production.ts";
import { type Pushed, Pusher } from "./registries.ts";

/** A checkout, and what its images are. */
export interface K8sSample {
  /** Its files by path. */
  readonly checkout: ReadonlyMap<string, string>;
  /** `repository:tag` below today's production -> digest. */
  readonly pulled: ReadonlyMap<string, string>;
}

const projects = [
  { name: "kubernetes", prefixes: ["", "kubernetes"], images: ["pause", "kube-proxy"], root: "registry.k8s.io" },
  { name: "etcd", prefixes: ["", "kubernetes"], images: ["etcd"], root: "registry.k8s.io" },
  { name: "kops", prefixes: ["kops"], images: ["dns-controller", "utils/x"], root: "registry.k8s.io" },
  { name: "old", prefixes: ["tools/old"], images: ["tool"], root: "k8s.gcr.io" },
] as const;

/**
 * Pushes so many images to the staging areas of four projects, `<host>/p/staging-<project>`, and writes the checkout that promotes them.
 * @param today a repository in which they are in production already, by today's names: `<host>/<path>`.
 */
export async function makeK8sSample(digests: number, host: string, today?: string): Promise<K8sSample> {
  const pulled = new Map<string, string>();
  const lists = new Map<string, string>();
  for (let index = 0; index < digests; index++) {
    const project = projects[index % projects.length]!;
    const image = project.images[Math.floor(index / projects.length) % project.images.length]!;
    const tag = `v1.${index}`;
    const { digest } = await push(host, `p/staging-${project.name}/${image}`, index, tag);
    // A name is listed anew for each digest, as kops does.
    const entry = `- name: ${image}\n  dmap:\n    "${digest}": ["${tag}"]\n`;
    lists.set(project.name, (lists.get(project.name) ?? "") + entry);
    for (const prefix of project.prefixes) {
      const repository = prefix === "" ? image : `${prefix}/${image}`;
      pulled.set(`${repository}:${tag}`, digest);
      if (today === undefined) continue;
      const [registry = "", ...path] = today.split("/");
      await push(registry, `${path.join("/")}/${repository}`, index, tag);
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
  return { checkout, pulled };
}

/** An image of its own for each index, the same wherever it is pushed. */
async function push(host: string, repository: string, index: number, tag: string): Promise<Pushed> {
  const pusher = new Pusher(host, repository);
  const config = await pusher.blob(Buffer.from(JSON.stringify({ os: "linux", architecture: "amd64", index })));
  const layers = [await pusher.blob(Buffer.from(`layer ${index}`))];
  const mediaType = "application/vnd.oci.image.manifest.v1+json";
  return pusher.manifest(
    { mediaType, config: { ...config, mediaType: "application/vnd.oci.image.config.v1+json" }, layers },
    [tag],
  );
}

/** Where the sample is staged and goes: a repository `p/images` in each registry. */
export function samplePlaces(host: string, mirrors: readonly string[]): Places {
  return {
    images: mirrors.map((mirror, index) => ({ name: `images-${index}`, repository: `${mirror}/p/images` })),
    files: [],
    staging: ({ name }) => ({ repository: `${host}/p/staging-${name}`, bucket: "" }),
  };
}
