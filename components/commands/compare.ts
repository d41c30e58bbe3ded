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
import { CommandError } from "./command.ts";
import {
  type ComparedName,
  compareRegistries,
  type LookUp,
  type RegistryDifference,
  sampleOf,
} from "./compare-registries.ts";
import { exitCodes } from "./exit-codes.ts";
import { interruptible } from "./interruptible.ts";
import { printJson, printNote, printResult } from "./output.ts";
import { repeated } from "./repeated.ts";
import { traceDescription, traceIfAsked } from "./trace-option.ts";

/** Names that are asked for at a time; the client keeps to the limits of each host. */
const atATime = 16;

/** `artifacts compare`. */
export const compareCommand = new Command("compare")
  .summary("compare what two registries serve by the names of the manifests")
  .description(
    "Asks two registries, or redirectors in front of them, for every image of the manifests by the name that clients use, and compares the digests. Reads nothing but OCI manifests' heads, as anybody. Exit code 3: they differ; 1: a name could not be asked for.",
  )
  .requiredOption("--registry <uri>", "the first, HOST or HOST/PATH, e.g. registry.k8s.io")
  .requiredOption("--with <uri>", "the second, e.g. artifacts.example.org")
  .option("--manifests <folder>", "the folder of the projects' folders", "manifests")
  .option("--project <name>", "only this project (may be repeated)", repeated, [])
  .option("--sample <n>", "only so many names, spread over all")
  .option("--trace", traceDescription)
  .option(
    "--json",
    "one JSON document: {compared, differences: [{name, what, digest, first, second}], unreadable}; what: lost, gained, moved, absent (in both)",
  )
  .action(async (values) => {
    traceIfAsked(values.trace);
    const all = namesOf(await readProjects(values.manifests, values.project));
    const { sample } = values;
    if (sample !== undefined && !/^[1-9][0-9]{0,8}$/.test(sample))
      throw new CommandError(`--sample is a number of names, not ${escapeUnprintable(sample)}`);
    const names = sample === undefined ? all : sampleOf(all, Number(sample));
    if (names.length === 0) throw new CommandError(`${values.manifests} has no images to compare`);
    const transport = new Transport();
    try {
      const comparison = await interruptible((signal) => {
        const lookUp =
          (uri: string): LookUp =>
          async ({ repository, reference }) =>
            (await headManifest({ transport, repository: repositoryAt(uri, repository), signal }, reference))?.digest;
        const limited = pLimit(atATime);
        return compareRegistries(names, lookUp(values.registry), lookUp(values.with), (work) => limited(work));
      });
      printJson(comparison);
      for (const difference of comparison.differences) printResult(differenceLine(difference));
      for (const line of comparison.unreadable) printResult(`? ${escapeUnprintable(line)}`);
      const found = comparison.differences.length;
      printNote(
        `${countOf(comparison.compared, "name")} of ${countOf(all.length, "name")} compared: ${found === 0 ? "equal" : countOf(found, "difference")}${comparison.unreadable.length === 0 ? "" : `, ${countOf(comparison.unreadable.length, "name")} could not be asked for`}`,
      );
      process.exitCode =
        comparison.unreadable.length > 0 ? exitCodes.error : found > 0 ? exitCodes.differs : exitCodes.ok;
    } finally {
      await transport.close();
    }
  });

async function readProjects(folder: string, only: readonly string[]): Promise<readonly Project[]> {
  const { projects, problems } = await loadManifests(folder);
  const errors = problems.filter(({ severity }) => severity === "error");
  if (errors.length > 0) throw new CommandError(`the manifests have errors:\n${errors.map(problemLine).join("\n")}`);
  const absent = only.filter((name) => !projects.some((project) => project.name === name));
  if (absent.length > 0) throw new CommandError(`there is no project ${absent.join(", ")} in ${folder}`);
  return projects.filter(({ name }) => only.length === 0 || only.includes(name));
}

/** Every name that clients may pull an image of the projects by. */
function namesOf(projects: readonly Project[]): ComparedName[] {
  return projects.flatMap(({ images, imagePrefixes }) =>
    images.flatMap(({ name, digests }) =>
      imagePrefixes.flatMap((prefix) =>
        digests.flatMap(({ digest, tags }) =>
          (tags.length === 0 ? [digest] : tags).map((reference) => ({
            repository: imageName(prefix, name),
            reference,
            digest,
          })),
        ),
      ),
    ),
  );
}

/** A difference as a line: `-` lost, `+` gained, `!` moved, `?` in neither. */
function differenceLine({ name, what, digest, first, second }: RegistryDifference): string {
  if (what === "lost") return `- ${name} ${first}`;
  if (what === "gained") return `+ ${name} ${second}`;
  if (what === "moved") return `! ${name} ${first} in the first, ${second} in the second`;
  return `? ${name} ${digest} is in neither`;
}
