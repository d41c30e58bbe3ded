import { appendFile } from "node:fs/promises";
import { Command } from "@commander-js/extra-typings";
import { CommandError } from "./command.ts";
import { printJson, printRaw } from "./output.ts";
import { stackConfig } from "./stack-config.ts";

/** `artifacts workflow-settings`. */
export const workflowSettingsCommand = new Command("workflow-settings")
  .summary("print the settings that the workflows need")
  .description(
    "Prints the settings of a stack that the workflows need, as name=value lines; in a workflow they become the step's outputs.",
  )
  .option("--stack <name>", "the stack, whose settings are in Pulumi.NAME.yaml", "prod")
  .option("--json", "one JSON document: {name: value, ...}")
  .action(async (values) => {
    const { project, projectNumber, seed, awsAccount, awsRegion, state, host, archive } = await stackConfig(
      values.stack,
    );
    if (state === undefined) {
      throw new CommandError(
        `Pulumi.${values.stack}.yaml: set artifacts:stateBucket and artifacts:stateKey (npm run bootstrap prints them)`,
      );
    }
    const account = (role: string): string => `artifacts-${role}@${project}.iam.gserviceaccount.com`;
    const role = (name: string): string =>
      awsAccount === undefined ? "" : `arn:aws:iam::${awsAccount}:role/artifacts-${name}`;
    const settings = {
      project,
      host,
      archive,
      state: `gs://${state.bucket}`,
      identity_provider: `projects/${seed?.projectNumber ?? projectNumber}/locations/global/workloadIdentityPools/github/providers/actions`,
      deploy_account: account("deploy"),
      preview_account: account("preview"),
      deploy_role: role("deploy"),
      preview_role: role("preview"),
      aws_region: awsAccount === undefined ? "" : (awsRegion ?? ""),
    };
    const lines = Object.entries(settings).map(([name, value]) => `${name}=${value}\n`);
    const outputs = process.env["GITHUB_OUTPUT"];
    if (outputs !== undefined) await appendFile(outputs, lines.join(""));
    printRaw(lines.join(""));
    printJson(settings);
  });
