import type { Dirent } from "node:fs";
import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import pLimit from "p-limit";
import { quoted } from "./problem.ts";

/** Which files of a folder are read. */
export interface FolderReading {
  /** Whether a name (of a file or folder, `depth` folders below the root) is ignored. */
  readonly leftAlone: (name: string, depth: number) => boolean;
  /** Whether a file's text is wanted. Of other files only the path is returned, with the text "". */
  readonly wanted: (path: string) => boolean;
  /** Whether what is neither a file nor a folder, such as a link, is ignored in silence. */
  readonly passesLinks?: boolean;
  /** How many levels of folders below the root are read. */
  readonly depth: number;
}

/** The texts by path below the root (with `/`, sorted), and what could not be read. */
export interface FolderTexts {
  readonly texts: Map<string, string>;
  readonly errors: readonly { readonly path: string; readonly message: string }[];
}

/** Nearly three times the largest manifest of k8s.io. */
const maximalFileSize = 4 * 1024 * 1024;
const maximalFiles = 20_000;
/** Files that are opened at a time. */
const limited = pLimit(32);

/**
 * Reads the files of an untrusted folder within limits of size, number and depth, following no symbolic link. Throws
 * only if the folder itself, or one in it, cannot be read.
 */
export async function readFolder(root: string, reading: FolderReading): Promise<FolderTexts> {
  const errors: { path: string; message: string }[] = [];
  const paths = await below("", 0);
  if (paths.length > maximalFiles)
    return { texts: new Map(), errors: [{ path: "", message: `${paths.length} files: ${maximalFiles} at most` }] };
  const read = await limited.map(paths, async (path) => [path, reading.wanted(path) ? await text(path) : ""] as const);
  return { texts: new Map(read.filter((entry): entry is readonly [string, string] => entry[1] !== undefined)), errors };

  async function below(folder: string, depth: number): Promise<string[]> {
    const entries = await readdir(join(root, folder), { withFileTypes: true });
    const found = await Promise.all(
      entries
        .filter(({ name }) => !reading.leftAlone(name, depth))
        .sort(byName)
        .map(async (entry) => {
          const path = folder === "" ? entry.name : `${folder}/${entry.name}`;
          if (entry.isFile()) return [path];
          if (entry.isDirectory() && depth < reading.depth) return below(path, depth + 1);
          if (!entry.isDirectory() && reading.passesLinks === true) return [];
          const what = quoted(entry.name);
          errors.push({
            path,
            message: entry.isDirectory()
              ? `folder ${what} is not supported here: move its files up, or remove it`
              : `${what} is not a regular file: links are not followed`,
          });
          return [];
        }),
    );
    return found.flat();
  }

  async function text(path: string): Promise<string | undefined> {
    const file = join(root, path);
    const { size } = await stat(file);
    const tooBig = size > maximalFileSize;
    if (tooBig) errors.push({ path, message: tooLarge(path, size) });
    else
      try {
        const decoded = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(await readFile(file));
        if (!decoded.includes("\0")) return decoded;
        errors.push({ path, message: "has NUL characters, as UTF-16 has: save it as UTF-8" });
      } catch (error) {
        if (!(error instanceof TypeError)) throw error;
        errors.push({ path, message: "not UTF-8 text: save it as UTF-8" });
      }
    return undefined;
  }
}

/** Says which files are read together with one that is too large. */
function tooLarge(path: string, size: number): string {
  const limit = `${size} bytes: ${maximalFileSize} (4 MiB) at most`;
  const [project, kind] = /^([^/]+)\/(images|files)(?:\.yaml$|\/)/.exec(path)?.slice(1) ?? [];
  if (project === undefined) return `${limit}; split it into several files`;
  return `${limit}; move a part of its entries to ${project}/${kind}/part-2.yaml: all files of that folder, of any names, are read with it`;
}

function byName(a: Dirent, b: Dirent): number {
  return a.name < b.name ? -1 : 1;
}
