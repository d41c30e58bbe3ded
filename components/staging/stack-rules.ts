import type { StackRules } from "../manifests/stack-rules.ts";
import type { StackConfig } from "../stack/config.ts";
import { stagingBucketName } from "./staging-names.ts";

/** The rules that a stack's config sets for its manifests. */
export function stackRules({ githubOwners, googlePrefix }: StackConfig): StackRules {
  return {
    githubOwners: new Set(Object.keys(githubOwners)),
    stagingBucket: (project) => stagingBucketName(googlePrefix, project),
  };
}
