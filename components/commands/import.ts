import { mkdir, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { Command } from "@commander-js/extra-typings";
import { EditError } from "../manifests/edit.ts";
import { type Imported, importK8s } from "../manifests/import-k8s.ts";
import { publishedByK8s, publishedByProjects } from "../manifests/k8s-published.ts";
import { updatedList } from "../manifests/k8s-update.ts";
import { manifestTexts, shownPath } from "../manifests/load.ts";
import { inReadingOrder, type Problem, problemLine } from "../manifests/problem.ts";
import { comparePublished, describePublished } from "../manifests/published-report.ts";
import { type Loaded, readManifests } from "../manifests/read.ts";
import { countOf } from "../promotion/text/count-of.ts";
import { CommandError } from "./command.ts";
import { exitCodes } from "./exit-codes.ts";
import { importLive, liveSourceOf } from "./import-live.ts";
import { isFolder, k8sTexts, k8sTextsAt } from "./k8s-texts.ts";
import { collectGarbage, limitYoungGeneration } from "./memory.ts";
import { printJson, printNote, printResult } from "./output.ts";

/** `artifacts import`. */
export const importCommand = new Command("import")
  .summary("take over what another system publishes")
  .description(
    "Takes over what another system publishes: a checkout of k8s.io, a regsync.yml, the repositories below HOST/PATH of a registry, or the files of gs://BUCKET/PREFIX/. The last three go into the project that --project names, with the digests that the source has now. Converts the manifests of a checkout of k8s.io into projects of this repository, by what they mean. Repeated, it brings what has changed there; comments of the lists here and edits of project.yaml stay. Exit code 1: something that a client can pull today would be lost, or needs a person (reported with file and line).",
  )
  .argument(
    "<source>",
    "a checkout of github.com/kubernetes/k8s.io, FILE.yml of regsync, HOST/PATH, or gs://BUCKET/PREFIX/",
  )
  .option("--project <name>", "the project that takes what is not a checkout of k8s.io")
  .option("--gcs-endpoint <url>", "address of Google Cloud Storage, instead of Google's")
  .option("--owners <group>", "the group that owns projects whose manifests name none", "")
  .option("--manifests <folder>", "the folder to write into", "manifests")
  .option("--since <commit>", "bring only what the checkout has changed since this commit; what else is here stays")
  .option("--report", "compare what clients can pull before and after, for each destination")
  .option("--force", "overwrite existing project.yaml files, which are kept without it")
  .option("--dry-run", "write nothing")
  .option("--json", "one JSON document: {added, changed, same, kept, removed, problems, report}; report with --report")
  .action(async (checkout, values) => {
    const isCheckout = await isFolder(checkout);
    const live = isCheckout ? undefined : liveSourceOf(checkout);
    if (live !== undefined) {
      const { project, manifests, gcsEndpoint } = values;
      return await importLive(live, { project, manifests, gcsEndpoint, dryRun: values.dryRun === true });
    }
    if (!isCheckout) throw new CommandError(`there is no folder ${checkout}: SOURCE is as import --help says`);
    limitYoungGeneration();
    const { texts, problems: unread } = await k8sTexts(checkout);
    const imported = importK8s(texts, values.owners, shownPath(checkout));
    const earlier =
      values.since === undefined ? undefined : importK8s(await k8sTextsAt(checkout, values.since), values.owners);
    const existing = (await isFolder(values.manifests)) ? (await manifestTexts(values.manifests)).texts : new Map();
    const plan = planned(imported.texts, existing, earlier?.texts, values.force === true, values.manifests);
    collectGarbage();
    const loaded = readManifests(plan.texts, shownPath(values.manifests));
    if (values.dryRun !== true) await write(values.manifests, existing, plan.texts);
    const problems = [...unread, ...imported.problems, ...plan.problems, ...loaded.problems].sort(inReadingOrder);
    for (const problem of problems) printResult(problemLine(problem));
    printNote(summary(imported));
    const { added, changed, same, kept, removed } = plan;
    printNote(
      `${values.manifests}: ${countOf(added, "file")} ${values.dryRun === true ? "would be added" : "added"}, ${changed} changed, ${same} unchanged, ${kept} kept${removed === 0 ? "" : `, ${removed} removed`}`,
    );
    if (imported.places.length > 0)
      printNote(`promoted today to: ${imported.places.join(", ")}. Mirrors are regions of the stack's config.`);
    if (imported.accounts.length > 0)
      printNote(`promoted today by: ${imported.accounts.join(", ")}. Here the stack's own identity does.`);
    collectGarbage();
    const report = values.report === true ? reportOf(texts, imported, loaded) : undefined;
    if (report !== undefined) for (const line of describePublished(report)) printResult(line);
    printJson({ added, changed, same, kept, removed, problems, ...(report === undefined ? {} : { report }) });
    const lost = report !== undefined && report.lost.length > 0;
    process.exitCode = lost || problems.some(({ severity }) => severity === "error") ? exitCodes.error : exitCodes.ok;
  });

/** What clients can pull by the checkout, and by the projects that came of it. */
function reportOf(texts: ReadonlyMap<string, string>, imported: Imported, { projects }: Loaded) {
  const names = new Set([...imported.texts.keys()].map((path) => path.split("/")[0]));
  return comparePublished(publishedByK8s(texts), publishedByProjects(projects.filter(({ name }) => names.has(name))));
}

/** What the folder of manifests holds after the import. */
interface Plan {
  readonly texts: Map<string, string>;
  added: number;
  changed: number;
  same: number;
  /** project.yaml files that differ from the import's. */
  kept: number;
  removed: number;
  readonly problems: Problem[];
}

/** Throws CommandError for a list that cannot be edited. */
function planned(
  imported: ReadonlyMap<string, string>,
  existing: ReadonlyMap<string, string>,
  earlier: ReadonlyMap<string, string> | undefined,
  force: boolean,
  folder: string,
): Plan {
  const plan: Plan = { texts: new Map(existing), added: 0, changed: 0, same: 0, kept: 0, removed: 0, problems: [] };
  const kept: string[] = [];
  const gone = [...(earlier?.keys() ?? [])].filter((path) => !imported.has(path) && existing.has(path));
  for (const path of [...imported.keys(), ...gone]) {
    const [there, text, was] = [existing.get(path), imported.get(path), earlier?.get(path)];
    const isProject = path.endsWith("/project.yaml");
    const keeps = isProject && there !== undefined && there !== text && !force && there !== was;
    if (keeps && (earlier === undefined || was !== text)) kept.push(`${folder}/${path}`);
    const next = keeps ? there : isProject ? text : updated(path, there, text, earlier && { text: was });
    if (next === undefined) plan.texts.delete(path);
    else plan.texts.set(path, next);
    if (keeps) plan.kept++;
    else if (next === there) plan.same++;
    else if (next === undefined) plan.removed++;
    else if (there === undefined) plan.added++;
    else plan.changed++;
  }
  const [first, ...more] = kept;
  if (first !== undefined)
    plan.problems.push({
      severity: "warning",
      file: first,
      line: 1,
      column: 1,
      message: `is kept, but differs from the checkout${more.length === 0 ? "" : `, as do ${countOf(more.length, "other project.yaml file")}`}: use --force to overwrite`,
    });
  return plan;
}

function updated(...[path, ...rest]: Parameters<typeof updatedList>): string | undefined {
  try {
    return updatedList(path, ...rest);
  } catch (error) {
    if (error instanceof EditError) throw new CommandError(error.message);
    throw error;
  }
}

async function write(folder: string, before: ReadonlyMap<string, string>, after: ReadonlyMap<string, string>) {
  for (const path of before.keys()) if (!after.has(path)) await rm(join(folder, path));
  for (const [path, text] of after) {
    if (before.get(path) === text) continue;
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), text);
  }
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
