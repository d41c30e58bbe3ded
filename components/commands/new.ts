import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { manifestTexts, shownPath } from "../manifests/load.ts";
import { projectPattern } from "../manifests/names.ts";
import { problemLine, quoted } from "../manifests/problem.ts";
import { projectText } from "../manifests/project-text.ts";
import { readManifests } from "../manifests/read.ts";
import { CommandError, runCommand, UsageError } from "./command.ts";

const usage = `Writes manifests/<project>/project.yaml, which grants the project its staging area once it is merged and deployed.

usage: npm run new -- PROJECT --owners GROUP [options]
  PROJECT              its name: lower-case letters and digits in words joined by -, at most 24 characters
  --owners GROUP       mail address of the group whose members may push
  --repository O/N     a GitHub repository whose workflows may push, by OIDC (any number of times)
  --approver WHO       a GitHub user, or a team as organization/team, that approves changes of its folder (any number of times)
  --description TEXT   what it is, in a line
  --contact TEXT       where users ask about it
  --staging WHAT       images, files or both (default images)
  --retention-days N   days after which artifacts in staging expire (default 90)
  --image-prefix PATH  where its images appear (default the project's name; "" for the root)
  --file-prefix PATH   where its files appear below binaries/ (default the project's name; "" for the root)
  --mutable-tag GLOB   a pattern of tags that may move (any number of times)
  --removal-share S    the share of its artifacts that one run may remove, 0 to 1 (default 0.5)
  --manifests FOLDER   the folder of the projects' folders (default manifests)`;

await runCommand(usage, async (args) => {
  const text = { type: "string" } as const;
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      owners: text,
      repository: { type: "string", multiple: true },
      approver: { type: "string", multiple: true },
      description: text,
      contact: text,
      staging: { type: "string", default: "images" },
      "retention-days": text,
      "image-prefix": text,
      "file-prefix": text,
      "mutable-tag": { type: "string", multiple: true },
      "removal-share": text,
      manifests: { type: "string", default: "manifests" },
    },
  });
  const [project, ...rest] = positionals;
  if (project === undefined || rest.length > 0) throw new UsageError("give one project");
  if (!projectPattern.test(project))
    throw new CommandError(
      `${quoted(project)} is not a project name: use at most 24 lower-case letters and digits in words joined by -, a letter first`,
    );
  if (values.owners === undefined) throw new UsageError("--owners GROUP is required: the group that owns the project");
  if (!["images", "files", "both"].includes(values.staging))
    throw new UsageError(`--staging is images, files or both, not ${values.staging}`);
  const declaration = projectText({
    description: values.description ?? `Artifacts of ${project}`,
    group: values.owners,
    repositories: values.repository ?? [],
    approvers: values.approver ?? [],
    contact: values.contact,
    images: values.staging !== "files",
    files: values.staging !== "images",
    retentionDays: values["retention-days"],
    imagePrefix: values["image-prefix"],
    filePrefix: values["file-prefix"],
    mutableTags: values["mutable-tag"] ?? [],
    removalShare: values["removal-share"],
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
  await mkdir(join(values.manifests, project), { recursive: true });
  await writeFile(shown, declaration, { flag: "wx" });
  console.log(`${shown}: written. Commit it and open a pull request; once it is merged and deployed, ${values.owners} pushes to the staging area,
and npm run promote -- ${project} ${values.staging === "files" ? "files PATH" : "IMAGE:TAG"} puts what is there into production.`);
  return 0;
});
