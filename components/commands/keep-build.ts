import { createHash } from "node:crypto";
import { copyFile, readFile } from "node:fs/promises";
import { gunzipSync } from "node:zlib";
import { Command } from "@commander-js/extra-typings";
import { unpackTar } from "modern-tar";
import { CommandError } from "./command.ts";
import { printJson, printResult } from "./output.ts";

/** The table of the clouds' address ranges in a build of the redirector. */
const rangesFile = "cloud-ranges.bin";

/** How old the ranges of the deployed build may be, days: the clouds change theirs several times a week, mostly by blocks that nobody uses yet. */
const longest = 7;

/** `artifacts keep-build`, for the workflow that deploys. */
export const keepBuildCommand = new Command("keep-build")
  .summary("deploy the deployed build again while only the clouds' address ranges differ, for a week")
  .description(
    "Replaces a new build of the redirector by the deployed one if they are the same but for the table of the clouds' address ranges, and the deployed one is younger than a week: fresh ranges alone do not make new revisions in all regions at each deployment.",
  )
  .requiredOption("--built <file>", "the new build; overwritten with the deployed one if that is kept")
  .requiredOption("--deployed <file>", "the build that is deployed")
  .requiredOption("--since <time>", "when it was deployed, ISO 8601")
  .option("--json", "one JSON document: {kept, why}")
  .action(async ({ built, deployed, since }) => {
    const deployedAt = new Date(since);
    if (Number.isNaN(deployedAt.getTime())) throw new CommandError(`--since ${since}: must be a time, ISO 8601`);
    const choice = chooseBuild(await digests(built), await digests(deployed), deployedAt, new Date());
    if (choice.kept) await copyFile(deployed, built);
    printJson(choice);
    printResult(`${choice.kept ? "keeps the deployed build" : "deploys the new build"}: ${choice.why}`);
  });

/**
 * Which build is deployed, and why.
 * @param built SHA-256 of each file of the new build, by name. @param deployed the same of the deployed one.
 * @internal exported for its tests.
 */
export function chooseBuild(
  built: ReadonlyMap<string, string>,
  deployed: ReadonlyMap<string, string>,
  deployedAt: Date,
  now: Date,
): { readonly kept: boolean; readonly why: string } {
  const names = [...new Set([...built.keys(), ...deployed.keys()])].sort();
  const different = names.filter((name) => built.get(name) !== deployed.get(name));
  if (different.length === 0) return { kept: true, why: "both are the same" };
  if (different.join() !== rangesFile) return { kept: false, why: `they differ in ${different.join(", ")}` };
  if (!built.has(rangesFile) || !deployed.has(rangesFile))
    return { kept: false, why: "one of them has no address ranges" };
  const days = (now.getTime() - deployedAt.getTime()) / 86_400_000;
  return days < longest
    ? { kept: true, why: `only the clouds' address ranges differ, and it is ${days.toFixed(1)} days old` }
    : { kept: false, why: `the deployed address ranges are ${days.toFixed(1)} days old` };
}

/** SHA-256 of the files of a .tar.gz, with their modes, by name. @throws CommandError if it is none. */
async function digests(file: string): Promise<ReadonlyMap<string, string>> {
  const bytes = await readFile(file);
  try {
    const entries = await unpackTar(gunzipSync(bytes));
    return new Map(
      entries.map(({ header, data }) => {
        const hash = createHash("sha256").update(`${header.mode ?? 0}\0`);
        return [header.name, hash.update(data ?? "").digest("hex")];
      }),
    );
  } catch (error) {
    throw new CommandError(`${file} is not a .tar.gz: ${error instanceof Error ? error.message : String(error)}`);
  }
}
