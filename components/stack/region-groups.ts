import type { StackConfig } from "./config.ts";
import type { Region } from "./geography.ts";
import { findRegion } from "./geography.ts";

/** AWS's names begin otherwise than Google Cloud's, by which the groups are called. */
const groupsOfAws: Readonly<Record<string, string>> = {
  af: "africa",
  ap: "asia",
  ca: "northamerica",
  eu: "europe",
  il: "me",
  me: "me",
  mx: "northamerica",
  sa: "southamerica",
  us: "us",
};

/** Sydney, Melbourne, Auckland: AWS counts them to the south-east of Asia. */
const australian: ReadonlySet<string> = new Set(["ap-southeast-2", "ap-southeast-4", "ap-southeast-6"]);

/**
 * The groups that every stack has: what the names of Google Cloud's regions begin with.
 * @internal exported for its tests.
 */
export const usualGroups: readonly string[] = [
  ...["africa", "asia", "australia", "europe", "me", "northamerica", "southamerica", "us"],
];

/**
 * The group of a region where the stack does not say otherwise: `europe` of `europe-west1`, `eu-west-1` and the multi-region `europe`.
 * @internal exported for its tests.
 */
export function usualGroup({ cloud, name }: Pick<Region, "cloud" | "name">): string {
  const [first = ""] = name.split("-", 1);
  if (cloud === "gcp") return first;
  return australian.has(name) ? "australia" : groupsOfAws[first]!;
}

/** What of a stack's config says which groups there are. */
export type Grouping = Pick<StackConfig, "gcpRegions" | "awsRegions" | "imageStores" | "regionGroups">;

/** The names of the stack's regions and image stores in each group; a group may have none. */
export function regionGroups({
  gcpRegions,
  awsRegions,
  imageStores,
  regionGroups: declared,
}: Grouping): ReadonlyMap<string, ReadonlySet<string>> {
  const groups = new Map<string, Set<string>>(usualGroups.map((group) => [group, new Set()]));
  for (const region of [...gcpRegions, ...awsRegions]) groups.get(usualGroup(region))!.add(region.name);
  for (const { name, near } of imageStores) {
    const region = findRegion("gcp", near) ?? findRegion("aws", near);
    if (region) groups.get(usualGroup(region))!.add(name);
  }
  for (const [group, names] of Object.entries(declared)) groups.set(group, new Set(names));
  return groups;
}
