import { relative, resolve, sep } from "node:path";
import { manifestKind } from "./manifest-kind.ts";
import { inReadingOrder, type Problem } from "./problem.ts";
import { type Loaded, readManifests } from "./read.ts";
import { type FolderTexts, readFolder } from "./read-folder.ts";
import type { StackRules } from "./stack-rules.ts";

/**
 * Reads all manifests below a folder, within limits of size and number, following no symbolic link. Ignores names
 * that start with a dot, the files README.md and OWNERS next to the projects' folders, and OWNERS in them. Throws
 * only if the folder itself cannot be read.
 * @param rules of the stack that the manifests are for, as readManifests takes them.
 */
export async function loadManifests(root: string, rules?: StackRules): Promise<Loaded> {
  const folder = shownPath(root);
  const { texts, errors } = await manifestTexts(root);
  const broken = new Set(errors.map(({ path }) => path.split("/")[0]));
  // Nothing can be checked about a project whose project.yaml cannot be read.
  const unknown = errors
    .filter(({ path }) => /^[^/]+\/project\.yaml$/.test(path))
    .map(({ path }) => path.slice(0, -"project.yaml".length));
  const loaded = readManifests(
    new Map([...texts].filter(([path]) => !unknown.some((project) => path.startsWith(project)))),
    folder,
    rules,
  );
  const unread = errors.map(
    ({ path, message }): Problem => ({
      severity: "error",
      file: folder === "" ? path : `${folder}/${path}`,
      line: 1,
      column: 1,
      message,
    }),
  );
  return {
    projects: loaded.projects.filter(({ name }) => !broken.has(name)),
    problems: [...unread, ...loaded.problems].sort(inReadingOrder),
  };
}

/** The texts of the manifests below a folder, as readManifests takes them, and what could not be read. */
export function manifestTexts(root: string): Promise<FolderTexts> {
  return readFolder(root, {
    leftAlone: (name, depth) =>
      name.startsWith(".") || (name === "OWNERS" && depth < 2) || (name === "README.md" && depth === 0),
    wanted: (path) => manifestKind(path.slice(path.indexOf("/") + 1)) !== undefined,
    depth: 2,
  });
}

/** A folder's path relative to the working directory; "" for the working directory itself. */
export function shownPath(root: string): string {
  const path = relative(process.cwd(), resolve(root));
  return (path.startsWith("..") ? resolve(root) : path).split(sep).join("/");
}
