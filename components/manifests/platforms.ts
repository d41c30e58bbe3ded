import { quoted } from "./problem.ts";

/** An image or index of images, and what it runs on (`os/architecture[/variant]`; none known for a plain image). */
export interface ImagePlatforms {
  /** A tag or digest, for the message. */
  readonly reference: string;
  readonly platforms: readonly string[];
}

/**
 * Warns of a new image that lacks a platform which the version before it has (versionBefore says which that is): most often a
 * build that failed in part. Undefined if nothing is lost. Platforms of attestations (`unknown/unknown`, as build tools list
 * them in an index) do not count.
 */
export function lostPlatforms(image: string, added: ImagePlatforms, before: ImagePlatforms): string | undefined {
  const has = new Set(added.platforms);
  const lost = before.platforms.filter((platform) => !has.has(platform) && !platform.startsWith("unknown"));
  if (lost.length === 0) return undefined;
  return `image ${quoted(image)}: ${added.reference} lacks ${[...new Set(lost)].sort().join(", ")}, which ${before.reference} has: check its build, or continue if that is intended`;
}
