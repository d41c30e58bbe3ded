import { readFile } from "node:fs/promises";
import { Command } from "@commander-js/extra-typings";
import { diffLines, manifestDifferences } from "../manifests/difference.ts";
import { loadManifests, manifestTexts } from "../manifests/load.ts";
import { inReadingOrder, type Problem, problemLine } from "../manifests/problem.ts";
import { readManifests } from "../manifests/read.ts";
import type { Share } from "../manifests/shares.ts";
import { stackRules } from "../staging/stack-rules.ts";
import { changeGuards, type GuardSays } from "./change-guards.ts";
import { changeSummary, withdrawnLines } from "./change-summary.ts";
import { engineLists } from "./engine-lists.ts";
import { exitCodes } from "./exit-codes.ts";
import { markdownCode } from "./markdown-code.ts";
import { type Detail, reportComments } from "./preview-comment.ts";
import { stackConfig } from "./stack-config.ts";
import { writeComments } from "./write-comments.ts";

/** `artifacts change-report`. */
export const changeReportCommand = new Command("change-report")
  .summary("format what a change of the manifests does (for the workflows)")
  .description(
    "Writes what a change of the manifests does as comments for GitHub, comment-1.md and so on, judged by what stood there before. An error: something stops the change, which is in the comments.",
  )
  .requiredOption("--before <folder>", "the manifests of the main branch")
  .requiredOption("--after <folder>", "the manifests as they would be after the merge")
  .requiredOption("--output <folder>", "the folder to write into; it is emptied first")
  .requiredOption("--run-url <url>", "where the whole output is")
  .option("--engine <file>", "the output of the engine's preview, for the details")
  .option("--failed", "the engine's preview failed")
  .option("--stack <name>", "the stack that the manifests are for", "prod")
  .action(async ({ before, after, output, runUrl, ...values }) => {
    const config = await stackConfig(values.stack);
    const main = await loadManifests(before);
    const change = await loadManifests(after, stackRules(config));
    const changed = manifestDifferences(main.projects, change.projects);
    const guards = [...changeGuards(changed), ...(await newShares(after, main.projects, change.problems))];
    const errors = [
      ...main.problems.map((problem) => ({ ...problem, message: `on the main branch: ${problem.message}` })),
      ...change.problems,
    ]
      .filter(({ severity }) => severity === "error")
      .sort(inReadingOrder);
    const stops = errors.length > 0 || guards.some((guard) => guard.stops);
    const engine = values.engine === undefined ? "" : await readFile(values.engine, "utf8");
    const details: Detail[] = [
      { heading: "Mistakes in the manifests", text: errors.map(problemLine).join("\n") },
      {
        heading: "Warnings",
        text: change.problems
          .filter(({ severity }) => severity === "warning")
          .map(problemLine)
          .join("\n"),
      },
      {
        heading: "What changes in the manifests",
        text: changed
          .flatMap((one) => diffLines(one).map((line) => `${line.slice(0, 2)}${one.project}: ${line.slice(2)}`))
          .join("\n"),
      },
      {
        heading: "What the engine says",
        text: engine,
      },
      { heading: "Withdrawn, and why", text: withdrawnLines(changed).join("\n") },
      {
        heading: "Settings",
        text: changed
          .flatMap(({ project, settings }) =>
            settings.map(({ key, before: was, after: is }) => `${project}: ${key} from ${was} to ${is}`),
          )
          .join("\n"),
      },
    ].filter((detail) => detail.text.trim() !== "");
    const summary =
      errors.length > 0
        ? "The manifests have mistakes, listed below."
        : changeSummary(changed, guards, engineLists(engine));
    const comments = reportComments({
      marker: "artifacts-preview",
      title: stops || values.failed === true ? "This can't be promoted yet" : "What merging this changes in production",
      summary,
      details,
      runUrl,
    });
    await writeComments(output, comments, details);
    process.exitCode = stops ? exitCodes.error : exitCodes.ok;
  });

/** Names that the change uses by a share that it grants itself: found by what is wrong with what main shares. */
async function newShares(
  folder: string,
  main: readonly { readonly name: string; readonly shares: readonly Share[] }[],
  problems: readonly Problem[],
): Promise<GuardSays[]> {
  const shares = new Map(main.map((project) => [project.name, project.shares]));
  const { texts } = await manifestTexts(folder);
  const known = new Set(problems.map(problemLine));
  return readManifests(texts, "", undefined, (project) => shares.get(project))
    .problems.filter((problem) => problem.severity === "error" && /`shares: \[|by `shares`/.test(problem.message))
    .filter((problem) => !known.has(problemLine({ ...problem, file: `${folder}/${problem.file}` })))
    .map(({ file, message }) => ({
      project: file.split("/")[0] ?? "",
      stops: true,
      message: `Uses names by a share that this change grants. Granting and using takes two changes: ${markdownCode(message)}`,
    }));
}
