import type { StackConfig } from "../stack/config.ts";
import { stagingBucketName, stagingRepositoryId } from "../staging/staging-names.ts";
import { stackConfig } from "./stack-config.ts";

/** Where a project stages what it wants promoted. */
export interface Staging {
  /** `<host>/<path>` of its repository, as the registry's `registryUri` output has it. */
  readonly registryUri: string;
  readonly bucket: string;
  /** Where Google Cloud Storage answers; absent for the real one. */
  readonly gcsEndpoint: string | undefined;
}

/** What a caller knows better than the stack's config: the outputs of a rehearsal, or of another stack. */
export type StagingOverrides = Partial<{ readonly [Key in keyof Staging]: Staging[Key] | undefined }>;

/**
 * Where a project stages, by the names that the program gives to staging areas, from the config of a stack; or where
 * the caller says. The stack's file is read only if something is left to know. Throws CommandError for a stack without
 * file or with errors in it.
 */
export async function stagingOf(
  project: string,
  stack: string,
  needed: "images" | "files",
  overrides: StagingOverrides,
): Promise<Staging> {
  const { registryUri, bucket, gcsEndpoint } = overrides;
  if (needed === "images" ? registryUri !== undefined : bucket !== undefined)
    return { registryUri: registryUri ?? "", bucket: bucket ?? "", gcsEndpoint };
  const flag = needed === "images" ? "--staging" : "--bucket";
  const config = await stackConfig(stack, undefined, `name the stack with --stack, or the staging area with ${flag}`);
  const named = stagingByName(config, project);
  return {
    registryUri: registryUri ?? named.registryUri,
    bucket: bucket ?? named.bucket,
    gcsEndpoint: gcsEndpoint ?? config.storage.gcsEndpoint,
  };
}

/** The staging area of a project by the names that the program gives it. */
export function stagingByName(
  { stagingLocation, project: cloudProject, googlePrefix }: StackConfig,
  project: string,
): Pick<Staging, "registryUri" | "bucket"> {
  return {
    registryUri: `${stagingLocation}-docker.pkg.dev/${cloudProject}/${stagingRepositoryId(project)}`,
    bucket: stagingBucketName(googlePrefix, project),
  };
}
