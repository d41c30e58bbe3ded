/** Mistakes that people make in manifests. Each must be refused with a message that names it. */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { appendFile, appendRelease, type ManifestEdit } from "./edit-manifests.ts";

/** One mistake. */
export interface Mistake {
  readonly name: string;
  /**
   * The step that finds it: `reading` the manifests, a `preview`, which looks into staging, or an `up`, which reads the content.
   * No step may promote anything.
   */
  readonly found: "reading" | "preview" | "up";
  /** Makes the mistake in a scratch copy of the demo projects' manifests. The edit is where the fault is. */
  make(folder: string): Promise<ManifestEdit>;
  /** Words that the message must contain. */
  readonly names: readonly string[];
}

/** A digest that no registry has. */
const absent = `sha256:${"0123456789abcdef".repeat(4)}`;
const otherSha256 = "fedcba9876543210".repeat(4);

/** Each mistake is one edit of one file. */
export const mistakes: readonly Mistake[] = [
  {
    name: "invalid YAML",
    found: "reading",
    make: (folder) => append(join(folder, "dotslash/images.yaml"), `    "${absent}": ["1.0.0"`),
    names: ["images.yaml"],
  },
  {
    name: "an unknown key",
    found: "reading",
    make: (folder) => append(join(folder, "semver/project.yaml"), "descripton: a typing error"),
    names: ["descripton", "description"],
  },
  {
    name: "a digest that is one digit short",
    found: "reading",
    make: (folder) => appendRelease(folder, "dotslash", "dotslash", { digest: absent.slice(0, -1), tags: ["0.5.8-3"] }),
    names: [absent.slice(0, 20), "63"],
  },
  {
    name: "a digest that is not in staging",
    found: "preview",
    make: (folder) => appendRelease(folder, "semver", "semver", { digest: absent, tags: ["v9.9.9"] }),
    names: ["semver", absent],
  },
  {
    name: "a file that is not in staging",
    found: "preview",
    make: (folder) => appendFile(folder, "dotslash", "0.5.9/linux/amd64/dotslash", otherSha256),
    names: ["dotslash", "0.5.9/linux/amd64/dotslash"],
  },
  {
    name: "an emptied list of images",
    found: "preview",
    make: (folder) => empty(join(folder, "semver/images.yaml")),
    names: ["semver", "tags and digests from production (100%)", "promotion:confirmRemoval semver"],
  },
  {
    name: "an emptied list of files",
    found: "preview",
    make: (folder) => empty(join(folder, "dotslash/files.yaml")),
    names: ["dotslash", "files from production (100%)", "promotion:confirmRemoval dotslash"],
  },
  {
    name: "the checksum of another file",
    found: "up",
    make: (folder) => appendFile(folder, "dotslash", "0.5.8/windows/amd64/dotslash.exe", otherSha256),
    names: ["0.5.8/windows/amd64/dotslash.exe", otherSha256],
  },
];

async function empty(file: string): Promise<ManifestEdit> {
  await writeFile(file, "");
  return { file, line: 1, added: [] };
}

async function append(file: string, line: string): Promise<ManifestEdit> {
  const text = await readFile(file, "utf8");
  await writeFile(file, `${text}${line}\n`);
  return { file, line: text.split("\n").length, added: [line] };
}
