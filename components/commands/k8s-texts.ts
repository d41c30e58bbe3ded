import { execFile } from "node:child_process";
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { aliasesFile, promotedFolders } from "../manifests/k8s-checkout.ts";
import { shownPath } from "../manifests/load.ts";
import type { Problem } from "../manifests/problem.ts";
import { readFolder } from "../manifests/read-folder.ts";
import { CommandError } from "./command.ts";

/** The files of a checkout of k8s.io that an import reads, by path from its root. */
export interface K8sTexts {
  readonly texts: ReadonlyMap<string, string>;
  readonly problems: readonly Problem[];
}

/** Reads the work tree of a checkout. Throws CommandError if it has nothing to import. */
export async function k8sTexts(checkout: string): Promise<K8sTexts> {
  const texts = new Map<string, string>();
  const problems: Problem[] = [];
  for (const folder of promotedFolders) {
    if (!(await isFolder(join(checkout, folder)))) continue;
    const found = await readFolder(join(checkout, folder), {
      leftAlone: (name) => name.startsWith("."),
      wanted: isWanted,
      passesLinks: true,
      depth: 10,
    });
    for (const [path, text] of found.texts) if (isWanted(path)) texts.set(`${folder}/${path}`, text);
    for (const { path, message } of found.errors)
      problems.push({
        severity: "error",
        file: `${shownPath(checkout)}/${folder}/${path}`,
        line: 1,
        column: 1,
        message,
      });
  }
  if (texts.size === 0)
    throw new CommandError(`${checkout} has nothing to import: none of ${promotedFolders.join(", ")} has a file`);
  const aliases = await readFile(join(checkout, aliasesFile), "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
  if (aliases !== undefined) texts.set(aliasesFile, aliases);
  return { texts, problems };
}

/** Reads a checkout as it was at a commit. Throws CommandError if git does not know it. */
export async function k8sTextsAt(checkout: string, commit: string): Promise<ReadonlyMap<string, string>> {
  // A name that starts with a dash would be an option.
  if (!/^[A-Za-z0-9]/.test(commit)) throw new CommandError(`${commit} is not a commit`);
  const git = async (args: readonly string[], input?: string): Promise<Buffer> => {
    const running = promisify(execFile)("git", ["-C", checkout, ...args], {
      maxBuffer: 1024 * 1024 * 1024,
      encoding: "buffer",
    });
    running.child.stdin?.end(input);
    return (await running).stdout;
  };
  try {
    const listed = (await git(["ls-tree", "-r", "-z", commit, "--", ...promotedFolders, aliasesFile])).toString();
    const files = listed.split("\0").flatMap((line) => {
      const [, object, path] = /^100(?:644|755) blob ([0-9a-f]+)\t(.*)$/s.exec(line) ?? [];
      return object !== undefined && path !== undefined && isWanted(path) ? [{ object, path }] : [];
    });
    const batch = await git(["cat-file", "--batch"], files.map(({ object }) => `${object}\n`).join(""));
    const texts = new Map<string, string>();
    let offset = 0;
    for (const { path } of files) {
      const end = batch.indexOf("\n", offset);
      const size = Number(batch.subarray(offset, end).toString().split(" ")[2]);
      texts.set(path, batch.subarray(end + 1, end + 1 + size).toString());
      offset = end + 1 + size + 1;
    }
    return texts;
  } catch (error) {
    const { stderr } = error as { stderr?: Buffer };
    const [why] = String(stderr ?? "").split("\n");
    throw new CommandError(`${checkout} at ${commit} cannot be read${why ? `: ${why}` : ""}`);
  }
}

/** Whether a path is a directory. */
export async function isFolder(path: string): Promise<boolean> {
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT" || error.code === "ENOTDIR") return undefined;
    throw error;
  });
  return found?.isDirectory() === true;
}

function isWanted(path: string): boolean {
  return /\.ya?ml$/i.test(path) || /(?:^|\/)OWNERS(?:_ALIASES)?$/.test(path);
}
