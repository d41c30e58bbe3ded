import { fileKey, imageName } from "../../redirector/object-paths.ts";
import { isFilePath } from "./file-names.ts";
import { digestPattern, imagePattern, sha256Pattern, tagPattern } from "./names.ts";
import type { Project } from "./project.ts";
import { bucketSource, registryLocation } from "./promoter-manifest.ts";
import { parseYaml } from "./yaml/parse.ts";
import { isTrue, type Node, valueAt } from "./yaml/tree.ts";

/** What clients can pull: names in production, each with what it is. */
export interface PublishedNames {
  /** By repository, e.g. `kops/dns-controller`: `tag@digest`, and `@digest` of one without a tag. */
  readonly images: ReadonlyMap<string, ReadonlySet<string>>;
  /** By object key, e.g. `binaries/kops/1.28.4/linux/amd64/kops`: the sha256 of its contents; several where manifests disagree. */
  readonly files: ReadonlyMap<string, ReadonlySet<string>>;
}

/**
 * What clients can pull by the manifests of a checkout of k8s.io: every entry to every destination of its manifest. It is counted from the
 * texts, apart from the import that it is compared with; what no registry or bucket can have is not counted.
 */
export function publishedByK8s(texts: ReadonlyMap<string, string>): PublishedNames {
  const images = new Map<string, Set<string>>();
  const files = new Map<string, Set<string>>();
  // One tree at a time: all of them are larger than anything else here.
  for (const [path, text] of texts) {
    const [, base, folder] = /^(.*)\/([^/]+)\/(?:file)?promoter-manifest\.yaml$/.exec(path) ?? [];
    if (base === undefined || folder === undefined || base.startsWith("artifacts/mirroring")) continue;
    const root = rootOf(text);
    if (root === undefined) continue;
    const prefixes = destinationsOf(root);
    const thin = rootOf(texts.get(`${base.replace(/manifests$/, "images")}/${folder}/images.yaml`) ?? "");
    for (const list of [valueAt(root, "images"), thin])
      for (const prefix of prefixes.images) addImages(images, prefix, list);
    if (base !== "artifacts/filestores") continue;
    for (const prefix of prefixes.files) addFiles(files, prefix, valueAt(root, "files"));
    for (const [file, list] of texts) {
      if (!file.startsWith(`artifacts/manifests/${folder}/`) || !/\.ya?ml$/i.test(file)) continue;
      const own = rootOf(list);
      for (const prefix of prefixes.files) addFiles(files, prefix, own && valueAt(own, "files"));
    }
  }
  // A digest that one entry lists without tags and another with some has its tags.
  for (const pairs of images.values()) {
    const tagged = new Set([...pairs].flatMap((pair) => (pair.startsWith("@") ? [] : [pair.slice(pair.indexOf("@"))])));
    for (const pair of pairs) if (tagged.has(pair)) pairs.delete(pair);
  }
  return { images, files };
}

/** What clients can pull by projects of ours. */
export function publishedByProjects(projects: readonly Project[]): PublishedNames {
  const images = new Map<string, Set<string>>();
  const files = new Map<string, Set<string>>();
  for (const project of projects) {
    for (const { name, digests } of project.images)
      for (const prefix of project.imagePrefixes)
        for (const { digest, tags } of digests)
          for (const tag of tags.length === 0 ? [""] : tags) add(images, imageName(prefix, name), `${tag}@${digest}`);
    for (const { name, sha256 } of project.files) add(files, fileKey(project.filePrefix, name), sha256);
  }
  return { images, files };
}

function destinationsOf(root: Node): { images: Set<string>; files: Set<string> } {
  const places = (kind: "registries" | "filestores", key: string, place: typeof registryLocation) => {
    const list = valueAt(root, kind);
    return new Set(
      (list?.kind === "list" ? list.items : []).flatMap((item) => {
        const name = valueAt(item, key);
        const found = name?.kind === "scalar" && !isTrue(valueAt(item, "src")) ? place(name.text) : undefined;
        return found === undefined ? [] : [found.prefix];
      }),
    );
  };
  return { images: places("registries", "name", registryLocation), files: places("filestores", "base", bucketSource) };
}

function addImages(images: Map<string, Set<string>>, prefix: string, list: Node | undefined): void {
  for (const item of list?.kind === "list" ? list.items : []) {
    const [name, dmap] = [valueAt(item, "name"), valueAt(item, "dmap")];
    if (name?.kind !== "scalar" || !imagePattern.test(name.text) || dmap?.kind !== "map") continue;
    const repository = prefix === "" ? name.text : `${prefix}/${name.text}`;
    for (const { key, value } of dmap.entries) {
      if (!digestPattern.test(key.text)) continue;
      const tags = (value.kind === "list" ? value.items : []).flatMap((tag) =>
        tag.kind === "scalar" && tagPattern.test(tag.text) ? [tag.text] : [],
      );
      for (const tag of tags.length === 0 ? [""] : tags) add(images, repository, `${tag}@${key.text}`);
    }
  }
}

function addFiles(files: Map<string, Set<string>>, prefix: string, list: Node | undefined): void {
  for (const item of list?.kind === "list" ? list.items : []) {
    const [name, sha256] = [valueAt(item, "name"), valueAt(item, "sha256")];
    if (name?.kind !== "scalar" || sha256?.kind !== "scalar") continue;
    if (isFilePath(name.text) && sha256Pattern.test(sha256.text))
      add(files, `binaries/${prefix === "" ? "" : `${prefix}/`}${name.text}`, sha256.text);
  }
}

function add(names: Map<string, Set<string>>, name: string, what: string): void {
  names.set(name, (names.get(name) ?? new Set()).add(what));
}

function rootOf(text: string): Node | undefined {
  const parsed = parseYaml(text.replace(/^\uFEFF/, ""));
  return parsed.ok ? parsed.root : undefined;
}
