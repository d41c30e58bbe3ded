/**
 * What is left when a part of a run fails. With `--continue-on-error` the engine skips whatever depends on a resource that failed. A
 * promotion to 28 mirrors must not be skipped because one of them could not be made or changed, so it depends on what succeeded.
 *
 * The SDK tells a failure by outputs that stay unknown in a real run (RegisterResourceResponse.result). In a preview all count as
 * succeeded: it does not know the outputs of what is to be made.
 */
import * as pulumi from "@pulumi/pulumi";
import { knownValue } from "../stack/known-value.ts";

/** Those of the resources whose registration succeeded, once all of them have ended. */
export async function withoutFailed<T extends pulumi.CustomResource>(resources: readonly T[]): Promise<T[]> {
  if (pulumi.runtime.isDryRun()) return [...resources];
  const ended = await Promise.all(
    resources.map(async (resource) => ((await knownValue(resource.id)) === undefined ? [] : [resource])),
  );
  return ended.flat();
}
