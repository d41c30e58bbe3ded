import { Command } from "@commander-js/extra-typings";
import { purgeCaches } from "../promotion/files/mirror-files.ts";
import { exitCodes } from "./exit-codes.ts";
import { interruptible } from "./interruptible.ts";
import { mirrorsNamed, mirrorsOfRequest } from "./mirrors-named.ts";
import { printError, printJson, printNote, printResult } from "./output.ts";
import { readProduction } from "./production.ts";
import { withProduction } from "./production-options.ts";
import { filesRuns, imagesRuns, type Repair, repairMirror } from "./repair.ts";
import { repeated } from "./repeated.ts";
import { parseShard } from "./shard.ts";
import { traceDescription, traceIfAsked } from "./trace-option.ts";

/** `artifacts sync`. */
export const syncCommand = withProduction(
  new Command("sync")
    .summary("make one mirror match the manifests")
    .description(
      "Makes one mirror match the manifests, without the Pulumi engine: to repair it by hand, or to refill a lost region in parts. Exit code 1: the mirror does not match.",
    )
    .requiredOption(
      "--mirror <name>",
      "the mirror to write to, e.g. images-us-central1, files-aws-us-east-1; the others are read only",
    )
    .option("--project <name>", "only this project (may be repeated)", repeated, [])
    .option(
      "--shard <i/n>",
      "only part I of N equal parts of the work; in a Cloud Run job each task takes its own part",
    )
    .option("--deep", "ask for every blob of every image too, and copy again what lacks one (audit --deep finds them)")
    .option("--dry-run", "print what would be done, and do nothing"),
)
  .option("--trace", traceDescription)
  .option(
    "--json",
    "one JSON document: {mirror, repairs: [{project, kind, differs, steps, summary, warnings, failures}]}; steps: what --dry-run would do; summary: what was done",
  )
  .action(async (values) => {
    traceIfAsked(values.trace);
    const { mirror } = values;
    const shard = parseShard(values.shard, process.env);
    const production = await readProduction(values, values.project);
    const is = mirrorsNamed(production, [mirror]);
    const how = { repair: values.dryRun ? "say" : "do", isDeep: values.deep === true } as const;
    const repairs: Repair[] = [];
    const ended = (repair: Repair): void => {
      repairs.push(repair);
      printRepair(repair);
    };
    await interruptible(async (signal) => {
      for (const request of production.images) {
        if (!mirrorsOfRequest(request).some(is)) continue;
        ended(await repairMirror(mirror, how, shard, request, imagesRuns, signal));
      }
      for (const request of production.files) {
        if (!mirrorsOfRequest(request).some(is)) continue;
        ended(await repairMirror(mirror, how, shard, request, filesRuns, signal));
      }
      // Also what earlier runs left: the mirror may be as it should be, and its CDN not.
      if (how.repair === "do")
        for (const { line } of await purgeCaches(production.storage, signal)) printError(`warning: ${line}`);
    });
    printJson({ mirror, repairs });
    process.exitCode = repairs.every(({ failures }) => failures.length === 0) ? exitCodes.ok : exitCodes.error;
  });

function printRepair({ project, kind, differs, steps, summary, warnings, failures }: Repair): void {
  const about = `${project} ${kind}`;
  for (const line of steps) printResult(`${about}: would ${line}`);
  for (const warning of warnings) printResult(`warning: ${warning}`);
  if (summary !== undefined) printResult(`${about}: ${summary}`);
  for (const failure of failures) printError(failure);
  if (!differs && failures.length === 0) printNote(`${about}: nothing to do`);
}
