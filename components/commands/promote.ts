import { parseArgs } from "node:util";
import { addFile } from "../manifests/edit-files.ts";
import { addDigest, removeTag } from "../manifests/edit-images.ts";
import { tagMatcher } from "../promotion/images/tag-patterns.ts";
import { Transport } from "../promotion/oci/transport.ts";
import { openStorage } from "../promotion/storage/storage.ts";
import { asking, CommandError, runCommand, UsageError } from "./command.ts";
import { OpenProject } from "./open-project.ts";
import { parseReference } from "./reference.ts";
import { findStagedFiles } from "./staged-files.ts";
import { type StagedImage, StagedImages } from "./staged-images.ts";
import { type StagingOverrides, stagingOf } from "./staging.ts";
import { traceIfAsked, traceOption, traceUsage } from "./trace-option.ts";

const usage = `Adds artifacts of a project's staging area to its manifest, by digest, so that the next deployment publishes them.

usage: npm run promote -- PROJECT IMAGE[:TAG][@DIGEST] ... [options]
       npm run promote -- PROJECT files PATH ... [options]
  IMAGE                the newest version in staging
  IMAGE:TAG            the digest that the tag has in staging now
  IMAGE@DIGEST         a digest, without a tag
  IMAGE:TAG@DIGEST     a digest, with this tag
  PATH                 a file; with a / at the end, all files below it
  --stack NAME         the stack of the staging area, whose config is Pulumi.NAME.yaml (default prod)
  --staging URI        the project's staging repository, HOST/PATH, instead of the stack's
  --bucket NAME        the project's staging bucket, instead of the stack's
  --gcs-endpoint URL   address of Google Cloud Storage, instead of the stack's
  --manifests FOLDER   the folder of the projects' folders (default manifests)
${traceUsage}
  --dry-run            print what would change, and write nothing`;

await runCommand(usage, async (args) => {
  const text = { type: "string" } as const;
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      stack: { type: "string", default: "prod" },
      staging: text,
      bucket: text,
      "gcs-endpoint": text,
      manifests: { type: "string", default: "manifests" },
      "dry-run": { type: "boolean" },
      trace: traceOption,
    },
  });
  traceIfAsked(values.trace);
  const [name, ...wanted] = positionals;
  const [first, ...paths] = wanted;
  if (name === undefined || first === undefined || (first === "files" && paths.length === 0))
    throw new UsageError("give a project and what to promote");
  const open = await OpenProject.open(values.manifests, name);
  const overrides: StagingOverrides = {
    registryUri: values.staging,
    bucket: values.bucket,
    gcsEndpoint: values["gcs-endpoint"],
  };
  const warnings =
    first === "files"
      ? await promoteFiles(open, paths, values.stack, overrides)
      : await promoteImages(open, wanted, values.stack, overrides);
  const changes = await open.save(values["dry-run"] === true);
  for (const line of changes) console.log(line);
  for (const warning of warnings) console.log(`warning: ${warning}`);
  const files = open.changedFiles().join(", ");
  console.log(
    changes.length === 0
      ? "nothing to do: everything is in the manifest"
      : values["dry-run"] === true
        ? `${files}: not written`
        : `${files}: written. Open a pull request; its preview checks this against staging.`,
  );
  return 0;
});

async function promoteImages(
  open: OpenProject,
  wanted: readonly string[],
  stack: string,
  overrides: StagingOverrides,
): Promise<string[]> {
  const references = wanted.map(parseReference);
  const { project } = open;
  const { registryUri } = await stagingOf(project.name, stack, "images", overrides);
  const transport = new Transport();
  try {
    const staged = new StagedImages(transport, registryUri);
    const [found, warnings] = await asking(`staging of ${project.name} cannot be read`, async () => {
      const images = await Promise.all(references.map((reference) => staged.find(reference)));
      return [images, await Promise.all(images.map((image) => staged.lostPlatforms(project, image)))] as const;
    });
    for (const image of found) addImage(open, image);
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
  const isMutable = tagMatcher(project.mutableTags);
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
  const { bucket, gcsEndpoint } = await stagingOf(open.project.name, stack, "files", overrides);
  const storage = openStorage(gcsEndpoint === undefined ? {} : { gcsEndpoint });
  try {
    const staging = storage.open({ kind: "gcs", bucket });
    for (const path of paths)
      for (const file of await asking(`staging of ${open.project.name} cannot be read`, () =>
        findStagedFiles(staging, path),
      )) {
        const release = file.name.split("/")[0] ?? file.name;
        open.edit(open.holderOf({ file: file.name }) ?? open.targetFor("files", release), (text) =>
          addFile(text, file),
        );
      }
  } finally {
    await storage.close();
  }
  return [];
}
