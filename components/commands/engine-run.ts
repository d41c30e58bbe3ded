import { Command } from "@commander-js/extra-typings";
import { runCli } from "./engine-watch.ts";

/** `artifacts engine-run`. */
export const engineRunCommand = new Command("engine-run")
  .summary("run a command of the Pulumi CLI, and end it if it waits for ever after a failure")
  .description(
    "Runs a command of the Pulumi CLI: npx artifacts engine-run -- up --stack prod --continue-on-error. With --continue-on-error the engine waits for ever when a resource that is to be replaced cannot be deleted (pulumi/pulumi#16373). When a step has failed, none is under way and nothing has happened for $ARTIFACTS_STALLED_AFTER seconds (default 120), the run is stopped in order: what was done is recorded, the state is unlocked, the failed resource is named, and the exit code is not 0.",
  )
  .option("--engine <file>", "the CLI", "pulumi")
  .argument("<words...>", "the command and its options, after --")
  .action(async (words, { engine }) => {
    process.exitCode = (await runCli(words, { engine })).code;
  });
