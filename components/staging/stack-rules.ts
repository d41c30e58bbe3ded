import type { StackRules } from "../manifests/stack-rules.ts";
import type { StackConfig } from "../stack/config.ts";
import { stagingBucketName } from "./staging-names.ts";

/** What a stack's config asks of its manifests. */
export function stackRules({ githubOwners, googlePrefix }: StackConfig): StackRules {
  return {
    githubOwners: new Set(Object.keys(githubOwners)),
    stagingBucket: (project) => stagingBucketName(googlePrefix, project),
  };
}
