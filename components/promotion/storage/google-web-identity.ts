/** The role in AWS of a task of Cloud Run, taken by the identity that Google gives the task: there is no key. */
import type { S3ClientConfig } from "@aws-sdk/client-s3";
import { cloudRunTask } from "../run/cloud-run-task.ts";

/** Whom Google's token is for: what the role's trust policy asks for (components/mirrors/fill-job.ts). */
const audience = "sts.amazonaws.com";

/**
 * Credentials of the role AWS_ROLE_ARN, by a token of the metadata server; undefined: this process is no task of a Cloud Run job, or has no such role. The SDK
 * asks again five minutes before they end, and each time a new token is asked for.
 * @param region whose STS is asked.
 */
export function googleWebIdentity(region: string, environment: NodeJS.ProcessEnv): S3ClientConfig["credentials"] {
  const { AWS_ROLE_ARN: roleArn } = environment;
  const { execution, index } = cloudRunTask(environment);
  if (roleArn === undefined || execution === undefined) return undefined;
  return async () => {
    const [{ Compute }, { fromWebToken }] = await Promise.all([
      import("google-auth-library"),
      import("@aws-sdk/credential-provider-web-identity"),
    ]);
    const webIdentityToken = await new Compute().fetchIdToken(audience);
    // CloudTrail names the task by the session.
    const roleSessionName = `${execution}-${index}`.slice(-64);
    return await fromWebToken({ roleArn, roleSessionName, webIdentityToken, clientConfig: { region } })();
  };
}
