import { startGoogleFront } from "./google-front.ts";
import { startRegistry } from "./registries.ts";

/** Kinds of registries that list attachments in different ways. */
export const listingKinds = ["olareg", "distribution", "Google's"] as const;

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
