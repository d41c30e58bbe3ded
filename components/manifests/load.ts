import type { Dirent } from "node:fs";
import { readdir, readFile, stat } from "node:fs/promises";
import { join, relative, resolve, sep } from "node:path";
import pLimit from "p-limit";
import { inReadingOrder, type Problem, quoted } from "./problem.ts";
import { type Loaded, manifestKind, readManifests } from "./read.ts";

/** Nearly three times the largest manifest of k8s.io. */
const maximalFileSize = 4 * 1024 * 1024;
const maximalFiles = 20_000;
/** Files that are open at a time. */
const limited = pLimit(32);

/**
 * Reads all manifests below a folder, within limits of size and number, following no symbolic link. Names that start with a dot and the files README.md and OWNERS beside the
 * projects' folders or OWNERS in them are left alone. Throws only if the folder itself cannot be read.
 */
export async function loadManifests(root: string): Promise<Loaded> {
  const folder = shownPath(root);
  const shown = (path: string) => (folder === "" ? path : `${folder}/${path}`);
  const unread = new Set<string>();
  const problems: Problem[] = [];
  const fault = (path: string, message: string) => {
    unread.add(path.split("/")[0] ?? "");
    problems.push({ severity: "error", file: shown(path), line: 1, column: 1, message });
  };
  const paths = await pathsBelow(root, fault);
  const texts = new Map<string, string>();
  const broken: string[] = [];
  if (paths.length > maximalFiles) fault("", `${paths.length} files: ${maximalFiles} at most`);
  else {
    const read = await limited.map(paths, async (path) => [path, await textOf(root, path, fault)] as const);
    for (const [path, text] of read) {
      if (text !== undefined) texts.set(path, text);
      // Of a project without its readable project.yaml nothing can be said.
      else if (path.endsWith("/project.yaml")) broken.push(path.slice(0, -"project.yaml".length));
    }
  }
  for (const path of texts.keys()) if (broken.some((project) => path.startsWith(project))) texts.delete(path);
  const loaded = readManifests(texts, folder);
  return {
    projects: loaded.projects.filter(({ name }) => !unread.has(name)),
    problems: [...problems, ...loaded.problems].sort(inReadingOrder),
  };
}

/** Paths of the files below a root, with `/`, two folders deep at most; faults for what is no regular file. */
async function pathsBelow(root: string, fault: (path: string, message: string) => void): Promise<string[]> {
  const below = async (folder: string, depth: number): Promise<string[]> => {
    const entries = (await readdir(join(root, folder), { withFileTypes: true })).filter(
      (entry) => !leftAlone(entry.name, depth),
    );
    const found = await Promise.all(
      entries.sort(byName).map(async (entry) => {
        const path = folder === "" ? entry.name : `${folder}/${entry.name}`;
        if (entry.isFile()) return [path];
        if (entry.isDirectory() && depth < 2) return below(path, depth + 1);
        const what = quoted(entry.name);
        if (entry.isDirectory())
          fault(path, `folder ${what} is too deep: a project has images/*.yaml and files/*.yaml, no folders below`);
        else fault(path, `${what} is not a regular file: manifests are read without following links`);
        return [];
      }),
    );
    return found.flat();
  };
  return below("", 0);
}

function leftAlone(name: string, depth: number): boolean {
  return name.startsWith(".") || (name === "OWNERS" && depth < 2) || (name === "README.md" && depth === 0);
}

async function textOf(
  root: string,
  path: string,
  fault: (path: string, message: string) => void,
): Promise<string | undefined> {
  // Not read at all: its name alone is the problem, which readManifests finds.
  if (manifestKind(path.slice(path.indexOf("/") + 1)) === undefined) return "";
  const file = join(root, path);
  const { size } = await stat(file);
  if (size > maximalFileSize) {
    fault(path, `${size} bytes: ${maximalFileSize} at most; split it into files in a folder images/ or files/`);
    return undefined;
  }
  const bytes = await readFile(file);
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    fault(path, "not UTF-8 text: save it as UTF-8");
    return undefined;
  }
}

/** A folder's path as the user can open what is in it from where the command runs; "" for that very place. */
function shownPath(root: string): string {
  const path = relative(process.cwd(), resolve(root));
  return (path.startsWith("..") ? resolve(root) : path).split(sep).join("/");
}

function byName(a: Dirent, b: Dirent): number {
  return a.name < b.name ? -1 : 1;
}
