import * as pulumi from "@pulumi/pulumi";
import { knownValue } from "../stack/known-value.ts";
import { keyOfUrn, resourceKey } from "./adoption-list.ts";

/**
 * Notes every resource that the program declares from now on. @returns whether the resource of a URN has failed in this run, or was skipped as one
 * that it depends on has: to be asked when its registration has ended.
 */
export function failedResources(): (urn: string) => Promise<boolean> {
  const declared = new Map<string, pulumi.Resource>();
  pulumi.runtime.registerStackTransformation(({ type, name, resource }) => {
    declared.set(resourceKey(type, name), resource);
    return undefined;
  });
  return async (urn) => {
    const resource = declared.get(keyOfUrn(urn));
    if (!(resource instanceof pulumi.CustomResource) || pulumi.runtime.isDryRun()) return false;
    return (await knownValue(resource.id)) === undefined;
  };
}
