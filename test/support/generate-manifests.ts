/**
 * Manifests of the size of k8s.io's: 108 projects, 12,400 digests in 703 images, the largest file 1.4 MB, 5,140 files
 * one manifest a release, in the spelling of the real ones. The same seed gives the same bytes.
 *
 *   node test/support/generate-manifests.ts FOLDER [--seed N]
 */
import { createHash } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";

/** How much there is of everything; a share of it for smaller sets. */
export interface ManifestSet {
  readonly seed: number;
  /** Images and digests of the biggest project. */
  readonly biggest: { readonly images: number; readonly digests: number };
  /** Images and digests of the second biggest. */
  readonly second: { readonly images: number; readonly digests: number };
  /** All other projects with images, and what they hold together. */
  readonly others: { readonly projects: number; readonly images: number; readonly digests: number };
  /** Projects with files: the releases of the biggest, files in each, and the further projects of one manifest. */
  readonly files: { readonly releases: number; readonly each: number; readonly projects: number };
}

/**
 * The size of k8s.io (facts: 108 manifests, 92 with images, 12,344 digests in 2022, images.yaml of kubernetes 1.43 MB).
 */
export const k8sSize: ManifestSet = {
  seed: 1,
  biggest: { images: 57, digests: 8990 },
  second: { images: 40, digests: 1900 },
  others: { projects: 90, images: 606, digests: 1510 },
  files: { releases: 150, each: 34, projects: 16 },
};

/** The texts by path below the folder of manifests (`<project>/images.yaml`). */
export function generateManifests(set: ManifestSet = k8sSize): Map<string, string> {
  const random = randomOf(set.seed);
  const texts = new Map<string, string>();
  texts.set("kubernetes/project.yaml", projectText("kubernetes", true, false));
  texts.set("kubernetes/images.yaml", imagesText(random, "kube", set.biggest, true));
  texts.set("build-image/project.yaml", projectText("build-image", true, false));
  texts.set("build-image/images.yaml", imagesText(random, "go-runner", set.second, false));
  for (let index = 0; index < set.others.projects; index++) {
    const name = `project-${String(index).padStart(2, "0")}`;
    const share = (whole: number) =>
      Math.floor((whole * (index + 1)) / set.others.projects) - Math.floor((whole * index) / set.others.projects);
    texts.set(`${name}/project.yaml`, projectText(name, true, false));
    texts.set(
      `${name}/images.yaml`,
      imagesText(random, "controller", { images: share(set.others.images), digests: share(set.others.digests) }, false),
    );
  }
  for (let index = 0; index < set.files.projects; index++) {
    const name = index === 0 ? "kops" : `tools-${String(index).padStart(2, "0")}`;
    texts.set(`${name}/project.yaml`, projectText(name, false, true));
    const releases = index === 0 ? set.files.releases : 1;
    for (let release = 0; release < releases; release++) {
      const version = `1.${20 + Math.floor(release / 12)}.${release % 12}`;
      texts.set(
        index === 0 ? `${name}/files/${version}.yaml` : `${name}/files.yaml`,
        filesText(random, version, index === 0 ? set.files.each : 2 + (index % 2)),
      );
    }
  }
  return texts;
}

/** Writes the texts into a folder. */
export async function writeManifests(folder: string, texts: ReadonlyMap<string, string>): Promise<void> {
  for (const [path, text] of texts) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), text);
  }
}

/** Numbers from 0 to 1, the same for a seed (mulberry32). */
export function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

function hex(random: () => number): string {
  return createHash("sha256").update(String(random())).digest("hex");
}

function projectText(name: string, images: boolean, files: boolean): string {
  return `description: The project ${name}
owners:
  group: k8s-infra-staging-${name}@example.org
  repositories:
    - { name: example/${name}, id: "1296269" }
staging:
  images: ${images}
  files: ${files}
`;
}

/**
 * Digests by version, newest last; a comment here and there; in the big one each has the commit as a second tag, every
 * other one the build as a third.
 */
function imagesText(
  random: () => number,
  stem: string,
  size: { images: number; digests: number },
  big: boolean,
): string {
  const platforms = ["", "-amd64", "-arm", "-arm64", "-ppc64le", "-s390x"];
  let text = big ? "# Promotion is for release managers.\n" : "";
  let written = 0;
  for (let image = 0; image < size.images; image++) {
    text += `- name: ${stem}-${Math.floor(image / platforms.length)}${platforms[image % platforms.length]}\n  dmap:\n`;
    const until = Math.floor((size.digests * (image + 1)) / size.images);
    for (let index = 0; written < until; written++, index++) {
      const version = `v${1 + Math.floor(index / 60)}.${Math.floor((index % 60) / 6)}.${index % 6}`;
      if (big && index % 50 === 49) text += `    # ${version} was built again, see the release notes\n`;
      const commit = hex(random).slice(0, 40);
      const build = big
        ? `, "${version}-${commit}"${index % 2 === 0 ? `, "v20240102-${version}-g${commit.slice(0, 7)}"` : ""}`
        : "";
      const copy = !big && random() < 0.02 ? `, "${version}-copy"` : "";
      text += `    "sha256:${hex(random)}": ["${version}"${build}${copy}]\n`;
    }
  }
  return text;
}

function filesText(random: () => number, version: string, count: number): string {
  const platforms = ["darwin/amd64", "darwin/arm64", "linux/amd64", "linux/arm64", "windows/amd64"];
  const names = ["kops", "nodeup", "protokube", "channels"].flatMap((tool) =>
    platforms.flatMap((platform) => [`${version}/${platform}/${tool}`, `${version}/${platform}/${tool}.sha256`]),
  );
  const lines = names
    .slice(0, count)
    .sort()
    .map((name) => `- name: ${name}\n  sha256: ${hex(random)}\n`);
  return `files:\n${lines.join("")}`;
}

if (import.meta.main) {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { seed: { type: "string", default: "1" } },
  });
  const [folder] = positionals;
  if (folder === undefined || !/^\d+$/.test(values.seed)) {
    console.error("usage: node test/support/generate-manifests.ts FOLDER [--seed N]");
    process.exit(2);
  }
  const texts = generateManifests({ ...k8sSize, seed: Number(values.seed) });
  await writeManifests(folder, texts);
  const digests = [...texts.values()].reduce((sum, text) => sum + (text.match(/"sha256:/g)?.length ?? 0), 0);
  const largest = Math.max(...[...texts.values()].map((text) => text.length));
  console.log(
    `${folder}: ${texts.size} files of ${new Set([...texts.keys()].map((path) => path.split("/")[0])).size} projects, ${digests} digests, largest file ${largest} bytes`,
  );
}
