import { Command } from "@commander-js/extra-typings";
import { addFile } from "../manifests/edit-files.ts";
import { addDigest, removeTag } from "../manifests/edit-images.ts";
import { stagingProject } from "../manifests/project.ts";
import { Transport } from "../promotion/oci/transport.ts";
import { openStorage } from "../promotion/storage/storage.ts";
import { globMatcher } from "../promotion/text/glob-matcher.ts";
import { doAll } from "./all-errors.ts";
import { asking, CommandError, UsageError } from "./command.ts";
import { localStaging } from "./local-staging.ts";
import { OpenProject } from "./open-project.ts";
import { printDetail, printJson, printNote, printResult } from "./output.ts";
import { parseFilePath, parseReference } from "./reference.ts";
import { findStagedFiles } from "./staged-files.ts";
import { type StagedImage, StagedImages } from "./staged-images.ts";
import { type StagingOverrides, stagingOf } from "./staging.ts";
import { traceDescription, traceIfAsked } from "./trace-option.ts";

/** `artifacts promote`. */
export const promoteCommand = new Command("promote")
  .summary("add artifacts of staging to a project's manifest")
  .description(
    `Adds artifacts of a project's staging area to its manifest, by digest, so that the next deployment publishes them.

  IMAGE             the newest release in staging by semantic versioning: no pre-release, no variant for a platform, no date
  IMAGE:TAG         the digest that the tag has in staging now
  IMAGE:PATTERN     every tag that matches, as app:v1.*
  IMAGE@DIGEST      a digest, without a tag
  IMAGE:TAG@DIGEST  a digest, with this tag
  files PATH        a file; with a / at the end, all files below it

Full references are taken too: HOST/PATH/IMAGE:TAG, gs://BUCKET/PATH. Checksums come from the store, from a SHA256SUMS in the file's folder or one
above, or from reading the file. All mistakes are named at once; nothing is written if there is one.`,
  )
  .usage("[options] <project> <image[:tag][@digest]>... | <project> files <path>...")
  .argument("<project>", "the project")
  .argument("<what...>", "what to add")
  .option(
    "--stack <name>",
    "the stack of the staging area, whose config is Pulumi.NAME.yaml; local is the running rehearsal",
    "prod",
  )
  .option("--staging <uri>", "the project's staging repository, HOST/PATH, instead of the stack's")
  .option("--bucket <name>", "the project's staging bucket, instead of the stack's")
  .option("--gcs-endpoint <url>", "address of Google Cloud Storage, instead of the stack's")
  .option("--pre", "the newest release may be a pre-release")
  .option("--manifests <folder>", "the folder of the projects' folders (default manifests, or the rehearsal's)")
  .option("--trace", traceDescription)
  .option("--dry-run", "print what would change, and write nothing")
  .option("--json", "one JSON document: {changes, files, written, warnings}")
  .action(async (name, wanted, values) => {
    traceIfAsked(values.trace);
    const [first, ...paths] = wanted;
    if (first === "files" && paths.length === 0) throw new UsageError("give the paths of files to promote");
    const local = await localStaging(values.stack, name);
    const open = await OpenProject.open(values.manifests ?? local?.manifests ?? "manifests", name);
    const overrides: StagingOverrides = {
      registryUri: values.staging ?? local?.staging.registryUri,
      bucket: values.bucket ?? local?.staging.bucket,
      gcsEndpoint: values.gcsEndpoint ?? local?.staging.gcsEndpoint,
    };
    const warnings =
      first === "files"
        ? await promoteFiles(open, paths, values.stack, overrides)
        : await promoteImages(open, wanted, values.stack, overrides, values.pre === true);
    const changes = await open.save(values.dryRun === true);
    for (const line of changes) printResult(line);
    for (const warning of warnings) printResult(`warning: ${warning}`);
    const files = open.changedFiles();
    printNote(
      changes.length === 0
        ? "nothing to do: everything is in the manifest"
        : values.dryRun === true
          ? `${files.join(", ")}: not written`
          : `${files.join(", ")}: written. ${local === undefined ? "Open a pull request; its preview checks this against staging." : `npm run pulumi -- up publishes it; git restore ${files.join(" ")} takes it back.`}`,
    );
    printJson({ changes, files, written: changes.length > 0 && values.dryRun !== true, warnings });
  });

async function promoteImages(
  open: OpenProject,
  wanted: readonly string[],
  stack: string,
  overrides: StagingOverrides,
  pre: boolean,
): Promise<string[]> {
  const { project } = open;
  const { registryUri } = await stagingOf(stagingProject(project), stack, "images", overrides);
  printDetail(`staging of ${project.name}: ${registryUri}`);
  const references = await doAll(wanted, (text) => parseReference(text, registryUri));
  const transport = new Transport();
  try {
    const staged = new StagedImages(transport, registryUri, project);
    const [found, warnings] = await asking(`staging of ${project.name} cannot be read`, async () => {
      const images = (await doAll(references, (reference) => staged.find(reference, pre))).flat();
      return [images, await Promise.all(images.map((image) => staged.lostPlatforms(project, image)))] as const;
    });
    await doAll(found, (image) => addImage(open, image));
    return warnings.filter((warning) => warning !== undefined);
  } finally {
    await transport.close();
  }
}

/**
 * Adds an image to the manifest; takes a tag that may move off the digest that had it, which stays in production
 * without it.
 */
function addImage(open: OpenProject, { image, digest, tags }: StagedImage): void {
  const { project } = open;
  const path = open.holderOf({ image }) ?? open.targetFor("images", image.replaceAll("/", "-"));
  const digests = project.images.find(({ name }) => name === image)?.digests ?? [];
  const isMutable = globMatcher(project.mutableTags);
  for (const tag of tags) {
    if (!digests.some((entry) => entry.digest !== digest && entry.tags.includes(tag))) continue;
    if (!isMutable(tag))
      throw new CommandError(
        `${image}:${tag} is another digest in production (${open.place({ image, tag })}), and tags do not move: promote it with a new tag, or add the tag to mutableTags of project.yaml`,
      );
    open.edit(path, (text) => removeTag(text, image, tag, true));
  }
  open.edit(path, (text) => addDigest(text, image, digest, tags));
}

async function promoteFiles(
  open: OpenProject,
  paths: readonly string[],
  stack: string,
  overrides: StagingOverrides,
): Promise<string[]> {
  const { bucket, gcsEndpoint } = await stagingOf(stagingProject(open.project), stack, "files", overrides);
  const storage = openStorage(gcsEndpoint === undefined ? {} : { gcsEndpoint });
  try {
    const staging = storage.open({ kind: "gcs", bucket });
    printDetail(`staging of ${open.project.name}: ${staging.url}`);
    const folder = open.project.staging.filesFolder;
    const below = await doAll(paths, (path) => parseFilePath(path, bucket, folder));
    const files = await asking(`staging of ${open.project.name} cannot be read`, () =>
      doAll(below, (path) => findStagedFiles(staging, path, folder)),
    );
    const isMutable = globMatcher(open.project.mutableFiles ?? []);
    await doAll(files.flat(), (file) => {
      const release = file.name.split("/")[0] ?? file.name;
      open.edit(open.holderOf({ file: file.name }) ?? open.targetFor("files", release), (text) =>
        addFile(text, file, isMutable(file.name)),
      );
    });
  } finally {
    await storage.close();
  }
  return [];
}
