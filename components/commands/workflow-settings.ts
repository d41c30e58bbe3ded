import { appendFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { readStackFile } from "../stack/stack-file.ts";
import { CommandError, runCommand, UsageError } from "./command.ts";

const usage = `Prints the settings of a stack that the workflows need, as name=value lines; in a workflow they become the step's outputs.

usage: node components/commands/workflow-settings.ts [--stack NAME]
  --stack NAME   the stack (default prod), whose settings are in Pulumi.NAME.yaml`;

await runCommand(usage, async (args) => {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: { stack: { type: "string", default: "prod" } },
  });
  if (positionals.length > 0) throw new UsageError(`unexpected argument: ${positionals[0]}`);
  const read = await readStackFile(`Pulumi.${values.stack}.yaml`);
  if ("errors" in read) throw new CommandError(read.errors.join("\n"));
  const { project, projectNumber, awsAccount, awsRegion, state, host, archive } = read.config;
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
    identity_provider: `projects/${projectNumber}/locations/global/workloadIdentityPools/github/providers/actions`,
    deploy_account: account("deploy"),
    preview_account: account("preview"),
    deploy_role: role("deploy"),
    preview_role: role("preview"),
    aws_region: awsAccount === undefined ? "" : (awsRegion ?? ""),
  };
  const lines = Object.entries(settings).map(([name, value]) => `${name}=${value}\n`);
  const outputs = process.env["GITHUB_OUTPUT"];
  if (outputs !== undefined) await appendFile(outputs, lines.join(""));
  process.stdout.write(lines.join(""));
  return 0;
});
