/** Mistakes that people make in manifests, to see that each is refused and named. */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { addFile, addRelease, type Change } from "./scratch-manifests.ts";

/** One mistake. */
export interface Mistake {
  readonly name: string;
  /**
   * Who can find it: `reading` the manifests alone, a `preview` that looks into staging, or an `up` that reads the content.
   * Nothing may be promoted in any case.
   */
  readonly found: "reading" | "preview" | "up";
  /** Makes the mistake in a scratch copy of the demo projects' manifests; its place is that of the fault. */
  make(folder: string): Promise<Change>;
  /** What the message has to name. */
  readonly names: readonly string[];
}

/** A digest that nothing has. */
const absent = `sha256:${"0123456789abcdef".repeat(4)}`;
const otherSha256 = "fedcba9876543210".repeat(4);

/** All of them; each is one change of one file. */
export const mistakes: readonly Mistake[] = [
  {
    name: "text that is not YAML",
    found: "reading",
    make: (folder) => append(join(folder, "dotslash/images.yaml"), `    "${absent}": ["1.0.0"`),
    names: ["images.yaml"],
  },
  {
    name: "a key that does not exist",
    found: "reading",
    make: (folder) => append(join(folder, "semver/project.yaml"), "descripton: a typing error"),
    names: ["descripton", "description"],
  },
  {
    name: "a digest with a digit too few",
    found: "reading",
    make: (folder) => addRelease(folder, "dotslash", "dotslash", { digest: absent.slice(0, -1), tags: ["0.5.8-3"] }),
    names: [absent.slice(0, 20), "63"],
  },
  {
    name: "a digest that nobody pushed to staging",
    found: "preview",
    make: (folder) => addRelease(folder, "semver", "semver", { digest: absent, tags: ["v9.9.9"] }),
    names: ["semver", absent],
  },
  {
    name: "a file that nobody pushed to staging",
    found: "preview",
    make: (folder) => addFile(folder, "dotslash", "0.5.9/linux/amd64/dotslash", otherSha256),
    names: ["dotslash", "0.5.9/linux/amd64/dotslash"],
  },
  {
    name: "a list of images that was emptied",
    found: "preview",
    make: (folder) => empty(join(folder, "semver/images.yaml")),
    names: ["semver", "tags and digests from production (100%)", "promotion:confirmRemoval semver"],
  },
  {
    name: "a list of files that was emptied",
    found: "preview",
    make: (folder) => empty(join(folder, "dotslash/files.yaml")),
    names: ["dotslash", "files from production (100%)", "promotion:confirmRemoval dotslash"],
  },
  {
    name: "the checksum of another file",
    found: "up",
    make: (folder) => addFile(folder, "dotslash", "0.5.8/windows/amd64/dotslash.exe", otherSha256),
    names: ["0.5.8/windows/amd64/dotslash.exe", otherSha256],
  },
];

async function empty(file: string): Promise<Change> {
  await writeFile(file, "");
  return { file, line: 1, added: [] };
}

async function append(file: string, line: string): Promise<Change> {
  const text = await readFile(file, "utf8");
  await writeFile(file, `${text}${line}\n`);
  return { file, line: text.split("\n").length, added: [line] };
}
