import type { StackRules } from "../manifests/stack-rules.ts";
import type { StackConfig } from "../stack/config.ts";
import { regionGroups } from "../stack/region-groups.ts";

/** The rules that a stack's config sets for its manifests. */
export function stackRules(config: StackConfig): StackRules {
  return {
    githubOwners: new Set(Object.keys(config.githubOwners)),
    regionGroups: new Map([...regionGroups(config)].map(([group, names]) => [group, names.size > 0])),
  };
}
