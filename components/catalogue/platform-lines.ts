import type { ImageVersion } from "./formats.ts";

/**
 * The digests of the platforms of each version that is an index. Clients report them (a pod's `imageID`, `docker image inspect`), and the
 * listing does not have them. One line for each such version, fields separated by tabs:
 *
 *     platforms <project> <repository> <first 16 digits of the version's digest> <first 16 digits of a platform's digest> ...
 *
 * 16 hexadecimal digits take a quarter of the size of whole digests. The probability that two of a million digests share them is 3 in 10^8.
 * A reader compares a hit with the image's details, which have the whole digests.
 */

/** Number of digits of a digest in a line. */
const digits = 16;

/** The line of one version; empty if no platform has a digest of its own. */
export function platformsLine(project: string, repository: string, { digest, platforms }: ImageVersion): string {
  const own = new Set(platforms.filter((platform) => platform.digest !== digest).map((one) => firstDigits(one.digest)));
  if (own.size === 0) return "";
  return `${["platforms", project, repository, firstDigits(digest), ...own].join("\t")}\n`;
}

function firstDigits(digest: string): string {
  return digest.slice("sha256:".length, "sha256:".length + digits);
}
