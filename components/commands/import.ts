import { mkdir, readFile, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { Command } from "@commander-js/extra-typings";
import { type Imported, importK8s } from "../manifests/import-k8s.ts";
import { promotedFolders } from "../manifests/k8s-checkout.ts";
import { manifestTexts, shownPath } from "../manifests/load.ts";
import { inReadingOrder, type Problem, problemLine } from "../manifests/problem.ts";
import { readManifests } from "../manifests/read.ts";
import { readFolder } from "../manifests/read-folder.ts";
import { countOf } from "../promotion/text/count-of.ts";
import { CommandError } from "./command.ts";
import { exitCodes } from "./exit-codes.ts";
import { printJson, printNote, printResult } from "./output.ts";

/** `artifacts import`. */
export const importCommand = new Command("import")
  .summary("convert the manifests of another promotion system")
  .description(
    "Converts the manifests of a checkout of k8s.io into projects of this repository. Lists of images and files are copied byte for byte. Exit code 1: something must be done by hand (reported with file and line).",
  )
  .argument("<checkout>", "a checkout of github.com/kubernetes/k8s.io")
  .option("--owners <group>", "the group that owns projects whose manifests name none", "")
  .option("--manifests <folder>", "the folder to write into", "manifests")
  .option("--force", "overwrite existing project.yaml files, which are kept without it")
  .option("--dry-run", "write nothing")
  .option("--json", "one JSON document: {added, changed, same, kept, problems}")
  .action(async (checkout, values) => {
    const { texts, problems: unread } = await readCheckout(checkout);
    const imported = importK8s(texts, values.owners, shownPath(checkout));
    const written = await writeTexts(values.manifests, imported.texts, values.force === true, values.dryRun === true);
    const problems = [
      ...unread,
      ...imported.problems,
      ...written.problems,
      ...(await mistakes(values.manifests, imported.texts)),
    ];
    for (const problem of problems.sort(inReadingOrder)) printResult(problemLine(problem));
    printNote(summary(imported));
    printNote(
      `${values.manifests}: ${countOf(written.added, "file")} ${values.dryRun === true ? "would be added" : "added"}, ${written.changed} changed, ${written.same} unchanged, ${written.kept} kept`,
    );
    if (imported.places.length > 0)
      printNote(`promoted today to: ${imported.places.join(", ")}. Mirrors are regions of the stack's config.`);
    if (imported.accounts.length > 0)
      printNote(`promoted today by: ${imported.accounts.join(", ")}. Here the stack's own identity does.`);
    const { added, changed, same, kept } = written;
    printJson({ added, changed, same, kept, problems });
    process.exitCode = problems.some(({ severity }) => severity === "error") ? exitCodes.error : exitCodes.ok;
  });

/** The files of a checkout that the import knows what to do with. */
async function readCheckout(checkout: string): Promise<{ texts: Map<string, string>; problems: Problem[] }> {
  const texts = new Map<string, string>();
  const problems: Problem[] = [];
  for (const folder of promotedFolders) {
    if (!(await isFolder(join(checkout, folder)))) continue;
    const found = await readFolder(join(checkout, folder), {
      leftAlone: (name) => name.startsWith("."),
      wanted: () => true,
      depth: 10,
    });
    for (const [path, text] of found.texts) texts.set(`${folder}/${path}`, text);
    for (const { path, message } of found.faults)
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
  return { texts, problems };
}

async function isFolder(path: string): Promise<boolean> {
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT" || error.code === "ENOTDIR") return undefined;
    throw error;
  });
  return found?.isDirectory() === true;
}

interface Written {
  added: number;
  changed: number;
  same: number;
  kept: number;
  readonly problems: Problem[];
}

async function writeTexts(
  folder: string,
  texts: ReadonlyMap<string, string>,
  force: boolean,
  dry: boolean,
): Promise<Written> {
  const written: Written = { added: 0, changed: 0, same: 0, kept: 0, problems: [] };
  for (const [path, text] of texts) {
    const file = join(folder, path);
    const there = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return undefined;
      throw error;
    });
    if (there === text) written.same++;
    else if (there !== undefined && path.endsWith("/project.yaml") && !force) {
      written.kept++;
      written.problems.push({
        severity: "warning",
        file,
        line: 1,
        column: 1,
        message: "is kept, but differs from the checkout: use --force to overwrite it",
      });
    } else {
      written[there === undefined ? "added" : "changed"]++;
      if (dry) continue;
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, text);
    }
  }
  return written;
}

/** What `npm run check` will report about the imported projects, read together with the existing ones. */
async function mistakes(folder: string, texts: ReadonlyMap<string, string>): Promise<Problem[]> {
  const there = (await isFolder(folder)) ? (await manifestTexts(folder)).texts : new Map<string, string>();
  return [...readManifests(new Map([...texts, ...there]), shownPath(folder)).problems];
}

function summary({ counts }: Imported): string {
  const sum = (what: "images" | "digests" | "tags" | "files") =>
    counts.reduce((total, count) => total + count[what], 0);
  const lines = counts.map(
    ({ folder, images, digests, tags, files }) =>
      `  ${folder}: ${[countOf(images, "image"), countOf(digests, "digest"), countOf(tags, "tag"), countOf(files, "file")].join(", ")}`,
  );
  const total = [
    countOf(counts.length, "project"),
    countOf(sum("images"), "image"),
    countOf(sum("digests"), "digest"),
    countOf(sum("tags"), "tag"),
    countOf(sum("files"), "file"),
  ];
  return [...lines, `imported: ${total.join(", ")}`].join("\n");
}
