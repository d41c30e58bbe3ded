import { quoted } from "./problem.ts";

/** An image or index of images, and what it runs on (`os/architecture[/variant]`; none known for a plain image). */
export interface Built {
  /** A tag or digest, for the message. */
  readonly reference: string;
  readonly platforms: readonly string[];
}

/**
 * Warns of a new index that lacks a platform which the newest tag of the image has: most often a build that failed in
 * part. Undefined if nothing is lost. Platforms of attestations (`unknown/unknown`, as build tools list them in an
 * index) do not count. Which tag is the newest says newestVersion.
 */
export function lostPlatforms(image: string, added: Built, newest: Built): string | undefined {
  const has = new Set(added.platforms);
  const lost = newest.platforms.filter((platform) => !has.has(platform) && !platform.startsWith("unknown"));
  if (lost.length === 0) return undefined;
  return `image ${quoted(image)}: ${added.reference} lacks ${[...new Set(lost)].sort().join(", ")}, which ${newest.reference} has: check its build, or go on if that is meant`;
}
