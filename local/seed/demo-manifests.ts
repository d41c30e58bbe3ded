/** The manifests of the demo projects, generated from the artifacts. The committed ones, in `manifests/` here, must equal them. */
import { join } from "node:path";
import type { DemoArtifacts } from "./artifacts.ts";
import type { DemoProject } from "./demo-project.ts";

const head = [
  "# Made by `node local/seed/write-manifests.ts`: the digests of what local/seed makes from the packages in package-lock.json.",
];

/** Folder of the committed manifests of the demo projects. `npm start` plays them, whatever the folder `manifests/` of a fork has. */
export const demoManifestsFolder = join(import.meta.dirname, "manifests");

/** The text of each `images.yaml` and `files.yaml`, by its path in the manifests' folder. `project.yaml` is written by hand. */
export function demoManifests({ projects }: DemoArtifacts): ReadonlyMap<string, string> {
  const texts = new Map<string, string>();
  for (const project of projects) {
    if (project.images.length > 0) texts.set(`${project.name}/images.yaml`, imagesText(project));
    if (project.files.length > 0) texts.set(`${project.name}/files.yaml`, filesText(project));
  }
  return texts;
}

/**
 * The line of one release in `images.yaml`.
 * @internal exported for its tests.
 */
export function releaseLine(digest: string, tags: readonly string[]): string {
  return `    "${digest}": [${tags.map((tag) => `"${tag}"`).join(", ")}]`;
}

/**
 * The lines of one file in `files.yaml`.
 * @internal exported for its tests.
 */
export function fileEntry(path: string, sha256: string): readonly [string, string] {
  return [`  - name: ${path}`, `    sha256: ${sha256}`];
}

function imagesText({ images }: DemoProject): string {
  const lines = images.flatMap(({ name, releases }) => [
    `- name: ${name}`,
    "  dmap:",
    ...releases.filter(({ promoted }) => promoted).map(({ digest, tags }) => releaseLine(digest, tags)),
  ]);
  return `${[...head, ...lines].join("\n")}\n`;
}

function filesText({ files }: DemoProject): string {
  const sorted = files.filter(({ promoted }) => promoted).sort((a, b) => (a.path < b.path ? -1 : 1));
  const lines = sorted.flatMap(({ path, sha256 }) => fileEntry(path, sha256));
  return `${[...head, "files:", ...lines].join("\n")}\n`;
}
