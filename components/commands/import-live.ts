/** Import of what is published elsewhere: the tags of a registry or of a regsync.yml, the files of a bucket, into a project's manifests. */
import { readFile } from "node:fs/promises";
import pLimit from "p-limit";
import { addFile } from "../manifests/edit-files.ts";
import { addDigest } from "../manifests/edit-images.ts";
import { readRegsync } from "../manifests/import-regsync.ts";
import { compareVersions } from "../manifests/versions.ts";
import { headManifest } from "../promotion/oci/manifests.ts";
import type { Remote } from "../promotion/oci/remote.ts";
import { listRepositories } from "../promotion/oci/repositories.ts";
import { repositoryAt } from "../promotion/oci/repository.ts";
import { listTags } from "../promotion/oci/tags.ts";
import { Transport } from "../promotion/oci/transport.ts";
import { progressLine } from "../promotion/run/progress.ts";
import { openStorage } from "../promotion/storage/storage.ts";
import { attachedTagPattern } from "../promotion/text/oci-grammar.ts";

import { doAll } from "./all-errors.ts";
import { asking, CommandError, UsageError } from "./command.ts";
import { exitCodes } from "./exit-codes.ts";
import { OpenProject } from "./open-project.ts";
import { printJson, printNote, printProgress, printResult } from "./output.ts";
import { findStagedFiles } from "./staged-files.ts";

/** What is to be imported. */
export type LiveSource =
  | { readonly kind: "regsync"; readonly file: string }
  | { readonly kind: "registry"; readonly uri: string }
  | { readonly kind: "bucket"; readonly bucket: string; readonly prefix: string };

/** What the argument of `import` names, if it is not a checkout: FILE.yml, gs://BUCKET/PREFIX/, or HOST/PATH of a registry. Pure. */
export function liveSourceOf(text: string): LiveSource | undefined {
  const bucket = /^gs:\/\/([^/]+)\/?(.*)$/.exec(text);
  if (bucket !== null) return { kind: "bucket", bucket: bucket[1]!, prefix: bucket[2]!.replace(/(?<=[^/])$/, "/") };
  if (/\.ya?ml$/.test(text)) return { kind: "regsync", file: text };
  const bare = text.replace(/^(?:https?|docker|oci):\/\//, "").replace(/\/$/, "");
  return /^(?:localhost|[\w-]+(?:\.[\w-]+)+|[\w.-]+:\d+)(?::\d+)?\/[a-z0-9]/.test(bare) && !/^\.{0,2}\//.test(text)
    ? { kind: "registry", uri: bare }
    : undefined;
}

/** What the command was called with. */
export interface LiveImport {
  readonly project: string | undefined;
  readonly manifests: string;
  readonly dryRun: boolean;
  readonly gcsEndpoint: string | undefined;
}

/** One tag to import. */
interface FoundTag {
  readonly image: string;
  readonly tag: string;
  readonly digest: string;
}

/**
 * Adds everything that a source publishes to the manifests of a project, and prints what changed. Sets the exit code: 1 if something could not
 * be taken over. Throws CommandError with all mistakes; nothing is written then.
 */
export async function importLive(source: LiveSource, options: LiveImport): Promise<void> {
  if (options.project === undefined)
    throw new UsageError(
      "--project NAME is required: the project that takes what is imported; create it with npm run new",
    );
  const open = await OpenProject.open(options.manifests, options.project);
  const problems =
    source.kind === "bucket"
      ? await importFiles(open, source, options)
      : await withTransport((transport) =>
          source.kind === "registry"
            ? importRegistry(open, source.uri, transport)
            : importRegsync(open, source.file, transport),
        );
  const changes = await open.save(options.dryRun);
  for (const line of changes) printResult(line);
  for (const problem of problems) printResult(`error: ${problem}`);
  const files = open.changedFiles();
  printNote(
    changes.length === 0
      ? problems.length > 0
        ? "nothing was imported"
        : "nothing to do: everything is in the manifest"
      : `${files.join(", ")}: ${options.dryRun ? "not written" : "written. The first deployment copies it from staging: push it there, or import from the staging area"}`,
  );
  printJson({ changes, files, written: changes.length > 0 && !options.dryRun, problems });
  process.exitCode = problems.length > 0 ? exitCodes.error : exitCodes.ok;
}

async function withTransport<T>(use: (transport: Transport) => Promise<T>): Promise<T> {
  const transport = new Transport();
  try {
    return await use(transport);
  } finally {
    await transport.close();
  }
}

/** Every repository below a path of a registry, with all its tags. */
async function importRegistry(open: OpenProject, uri: string, transport: Transport): Promise<string[]> {
  const at: Remote = { transport, repository: repositoryAt(uri), signal: AbortSignal.timeout(3_600_000) };
  const names = await asking(`${uri} cannot be listed`, () => listRepositories(at));
  const below = names.filter((name) => name.startsWith(`${at.repository.name}/`));
  const wanted = below.map((name) => ({
    image: name.slice(at.repository.name.length + 1),
    source: `${at.repository.host}/${name}`,
    tag: undefined,
    takes: () => true,
  }));
  await addImages(open, wanted, transport);
  return [];
}

/** What a regsync.yml copies today. @returns what could not be taken over. */
async function importRegsync(open: OpenProject, file: string, transport: Transport): Promise<string[]> {
  const text = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") throw new CommandError(`there is no ${file}`);
    throw error;
  });
  const { copies, problems } = readRegsync(text, file);
  const unmatched = await addImages(open, copies, transport).catch((error: unknown) => {
    // What the file itself has wrong is said too, or it would be found one import later.
    if (!(error instanceof CommandError) || problems.length === 0) throw error;
    throw new CommandError([error.message, ...problems].join("\n"));
  });
  return [...problems, ...unmatched.map((source) => `${file}: ${source} has no tag that allow and deny let through`)];
}

