import { stat } from "node:fs/promises";
import { parseArgs } from "node:util";
import { loadManifests } from "../manifests/load.ts";
import { type Problem, problemLine } from "../manifests/problem.ts";
import type { Loaded } from "../manifests/read.ts";
import { countOf } from "../promotion/text/count-of.ts";
import { annotation } from "./annotation.ts";
import { CommandError, runCommand, UsageError } from "./command.ts";

const usage = `Checks manifests without cloud or engine: every mistake at once, each at its file and line.

usage: npm run check [-- [FOLDER] [options]]
  FOLDER        the folder of the projects' folders (default manifests)
  --json        one JSON document: {"problems": [{severity, file, line, column, message}], "projects", "images", "digests", "tags", "files"}
  --github      annotations for a pull request too (default where GITHUB_ACTIONS is true)
  --strict      warnings count as errors

exit code: 0 no error, 1 errors, 2 called wrongly`;

await runCommand(usage, async (args) => {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: { json: { type: "boolean" }, github: { type: "boolean" }, strict: { type: "boolean" } },
  });
  const [folder = "manifests", ...rest] = positionals;
  if (rest.length > 0) throw new UsageError("one folder at most");
  await mustBeFolder(folder);
  const loaded = await loadManifests(folder);
  const fails = values.strict === true || loaded.problems.some(({ severity }) => severity === "error");
  if (values.json === true) console.log(JSON.stringify({ problems: loaded.problems, ...counts(loaded) }, undefined, 2));
  else {
    const github = values.github ?? process.env["GITHUB_ACTIONS"] === "true";
    for (const problem of loaded.problems) console.log(problemLine(problem));
    if (github) for (const problem of shownByGithub(loaded.problems)) console.log(annotation(problem));
    console.log(summary(folder, loaded));
  }
  return fails && loaded.problems.length > 0 ? 1 : 0;
});

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
    throw new CommandError(`there is no folder ${folder}: name the folder of the manifests`);
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
