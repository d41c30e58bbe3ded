import { bitsOfHash, hashBits } from "./hash-bits.ts";

/**
 * How the list of a large project's releases is divided, so that a change of a release writes the part that it is in. Parts are in the order of the list,
 * so that readers put them together as they are. A part ends behind a release whose hash ends with some zeros, and where parts are too long, with one zero
 * less: wherever releases are added or removed, the other parts stay as they are.
 */

/** Releases of the longest part: about 38 kB. */
const longestPart = 256;

/** Divides a list of releases. The first part is what the project's document has itself. */
export function divideReleases<Release extends { readonly release: string }>(
  releases: readonly Release[],
): readonly (readonly Release[])[] {
  if (releases.length <= longestPart) return [releases];
  return divide(
    releases.map((one) => ({ one, zeros: zerosOf(one.release) })),
    bitsOfHash,
  ).map((part) => part.map(({ one }) => one));
}

interface Hashed<Release> {
  readonly one: Release;
  /** With which its hash ends. */
  readonly zeros: number;
}

function divide<Release>(list: readonly Hashed<Release>[], zeros: number): (readonly Hashed<Release>[])[] {
  if (list.length <= longestPart || zeros < 0) return [list];
  const ends = list.flatMap((each, at) => (each.zeros >= zeros && at < list.length - 1 ? [at + 1] : []));
  const parts = [0, ...ends].map((start, index) => list.slice(start, ends[index]));
  return parts.flatMap((part) => divide(part, zeros - 1));
}

function zerosOf(release: string): number {
  const bits = hashBits(release);
  return bits.length - 1 - bits.lastIndexOf("1");
}
