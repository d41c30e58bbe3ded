import { Command } from "@commander-js/extra-typings";
import pLimit from "p-limit";
import { imageName } from "../../redirector/object-paths.ts";
import { loadManifests } from "../manifests/load.ts";
import { problemLine } from "../manifests/problem.ts";
import type { Project } from "../manifests/project.ts";
import { headManifest } from "../promotion/oci/manifests.ts";
import { repositoryAt } from "../promotion/oci/repository.ts";
import { Transport } from "../promotion/oci/transport.ts";
import { countOf } from "../promotion/text/count-of.ts";
import { escapeUnprintable } from "../promotion/text/printable.ts";
import { CommandError, UsageError } from "./command.ts";
import {
  type FileEndpoints,
  type FileLocation,
  type FileReader,
  fileLocationOf,
  filesOf,
  openFileLocation,
} from "./compare-files.ts";
import {
  type Compared,
  compareLocations,
  type LocationComparison,
  type LocationDifference,
  type LookUp,
  sampleOf,
} from "./compare-locations.ts";
import { exitCodes } from "./exit-codes.ts";
import { interruptible } from "./interruptible.ts";
import { printJson, printNote, printResult } from "./output.ts";
import { repeated } from "./repeated.ts";
import { traceDescription, traceIfAsked } from "./trace-option.ts";

/** Names that are asked for at a time; the client keeps to the limits of each host. */
const atATime = 16;

/** `artifacts compare`. */
export const compareCommand = new Command("compare")
  .summary("compare what two registries, or two places of files, serve by the names of the manifests")
  .description(
    "With --registry: asks two registries, or redirectors in front of them, for every image of the manifests by the name that clients use, and compares the digests. Reads nothing but OCI manifests' heads, as anybody. With --files: compares the SHA-256 of every file of the manifests in two buckets or HTTP servers; what its store does not prove, and everything over HTTP, is downloaded. Exit code 3: they differ; 1: a name could not be asked for.",
  )
  .option("--registry <uri>", "the first registry, HOST or HOST/PATH, e.g. registry.k8s.io")
  .option("--files <place>", "the first place of files, gs://BUCKET, s3://BUCKET@REGION or https://HOST")
  .requiredOption(
    "--with <place>",
    "the second, of the same kind, e.g. artifacts.example.org or https://artifacts.example.org",
  )
  .option("--manifests <folder>", "the folder of the projects' folders", "manifests")
  .option("--project <name>", "only this project (may be repeated)", repeated, [])
  .option("--sample <n>", "only so many names, spread over all")
  .option("--gcs-endpoint <url>", "address of Google Cloud Storage, instead of Google's")
  .option("--aws-endpoint <url>", "address of S3, instead of AWS's")
  .option("--trace", traceDescription)
  .option(
    "--json",
    "one JSON document: {compared, differences: [{name, what, digest, first, second}], unreadable}; what: lost, gained, moved, absent (in both)",
  )
  .action(async (values) => {
    traceIfAsked(values.trace);
    const { registry, files, sample } = values;
    if ((registry === undefined) === (files === undefined))
      throw new UsageError("give either --registry, to compare images, or --files, to compare files");
    if (sample !== undefined && !/^[1-9][0-9]{0,8}$/.test(sample))
      throw new UsageError(`--sample is a number of names, not ${escapeUnprintable(sample)}`);
    const places = files === undefined ? undefined : ([fileLocationOf(files), fileLocationOf(values.with)] as const);
    const projects = await readProjects(values.manifests, values.project);
    const picked = <Thing extends Compared>(all: readonly Thing[]): Thing[] => {
      if (all.length === 0)
        throw new CommandError(`${values.manifests} has no ${places === undefined ? "images" : "files"} to compare`);
      return sample === undefined ? [...all] : sampleOf(all, Number(sample));
    };
    if (places === undefined) {
      const all = imagesOf(projects);
      report(await interruptible((signal) => compareImages(picked(all), registry!, values.with, signal)), all.length);
    } else {
      const all = filesOf(projects);
      report(await interruptible((signal) => compareFiles(picked(all), places, values, signal)), all.length);
    }
  });

