/** Edits of manifests as people make them by hand: text, line by line, without the product's own editor. */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileEntry, releaseLine } from "../../../local/seed/demo-manifests.ts";

/** An edit of one file. */
export interface ManifestEdit {
  /** The file that changed. */
  readonly file: string;
  /** Number of the first new line, from 1. */
  readonly line: number;
  /** The new lines. */
  readonly added: readonly string[];
}

/** Adds a digest with its tags to an image, after its other digests. Throws when the manifest does not have the image. */
export async function appendRelease(
  folder: string,
  project: string,
  image: string,
  release: { readonly digest: string; readonly tags: readonly string[] },
): Promise<ManifestEdit> {
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
export async function appendFile(folder: string, project: string, path: string, sha256: string): Promise<ManifestEdit> {
  return edit(join(folder, project, "files.yaml"), (lines) => ({
    at: lines.findLastIndex((line) => line.trim() !== "") + 1,
    added: fileEntry(path, sha256),
  }));
}

/** Reverts an edit. Throws when the added lines are no longer in their place. */
export async function revert({ file, line, added }: ManifestEdit): Promise<void> {
  const lines = (await readFile(file, "utf8")).split("\n");
  const found = lines.splice(line - 1, added.length);
  if (found.join("\n") !== added.join("\n")) throw new Error(`${file}:${line}: the added lines are not there`);
  await writeFile(file, lines.join("\n"));
}

async function edit(
  file: string,
  insertion: (lines: readonly string[]) => { at: number; added: readonly string[] },
): Promise<ManifestEdit> {
  const lines = (await readFile(file, "utf8")).split("\n");
  const { at, added } = insertion(lines);
  lines.splice(at, 0, ...added);
  await writeFile(file, lines.join("\n"));
  return { file, line: at + 1, added };
}