interface WantedTags {
  readonly image: string;
  readonly source: string;
  readonly tag: string | undefined;
  readonly takes: (tag: string) => boolean;
}

/** Reads the digest of every tag, eight at a time, and adds them to the manifest. @returns the sources of which no tag is wanted. */
async function addImages(open: OpenProject, wanted: readonly WantedTags[], transport: Transport): Promise<string[]> {
  const atOnce = pLimit(8);
  const tell = progressLine((line) => printProgress(`read ${line} tags`));
  let [done, total] = [0, 0];
  const found = await asking("the source cannot be read", () =>
    doAll(wanted, async ({ image, source, tag, takes }): Promise<FoundTag[]> => {
      const remote: Remote = { transport, repository: repositoryAt(source), signal: AbortSignal.timeout(3_600_000) };
      const all = tag === undefined ? (await listTags(remote)).tags : [tag];
      const tags = all.filter((one) => !attachedTagPattern.test(one) && takes(one)).sort(compareVersions);
      total += tags.length;
      return await Promise.all(
        tags.map((one) =>
          atOnce(async () => {
            const head = await headManifest(remote, one);
            if (head === undefined) throw new CommandError(`${source}:${one} is not there`);
            tell({ done: ++done, total, failed: 0, bytes: 0, mirrors: [] });
            return { image, tag: one, digest: head.digest };
          }),
        ),
      );
    }),
  );
  await doAll(found.flat(), ({ image, tag, digest }) => {
    const path = open.holderOf({ image }) ?? open.targetFor("images", image.replaceAll("/", "-"));
    const held = open.project.images.find(({ name }) => name === image)?.digests ?? [];
    if (held.some((one) => one.digest !== digest && one.tags.includes(tag)))
      throw new CommandError(`${image}:${tag} is another digest in the manifest (${open.place({ image, tag })})`);
    open.edit(path, (text) => addDigest(text, image, digest, [tag]));
  });
  return wanted.filter((_, index) => found[index]?.length === 0).map(({ source }) => source);
}

/** Every file below a prefix of a bucket. */
async function importFiles(
  open: OpenProject,
  { bucket, prefix }: { readonly bucket: string; readonly prefix: string },
  { gcsEndpoint }: LiveImport,
): Promise<string[]> {
  const storage = openStorage(gcsEndpoint === undefined ? {} : { gcsEndpoint });
  try {
    const folder = prefix === "" ? undefined : prefix.replace(/\/$/, "");
    const files = await asking(`gs://${bucket} cannot be read`, () =>
      findStagedFiles(storage.open({ kind: "gcs", bucket }), "", folder),
    );
    await doAll(files, (file) => {
      const release = file.name.split("/")[0] ?? file.name;
      open.edit(open.holderOf({ file: file.name }) ?? open.targetFor("files", release), (text) => addFile(text, file));
    });
    return [];
  } finally {
    await storage.close();
  }
}
