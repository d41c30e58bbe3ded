import type { Values } from "../cloud/inventory.ts";
import type { CloudClient } from "./cloud-client.ts";
import { typeFacts } from "./type-facts.ts";

/** Resources that have a policy of their own. A project's is always there. */
const owners: Readonly<Record<string, string>> = {
  "gcp:storage/bucketIAMBinding:BucketIAMBinding": "gcp:storage/bucket:Bucket",
  "gcp:artifactregistry/repositoryIamBinding:RepositoryIamBinding": "gcp:artifactregistry/repository:Repository",
  "gcp:serviceaccount/iAMBinding:IAMBinding": "gcp:serviceaccount/account:Account",
};

/** Whether the provider takes a binding that is not there for one without members: a role is in a policy as long as it has any. */
export function isFoundWhenGone(type: string, inputs: Values): boolean {
  return typeFacts(type)?.foundWhenGone === true && Array.isArray(inputs["members"]);
}

/** What a refresh reads of a binding that is not there; undefined: what it belongs to is gone too. */
export async function emptyBinding(
  cloud: CloudClient,
  type: string,
  id: string,
  inputs: Values,
): Promise<Values | undefined> {
  if (!isFoundWhenGone(type, inputs)) return undefined;
  const owner = owners[type];
  if (owner !== undefined) {
    const ownerId = id.slice(0, id.indexOf(`/${String(inputs["role"])}`)).replace(/^b\//, "");
    if ((await cloud.find(owner, ownerId)) === undefined) return undefined;
  }
  return { ...inputs, members: [] };
}
