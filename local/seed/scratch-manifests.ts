/** A copy of the manifests to change, as a pull request changes them: text edited by hand, line by line. */
import { cp, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileEntry, releaseLine } from "./demo-manifests.ts";

/** One change of one file. */
export interface Change {
  /** The file that changed. */
  readonly file: string;
  /** Number of the first new line, from 1. */
  readonly line: number;
  /** The new lines. */
  readonly added: readonly string[];
}

/** Copies a folder of manifests; what was at `to` is gone. */
export async function copyManifests(from: string, to: string): Promise<void> {
  await rm(to, { recursive: true, force: true });
  await cp(from, to, { recursive: true });
}

/** Adds a digest with its tags to an image, after the digests it has. Throws when the manifest does not have the image. */
export async function addRelease(
  folder: string,
  project: string,
  image: string,
  release: { readonly digest: string; readonly tags: readonly string[] },
): Promise<Change> {
  const file = join(folder, project, "images.yaml");
  return edit(file, (lines) => {
    const start = lines.findIndex((line) => line.replace(/^- name: /, "") === image && line.startsWith("- "));
    if (start < 0) throw new Error(`${file} has no image ${image}`);
    const next = lines.findIndex((line, i) => i > start && line.startsWith("- "));
    const last = lines.findLastIndex((line, i) => (next < 0 || i < next) && /^\s+"?sha256:/.test(line));
    return { at: Math.max(last, start + 1) + 1, added: [releaseLine(release.digest, release.tags)] };
  });
}

/** Adds a file at the end of a project's `files.yaml`. */
export async function addFile(folder: string, project: string, path: string, sha256: string): Promise<Change> {
  return edit(join(folder, project, "files.yaml"), (lines) => ({
    at: lines.findLastIndex((line) => line.trim() !== "") + 1,
    added: fileEntry(path, sha256),
  }));
}

/** Takes a change back. Throws when its lines are no longer where it put them. */
export async function revert({ file, line, added }: Change): Promise<void> {
  const lines = (await readFile(file, "utf8")).split("\n");
  const found = lines.splice(line - 1, added.length);
  if (found.join("\n") !== added.join("\n")) throw new Error(`${file}:${line}: the lines to take back are not there`);
  await writeFile(file, lines.join("\n"));
}

async function edit(
  file: string,
  place: (lines: readonly string[]) => { at: number; added: readonly string[] },
): Promise<Change> {
  const lines = (await readFile(file, "utf8")).split("\n");
  const { at, added } = place(lines);
  lines.splice(at, 0, ...added);
  await writeFile(file, lines.join("\n"));
  return { file, line: at + 1, added };
}
