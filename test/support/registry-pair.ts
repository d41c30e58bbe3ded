import { startGoogleFront } from "./google-front.ts";
import { builtPeers } from "./programs.ts";
import { startRegistry } from "./registries.ts";

await builtPeers("distribution2");

/** Kinds of registries that list attachments in different ways. */
export const listingKinds = ["olareg", "distribution", "distribution2", "crane", "Google's"] as const;

/** Whether registries of the kind list referrers; for others clients keep the list under a tag. */
export function hasReferrers(kind: (typeof listingKinds)[number]): boolean {
  return kind === "olareg" || kind === "Google's";
}

/** Two registries of one kind. */
export interface RegistryPair {
  /** Where clients reach them: of Google's kind, the fronts that list as Artifact Registry does. */
  readonly hosts: readonly string[];
  remove(): Promise<void>;
}

/** Starts two registries of one kind. */
export async function startRegistryPair(kind: (typeof listingKinds)[number]): Promise<RegistryPair> {
  const behind = kind === "Google's" ? "olareg" : kind;
  const registries = await Promise.all([behind, behind].map((each) => startRegistry(each)));
  const hosts = await Promise.all(
    registries.map(async ({ host }) => (kind === "Google's" ? (await startGoogleFront(() => host)).host : host)),
  );
  return {
    hosts,
    async remove() {
      await Promise.all(registries.map((registry) => registry.remove()));
    },
  };
}