async function compareImages(
  names: readonly ComparedImage[],
  first: string,
  second: string,
  signal: AbortSignal,
): Promise<LocationComparison> {
  const transport = new Transport();
  try {
    const lookUp =
      (uri: string): LookUp<ComparedImage> =>
      async ({ repository, reference }) =>
        (await headManifest({ transport, repository: repositoryAt(uri, repository), signal }, reference))?.digest;
    return await compareLocations(names, lookUp(first), lookUp(second), pLimit(atATime));
  } finally {
    await transport.close();
  }
}

async function compareFiles(
  names: readonly Compared[],
  places: readonly [FileLocation, FileLocation],
  endpoints: FileEndpoints,
  signal: AbortSignal,
): Promise<LocationComparison> {
  const [first, second] = places.map((place) => openFileLocation(place, endpoints, signal)) as [FileReader, FileReader];
  try {
    return await compareLocations(names, first.lookUp, second.lookUp, pLimit(atATime));
  } finally {
    await Promise.all([first.close(), second.close()]);
  }
}

/** Prints a comparison and sets the exit code. @param all how many names there are. */
function report(comparison: LocationComparison, all: number): void {
  printJson(comparison);
  for (const difference of comparison.differences) printResult(differenceLine(difference));
  for (const line of comparison.unreadable) printResult(`? ${escapeUnprintable(line)}`);
  const found = comparison.differences.length;
  printNote(
    `${countOf(comparison.compared, "name")} of ${countOf(all, "name")} compared: ${found === 0 ? "equal" : countOf(found, "difference")}${comparison.unreadable.length === 0 ? "" : `, ${countOf(comparison.unreadable.length, "name")} could not be asked for`}`,
  );
  process.exitCode = comparison.unreadable.length > 0 ? exitCodes.error : found > 0 ? exitCodes.differs : exitCodes.ok;
}

async function readProjects(folder: string, only: readonly string[]): Promise<readonly Project[]> {
  const { projects, problems } = await loadManifests(folder);
  const errors = problems.filter(({ severity }) => severity === "error");
  if (errors.length > 0) throw new CommandError(`the manifests have errors:\n${errors.map(problemLine).join("\n")}`);
  const absent = only.filter((name) => !projects.some((project) => project.name === name));
  if (absent.length > 0) throw new CommandError(`there is no project ${absent.join(", ")} in ${folder}`);
  return projects.filter(({ name }) => only.length === 0 || only.includes(name));
}

/** An image by a name that clients use. */
interface ComparedImage extends Compared {
  readonly repository: string;
  /** A tag, or a digest of what has none. */
  readonly reference: string;
}

/** Every name that clients may pull an image of the projects by. */
function imagesOf(projects: readonly Project[]): ComparedImage[] {
  return projects.flatMap(({ images, imagePrefixes }) =>
    images.flatMap(({ name, digests }) =>
      imagePrefixes.flatMap((prefix) =>
        digests.flatMap(({ digest, tags }) => {
          const repository = imageName(prefix, name);
          return tags.length === 0
            ? [{ name: `${repository}@${digest}`, repository, reference: digest, digest }]
            : tags.map((tag) => ({ name: `${repository}:${tag}`, repository, reference: tag, digest }));
        }),
      ),
    ),
  );
}

/** A difference as a line: `-` lost, `+` gained, `!` moved, `?` in neither. */
function differenceLine({ name, what, digest, first, second }: LocationDifference): string {
  if (what === "lost") return `- ${name} ${first}`;
  if (what === "gained") return `+ ${name} ${second}`;
  if (what === "moved") return `! ${name} ${first} in the first, ${second} in the second`;
  return `? ${name} ${digest} is in neither`;
}
