import { stat } from "node:fs/promises";
import { Command } from "@commander-js/extra-typings";
import { loadManifests } from "../manifests/load.ts";
import { inReadingOrder, type Problem, problemLine } from "../manifests/problem.ts";
import type { Loaded } from "../manifests/read.ts";
import { countOf } from "../promotion/text/count-of.ts";
import type { StackConfig } from "../stack/config.ts";
import { readStackFile } from "../stack/stack-file.ts";
import { stackRules } from "../staging/stack-rules.ts";
import { annotation } from "./annotation.ts";
import { codeownersProblems } from "./codeowners-current.ts";
import { CommandError } from "./command.ts";
import { exitCodes } from "./exit-codes.ts";
import { printJson, printNote, printRaw, printResult } from "./output.ts";

/** `artifacts check`. */
export const checkCommand = new Command("check")
  .summary("check the manifests, the stack's config and CODEOWNERS")
  .description(
    "Checks the manifests, the stack's config and .github/CODEOWNERS without cloud or engine. Reports every mistake at once, each with file and line.",
  )
  .argument(
    "[folder]",
    "the folder of the projects' folders (default artifacts:manifests of the stack, else manifests)",
  )
  .option(
    "--stack <name>",
    "check Pulumi.NAME.yaml too, and the manifests against it (default prod, if Pulumi.prod.yaml exists)",
  )
  .option("--config-file <file>", "the stack's file, where it is another one")
  .option(
    "--json",
    'one JSON document: {"problems": [{severity, file, line, column, message}], "projects", "images", "digests", "tags", "files"}',
  )
  .option("--github", "also print annotations for a pull request (default where GITHUB_ACTIONS is true)")
  .option("--strict", "warnings count as errors")
  .action(async (given, values) => {
    const stack = await readStack(values.stack, values.configFile);
    const folder = given ?? stack.config?.manifests ?? "manifests";
    await mustBeFolder(folder);
    const { projects, problems: inManifests } = await loadManifests(folder, stack.config && stackRules(stack.config));
    const whole = !inManifests.some(({ severity }) => severity === "error");
    const inCodeowners =
      stack.config !== undefined && whole && folder === stack.config.manifests
        ? await codeownersProblems(stack.config, stackFileOf(values.stack), projects)
        : [];
    const loaded: Loaded = {
      projects,
      problems: [...stack.problems, ...inManifests, ...inCodeowners].sort(inReadingOrder),
    };
    const fails = values.strict === true || loaded.problems.some(({ severity }) => severity === "error");
    printJson({ problems: loaded.problems, ...counts(loaded) });
    if (values.json !== true) {
      const github = values.github ?? process.env["GITHUB_ACTIONS"] === "true";
      for (const problem of loaded.problems) printResult(problemLine(problem));
      if (github) for (const problem of shownByGithub(loaded.problems)) printRaw(`${annotation(problem)}\n`);
      printNote(summary(folder, loaded));
    }
    process.exitCode = fails && loaded.problems.length > 0 ? exitCodes.error : exitCodes.ok;
  });

/**
 * The config of a stack from its file if it has no errors, and its problems. Without a name, the config of production, or nothing if it does not
 * exist, since a repository with only manifests can be checked too.
 */
async function readStack(
  name: string | undefined,
  given: string | undefined,
): Promise<{ config?: StackConfig; problems: Problem[] }> {
  const file = given ?? stackFileOf(name);
  try {
    const read = await readStackFile(file);
    if ("errors" in read)
      return { problems: read.errors.map((problem) => ({ ...problem, severity: "error", column: 1 })) };
    return {
      config: read.config,
      problems: read.warnings.map((problem) => ({ ...problem, severity: "warning", column: 1 })),
    };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    if (name !== undefined || given !== undefined)
      throw new CommandError(`there is no ${file}: give the name of a stack with --stack`);
    return { problems: [] };
  }
}

function stackFileOf(name: string | undefined): string {
  return `Pulumi.${name ?? "prod"}.yaml`;
}

/** GitHub shows ten errors and ten warnings of a step; the log has them all. */
function shownByGithub(problems: readonly Problem[]): Problem[] {
  const ten = (severity: Problem["severity"]) =>
    problems.filter((problem) => problem.severity === severity).slice(0, 10);
  return [...ten("error"), ...ten("warning")];
}

async function mustBeFolder(folder: string): Promise<void> {
  const found = await stat(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT" || error.code === "ENOTDIR") return undefined;
    throw error;
  });
  if (found?.isDirectory() !== true)
    throw new CommandError(`there is no folder ${folder}: give the folder of the manifests`);
}

/** What the projects without errors want in production. */
function counts({ projects }: Loaded): Record<"projects" | "images" | "digests" | "tags" | "files", number> {
  const images = projects.flatMap((project) => project.images);
  const digests = images.flatMap((image) => image.digests);
  return {
    projects: projects.length,
    images: images.length,
    digests: digests.length,
    tags: digests.reduce((sum, { tags }) => sum + tags.length, 0),
    files: projects.reduce((sum, { files }) => sum + files.length, 0),
  };
}

function summary(folder: string, loaded: Loaded): string {
  const { projects, images, digests, tags, files } = counts(loaded);
  const wanted = [
    countOf(projects, "project"),
    countOf(images, "image"),
    countOf(digests, "digest"),
    countOf(tags, "tag"),
    countOf(files, "file"),
  ];
  const errors = loaded.problems.filter(({ severity }) => severity === "error").length;
  const warnings = loaded.problems.length - errors;
  const found =
    errors + warnings === 0
      ? "no mistakes"
      : [
          ...(errors > 0 ? [countOf(errors, "error")] : []),
          ...(warnings > 0 ? [countOf(warnings, "warning")] : []),
        ].join(", ");
  return `${folder}: ${found}${errors > 0 ? "; without mistakes are" : " in"} ${wanted.join(", ")}`;
}
