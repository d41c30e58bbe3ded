import { eachGrant, spoken } from "../stack/deployed.ts";
import type { GraphResource } from "./graph.ts";
import { leafChanges } from "./leaf-changes.ts";

/**
 * Every right that a graph gives, as a line: who has which role or actions on what; which permissions a custom role has; whose tokens may take an
 * identity; what the policy of a bucket allows. Two graphs are compared by these lines.
 */
export function rightsIn(resources: readonly GraphResource[]): ReadonlySet<string> {
  return new Set([
    ...eachGrant(resources).map(({ who, role, on }) => `${spoken(who)}: ${role} on ${on}`),
    ...resources.flatMap(other),
  ]);
}

/** The rights that no binding gives. */
function other({ type, name, inputs }: GraphResource): string[] {
  const each = (what: string, keys: readonly string[]): string[] =>
    keys.flatMap((key) => leafChanges({}, { [key]: inputs[key] }).map((line) => `${what}: ${line.slice(2)}`));
  switch (type) {
    case "gcp:projects/iAMCustomRole:IAMCustomRole":
      return [inputs["permissions"] ?? []]
        .flat()
        .map((permission) => `role ${String(inputs["roleId"])}: ${String(permission)}`);
    case "gcp:iam/workloadIdentityPoolProvider:WorkloadIdentityPoolProvider":
      return each("tokens of GitHub", ["attributeCondition", "attributeMapping", "oidc"]);
    case "aws:iam/role:Role":
      return each(`role ${name} may be taken`, ["assumeRolePolicy"]);
    case "aws:iam/openIdConnectProvider:OpenIdConnectProvider":
      return each("tokens of GitHub in AWS", ["url", "clientIdLists", "thumbprintLists"]);
    case "aws:s3/bucketPolicy:BucketPolicy":
      return each(`policy of ${name}`, ["policy"]);
    default:
      return [];
  }
}
