import { Command } from "@commander-js/extra-typings";
import { removeFile } from "../manifests/edit-files.ts";
import { removeDigest, removeImage, removeTag } from "../manifests/edit-images.ts";
import { globMatcher } from "../promotion/text/glob-matcher.ts";
import { nearest } from "../promotion/text/nearest.ts";
import { CommandError, UsageError } from "./command.ts";
import { OpenProject } from "./open-project.ts";
import { printJson, printNote, printResult } from "./output.ts";
import { parseReference } from "./reference.ts";

/** `artifacts demote`. */
export const demoteCommand = new Command("demote")
  .summary("remove artifacts from a project's manifest")
  .description(
    `Removes artifacts from a project's manifest, so that the next deployment removes them from production. Does not read staging.

  IMAGE         the image with all its digests
  IMAGE:TAG     the tag, and the digest too if it has no other tag
  IMAGE:PATTERN every tag that matches, as app:v1.*
  IMAGE@DIGEST  the digest with all its tags
  files PATH    a file; with a / at the end, all files below it`,
  )
  .usage("[options] <project> <image[:tag|@digest]>... | <project> files <path>...")
  .argument("<project>", "the project")
  .argument("<what...>", "what to remove")
  .option("--manifests <folder>", "the folder of the projects' folders", "manifests")
  .option("--dry-run", "print what would change, and write nothing")
  .option("--json", "one JSON document: {changes, files, written, warnings}")
  .action(async (name, wanted, values) => {
    const [first, ...paths] = wanted;
    if (first === "files" && paths.length === 0) throw new UsageError("give the paths of files to demote");
    const open = await OpenProject.open(values.manifests, name);
    if (first === "files") for (const path of paths) demoteFiles(open, path);
    else for (const reference of wanted) demoteImage(open, reference);
    const changes = await open.save(values.dryRun === true);
    for (const line of changes) printResult(line);
    const { images, files, removalShare } = open.project;
    const all =
      first === "files"
        ? files.length
        : images.reduce(
            (sum, { digests }) => sum + digests.reduce((lines, { tags }) => lines + Math.max(1, tags.length), 0),
            0,
          );
    const gone = changes.filter((line) => line.startsWith("- ")).length;
    const warnings =
      gone > all * removalShare
        ? [
            `this is ${gone} of ${all}, more than the removalShare of ${removalShare} in project.yaml: the preview will stop and say how to confirm it`,
          ]
        : [];
    for (const warning of warnings) printResult(`warning: ${warning}`);
    const edited = open.changedFiles();
    printNote(`${edited.join(", ")}: ${values.dryRun === true ? "not written" : "written. Open a pull request."}`);
    printJson({ changes, files: edited, written: values.dryRun !== true, warnings });
  });

function demoteImage(open: OpenProject, text: string): void {
  const { image, tag, digest, pattern } = parseReference(text);
  if (tag !== undefined && digest !== undefined) throw new UsageError(`${text}: give the tag or the digest, not both`);
  const path = open.holderOf({ image });
  if (path === undefined) {
    const meant = nearest(
      image,
      open.project.images.map(({ name }) => name),
    );
    throw new CommandError(
      `image ${image} is not in the manifest of ${open.project.name}${meant === undefined ? "" : `: did you mean ${meant}?`}`,
    );
  }
  if (pattern !== undefined) {
    const tags = open.project.images
      .filter(({ name }) => name === image)
      .flatMap(({ digests }) => digests.flatMap((entry) => entry.tags))
      .filter(globMatcher([pattern]));
    if (tags.length === 0)
      throw new CommandError(`no tag of ${image} in the manifest of ${open.project.name} matches ${pattern}`);
    for (const one of tags) open.edit(path, (content) => removeTag(content, image, one));
    return;
  }
  open.edit(path, (content) =>
    tag !== undefined
      ? removeTag(content, image, tag)
      : digest !== undefined
        ? removeDigest(content, image, digest)
        : removeImage(content, image),
  );
}

function demoteFiles(open: OpenProject, path: string): void {
  const names = open.project.files
    .map(({ name }) => name)
    .filter((name) => name === path || (path.endsWith("/") && name.startsWith(path)));
  if (names.length === 0) {
    const meant = nearest(
      path,
      open.project.files.map(({ name }) => name),
    );
    throw new CommandError(
      `file ${path} is not in the manifest of ${open.project.name}${meant === undefined ? "" : `: did you mean ${meant}?`}`,
    );
  }
  for (const name of names) open.edit(open.holderOf({ file: name }) ?? "", (content) => removeFile(content, name));
}
