import { Command } from "@commander-js/extra-typings";
import { attestImages } from "../promotion/images/attest-images.ts";
import { promoteImages } from "../promotion/images/images.ts";
import { progressLine } from "../promotion/run/progress.ts";
import { CommandError } from "./command.ts";
import { exitCodes } from "./exit-codes.ts";
import { interruptible } from "./interruptible.ts";
import { printError, printJson, printProgress, printResult } from "./output.ts";
import { readProduction } from "./production.ts";
import { repeated } from "./repeated.ts";
import { traceDescription, traceIfAsked } from "./trace-option.ts";

/** `artifacts attest`. */
export const attestCommand = new Command("attest")
  .summary("sign what was promoted before promotions were signed")
  .description(
    "Signs a verification summary and a promotion record of every image of a project that is in production without them, as artifacts:signing says, and stores them in every image mirror. Run it where the signer is: keyless in a workflow of GitHub.",
  )
  .requiredOption("--project <name>", "the project (may be repeated)", repeated)
  .option("--stack <name>", "the stack, whose config is Pulumi.NAME.yaml; local is the running rehearsal", "prod")
  .option("--config <file>", "read the stack's config from this file instead")
  .option(
    "--state <file>",
    "take the mirrors' addresses from an export of the stack's state (pulumi stack export --file FILE)",
  )
  .option("--manifests <folder>", "the folder of the projects' folders, instead of the config's")
  .option("--trace", traceDescription)
  .option(
    "--json",
    "one JSON document: {projects: [{project, failures}]}; without failures every image in production is signed",
  )
  .action(async (values) => {
    traceIfAsked(values.trace);
    const { images } = await readProduction(values, values.project);
    if (images.some(({ signing }) => signing === undefined))
      throw new CommandError("artifacts:signing is off in this stack: say there with what promotions are signed");
    const projects: { project: string; failures: readonly string[] }[] = [];
    await interruptible(async (signal) => {
      for (const request of images) {
        const report = progressLine((line) => printProgress(`${request.project}: ${line}`));
        const outcome = await attestImages(request, promoteImages, { signal, report });
        const { failures } = outcome;
        projects.push({ project: request.project, failures });
        for (const failure of failures) printError(failure);
        if (failures.length === 0) printResult(`${request.project}: every image in production is signed`);
      }
    });
    printJson({ projects });
    process.exitCode = projects.every(({ failures }) => failures.length === 0) ? exitCodes.ok : exitCodes.error;
  });
