import { Command } from "@commander-js/extra-typings";
import { attestFiles } from "../promotion/files/attest-files.ts";
import { promoteFiles } from "../promotion/files/files.ts";
import { attestImages } from "../promotion/images/attest-images.ts";
import { promoteImages } from "../promotion/images/images.ts";
import { progressLine } from "../promotion/run/progress.ts";
import type { Context } from "../promotion/run/request.ts";
import { CommandError } from "./command.ts";
import { exitCodes } from "./exit-codes.ts";
import { interruptible } from "./interruptible.ts";
import { printError, printJson, printProgress, printResult } from "./output.ts";
import { readProduction } from "./production.ts";
import { withProduction } from "./production-options.ts";
import { repeated } from "./repeated.ts";
import { traceDescription, traceIfAsked } from "./trace-option.ts";

/** `artifacts attest`. */
export const attestCommand = withProduction(
  new Command("attest")
    .summary("sign what was promoted before promotions were signed")
    .description(
      "Signs a verification summary and a promotion record of every image and file of a project that is in production without them, as artifacts:signing says, and stores them in every mirror. Run it where the signer is: keyless in a workflow of GitHub.",
    )
    .requiredOption("--project <name>", "the project (may be repeated)", repeated),
)
  .option("--trace", traceDescription)
  .option(
    "--json",
    "one JSON document: {projects: [{project, failures}]}; without failures everything in production is signed",
  )
  .action(async (values) => {
    traceIfAsked(values.trace);
    const { images, files } = await readProduction(values, values.project);
    if ([...images, ...files].some(({ signing }) => signing === undefined))
      throw new CommandError("artifacts:signing is off in this stack: say there with what promotions are signed");
    const projects: { project: string; failures: readonly string[] }[] = [];
    await interruptible(async (signal) => {
      for (const project of new Set([...images, ...files].map((request) => request.project))) {
        const report = progressLine((line) => printProgress(`${project}: ${line}`));
        const context: Context = { signal, report };
        const failures: string[] = [];
        for (const request of images.filter((each) => each.project === project))
          failures.push(...(await attestImages(request, promoteImages, context)).failures);
        for (const request of files.filter((each) => each.project === project))
          failures.push(...(await attestFiles(request, promoteFiles, context)).failures);
        projects.push({ project, failures });
        for (const failure of failures) printError(failure);
        if (failures.length === 0) printResult(`${project}: everything in production is signed`);
      }
    });
    printJson({ projects });
    process.exitCode = projects.every(({ failures }) => failures.length === 0) ? exitCodes.ok : exitCodes.error;
  });
