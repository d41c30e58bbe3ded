import { fromWebToken } from "@aws-sdk/credential-provider-web-identity";
import { Command } from "@commander-js/extra-typings";
import { CIContextProvider } from "@sigstore/sign";
import { CommandError } from "./command.ts";
import { printRaw } from "./output.ts";

/** Whom GitHub's token is for: what the identity provider in AWS asks for (components/identities/identities.ts). */
const audience = "sts.amazonaws.com";

/** `artifacts aws-credentials`. */
export const awsCredentialsCommand = new Command("aws-credentials")
  .summary("take a role in AWS by the identity of a job at GitHub")
  .description(
    "Takes a role in AWS by the token of the job at GitHub that runs this, and prints its credentials as a credential_process of AWS's config file does (https://docs.aws.amazon.com/sdkref/latest/guide/feature-process-credentials.html). The SDKs and the engine's provider run it again before the credentials end, so that a run may last longer than they do.",
  )
  .requiredOption("--role <arn>", "the role to take")
  .requiredOption("--region <name>", "the region whose STS is asked")
  .action(async ({ role, region }) => {
    const webIdentityToken = await new CIContextProvider(audience).getToken().catch((error: unknown) => {
      throw new CommandError(
        `GitHub gives this job no identity token (${(error as Error).message}): run it in a job with the permission id-token: write`,
      );
    });
    const { accessKeyId, secretAccessKey, sessionToken, expiration } = await fromWebToken({
      roleArn: role,
      roleSessionName: sessionName(process.env),
      webIdentityToken,
      clientConfig: { region },
    })().catch((error: unknown) => {
      throw new CommandError(`AWS does not give the role ${role}: ${(error as Error).message}`);
    });
    const document = {
      Version: 1,
      AccessKeyId: accessKeyId,
      SecretAccessKey: secretAccessKey,
      SessionToken: sessionToken,
      Expiration: expiration?.toISOString(),
    };
    printRaw(`${JSON.stringify(document)}\n`);
  });

/** The run at GitHub, so that AWS's own log (CloudTrail) names it. */
function sessionName(environment: NodeJS.ProcessEnv): string {
  return `artifacts-${environment["GITHUB_RUN_ID"] ?? "run"}`;
}
