import { Command } from "@commander-js/extra-typings";
import { exitCodes } from "./exit-codes.ts";
import { interruptible } from "./interruptible.ts";
import { mirrorsNamed } from "./mirrors-named.ts";
import { readProduction } from "./production.ts";
import { filesRuns, imagesRuns, repairMirror } from "./repair.ts";
import { repeated } from "./repeated.ts";
import { parseShard } from "./shard.ts";
import { traceDescription, traceIfAsked } from "./trace-option.ts";

/** `artifacts sync`. */
export const syncCommand = new Command("sync")
  .summary("make one mirror match the manifests")
  .description(
    "Makes one mirror match the manifests, without the Pulumi engine: to repair it by hand, or to refill a lost region in parts. Exit code 1: the mirror does not match.",
  )
  .requiredOption(
    "--mirror <name>",
    "the mirror to write to, e.g. images-us-central1, files-aws-us-east-1; the others are read only",
  )
  .option("--project <name>", "only this project (may be repeated)", repeated, [])
  .option("--shard <i/n>", "only part I of N equal parts of the work; in a Cloud Run job each task takes its own part")
  .option("--deep", "ask for every blob of every image too, and copy again what lacks one (audit --deep finds them)")
  .option("--dry-run", "print what would be done, and do nothing")
  .option("--stack <name>", "the stack, whose config is Pulumi.NAME.yaml; local is the running rehearsal", "prod")
  .option("--config <file>", "read the stack's config from this file instead")
  .option(
    "--state <file>",
    "take the mirrors' addresses from an export of the stack's state (pulumi stack export --file FILE)",
  )
  .option("--manifests <folder>", "the folder of the projects' folders, instead of the config's")
  .option("--trace", traceDescription)
  .action(async (values) => {
    traceIfAsked(values.trace);
    const { mirror } = values;
    const shard = parseShard(values.shard, process.env);
    const production = await readProduction(values, values.project);
    const is = mirrorsNamed(production, [mirror]);
    const how = { repair: values.dryRun ? "say" : "do", isDeep: values.deep === true } as const;
    let failures = 0;
    await interruptible(async (signal) => {
      for (const request of production.images) {
        if (![...request.mirrors, ...request.layerMirrors].some(({ name }) => is(name))) continue;
        failures += await repairMirror(mirror, how, shard, request, imagesRuns, signal);
      }
      for (const request of production.files) {
        if (!request.mirrors.some(({ name }) => is(name))) continue;
        failures += await repairMirror(mirror, how, shard, request, filesRuns, signal);
      }
    });
    process.exitCode = failures === 0 ? exitCodes.ok : exitCodes.error;
  });
