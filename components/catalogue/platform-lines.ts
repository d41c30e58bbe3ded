import type { ImageVersion } from "./formats.ts";

/**
 * The platforms' own digests, which clients tell of (a pod's `imageID`, `docker image inspect`) and which the listing does not have: a line for
 * each version that is an index, fields separated by tabs:
 *
 *     platforms <project> <repository> <beginning of the version's digest> <beginning of a platform's digest> ...
 *
 * Beginnings are of 16 hexadecimal digits: so many are a quarter of the whole digests' size, and no two of a million digests are likely to share them
 * (3 in 10^8). What is found is to be compared with the image's details, which have the whole digests.
 */

/** Digits of a digest that a line has. */
const digits = 16;

/** One version's line; nothing for a version that has no platform of another digest than its own. */
export function platformsLine(project: string, repository: string, { digest, platforms }: ImageVersion): string {
  const own = new Set(platforms.filter((platform) => platform.digest !== digest).map((one) => beginning(one.digest)));
  if (own.size === 0) return "";
  return `${["platforms", project, repository, beginning(digest), ...own].join("\t")}\n`;
}

function beginning(digest: string): string {
  return digest.slice("sha256:".length, "sha256:".length + digits);
}
