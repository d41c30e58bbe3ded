import type { StackRules } from "../manifests/stack-rules.ts";
import type { StackConfig } from "../stack/config.ts";

/** The rules that a stack's config sets for its manifests. */
export function stackRules({ githubOwners }: StackConfig): StackRules {
  return {
    githubOwners: new Set(Object.keys(githubOwners)),
  };
}
