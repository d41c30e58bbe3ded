import { existsSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Command, Option } from "@commander-js/extra-typings";
import { manifestTexts, shownPath } from "../manifests/load.ts";
import { projectPattern } from "../manifests/names.ts";
import { problemLine, quoted } from "../manifests/problem.ts";
import { projectText } from "../manifests/project-text.ts";
import { readManifests } from "../manifests/read.ts";
import { printable } from "../promotion/text/printable.ts";
import type { StackConfig } from "../stack/config.ts";
import { readStackFile } from "../stack/stack-file.ts";
import { releaseWorkflow } from "./ci-workflow.ts";
import { CommandError, UsageError } from "./command.ts";
import { printJson, printNote } from "./output.ts";
import { repeated } from "./repeated.ts";
import { stagingByName } from "./staging.ts";

/** `artifacts new`. */
export const newCommand = new Command("new")
  .summary("create a project: grant it its staging area")
  .description(
    "Writes manifests/<project>/project.yaml, which grants the project its staging area once it is merged and deployed.",
  )
  .argument("<project>", "its name: lower-case letters and digits in words joined by -, at most 63 characters")
  .requiredOption("--owners <group>", "mail address of the group whose members may push")
  .option(
    "--repository <owner/name=id>",
    "a GitHub repository whose release builds may push, by OIDC, with its number: gh api repos/<owner/name> --jq .id (may be repeated)",
    repeated,
    [],
  )
  .option(
    "--approver <who>",
    "a GitHub user, or a team as organization/team, that approves changes of its folder (may be repeated)",
    repeated,
    [],
  )
  .option("--description <text>", "what it is, in a line")
  .option("--contact <text>", "where users ask about it")
  .addOption(new Option("--staging <what>", "what it stages").choices(["images", "files", "both"]).default("images"))
  .option("--retention-days <n>", "days after which artifacts in staging expire (default 90)")
  .option("--image-prefix <path>", `where its images appear (default the project's name; "" for the root)`)
  .option(
    "--file-prefix <path>",
    `where its files appear below binaries/ (default the project's name; "" for the root)`,
  )
  .option("--mutable-tag <glob>", "a pattern of tags that may move (may be repeated)", repeated, [])
  .option("--mutable-file <glob>", "a pattern of files whose content may change (may be repeated)", repeated, [])
  .option("--removal-share <share>", "the share of its artifacts that one run may remove, 0 to 1 (default 0.5)")
  .option("--manifests <folder>", "the folder of the projects' folders", "manifests")
  .option("--stack <name>", "the stack whose config says where the staging area will be", "prod")
  .addOption(new Option("--ci <service>", "also write a workflow for the project's own repository").choices(["github"]))
  .option("--json", "one JSON document: {project, file, staging: {repository, bucket}, workflow}")
  .action(async (project, values) => {
    if (!projectPattern.test(project))
      throw new CommandError(
        `${quoted(project)} is not a project name: use at most 63 lower-case letters and digits in words joined by -, a letter first`,
      );
    const declaration = projectText({
      description: values.description ?? `Artifacts of ${project}`,
      group: values.owners,
      repositories: values.repository.map(namedRepository),
      approvers: values.approver,
      contact: values.contact,
      images: values.staging !== "files",
      files: values.staging !== "images",
      retentionDays: values.retentionDays,
      imagePrefix: values.imagePrefix,
      filePrefix: values.filePrefix,
      mutableTags: values.mutableTag,
      mutableFiles: values.mutableFile,
      removalShare: values.removalShare,
    });
    const file = `${project}/project.yaml`;
    await mkdir(values.manifests, { recursive: true });
    const { texts } = await manifestTexts(values.manifests);
    const shown = join(values.manifests, file);
    if (texts.has(file)) throw new CommandError(`${shown} already exists: edit it`);
    const folder = shownPath(values.manifests);
    const { problems } = readManifests(new Map([...texts, [file, declaration]]), folder);
    const own = problems.filter(
      (problem) => problem.severity === "error" && problem.file === (folder === "" ? file : `${folder}/${file}`),
    );
    if (own.length > 0)
      throw new CommandError(`nothing written: project.yaml would have errors:\n${own.map(problemLine).join("\n")}`);
    const staging = await stagingAreaOf(project, values.stack, values.staging);
    if (values.ci !== undefined && staging === undefined)
      throw new CommandError(
        `nothing written: --ci needs the config of the stack, Pulumi.${values.stack}.yaml: name the stack with --stack`,
      );
    const workflow = values.ci === undefined ? undefined : `release-${project}.yml`;
    if (workflow !== undefined && existsSync(workflow))
      throw new CommandError(`nothing written: ${workflow} already exists: remove it, or leave out --ci`);
    await mkdir(join(values.manifests, project), { recursive: true });
    await writeFile(shown, declaration, { flag: "wx" });
    if (workflow !== undefined && staging !== undefined)
      await writeFile(
        workflow,
        releaseWorkflow({
          project,
          identityProvider: `projects/${staging.config.projectNumber}/locations/global/workloadIdentityPools/github/providers/actions`,
          registryUri: staging.repository,
          bucket: staging.bucket,
          manifests: staging.config.repository,
        }),
        { flag: "wx" },
      );
    const { repository, bucket } = staging ?? {};
    printJson({ project, file: shown, staging: { repository, bucket }, workflow });
    printNote(`${shown}: written. Commit it and open a pull request; once it is merged and deployed, ${values.owners} pushes to the staging area,
and npm run promote -- ${project} ${values.staging === "files" ? "files PATH" : "IMAGE:TAG"} puts what is there into production.`);
    if (values.approver.length > 0)
      printNote("npm run codeowners writes its approvers into CODEOWNERS: commit it, too.");
    if (repository !== undefined) printNote(`Staging area for images: ${repository}/IMAGE:TAG`);
    if (bucket !== undefined) printNote(`Staging area for files:  gs://${bucket}/PATH`);
    if (workflow !== undefined)
      printNote(
        `${workflow}: written. Move it to .github/workflows/artifacts.yml of the project's own repository, which --repository names.`,
      );
  });

function namedRepository(given: string): { name: string; id: string } {
  const [, name, id] = /^([^=]*)=(\d+)$/.exec(given) ?? [];
  if (name !== undefined && id !== undefined) return { name, id };
  const asked = given.replace(/=.*$/s, "");
  throw new UsageError(
    `--repository ${printable(given, 200)} must be a name with its number, ${printable(asked, 200)}=NUMBER: gh api repos/${printable(asked, 200)} --jq .id prints it`,
  );
}

/** Where a new project will stage, and the config that says so; undefined without the stack's file. */
async function stagingAreaOf(
  project: string,
  stack: string,
  what: "images" | "files" | "both",
): Promise<{ config: StackConfig; repository: string | undefined; bucket: string | undefined } | undefined> {
  const file = `Pulumi.${stack}.yaml`;
  if (!existsSync(file)) return undefined;
  const read = await readStackFile(file);
  if ("errors" in read) return undefined; // npm run check names them
  const { registryUri, bucket } = stagingByName(read.config, project);
  return {
    config: read.config,
    repository: what === "files" ? undefined : registryUri,
    bucket: what === "images" ? undefined : bucket,
  };
}
