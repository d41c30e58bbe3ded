import { findRegion, type Region } from "../stack/geography.ts";

const radians = Math.PI / 180;

/**
 * The mirrors in the order in which one of them reads the others: those in its cloud before all others, whose egress costs more, each by distance;
 * mirrors whose name tells no region follow, then those that are being filled themselves. The one that reads is the last.
 * @param filling names of the mirrors that lack something.
 */
export function nearestFirst<Mirror extends { readonly name: string }>(
  mirrors: readonly Mirror[],
  reader: string,
  filling: ReadonlySet<string>,
): Mirror[] {
  const at = regionOfMirror(reader);
  const rank = new Map(
    mirrors.map((mirror) => {
      const { name } = mirror;
      return [mirror, name === reader ? Infinity : costOf(name, at) + (filling.has(name) ? 4 * far : 0)];
    }),
  );
  return mirrors.toSorted((one, other) => rank.get(one)! - rank.get(other)!);
}

/** The region that is nearest to a mirror: its own, if that is one of them; the first, if the mirror's name tells no region. */
export function nearestRegion(mirror: string, regions: readonly [Region, ...Region[]]): Region {
  const at = regionOfMirror(mirror);
  if (at === undefined) return regions[0];
  return regions.reduce((best, one) => (angleBetween(one, at) < angleBetween(best, at) ? one : best));
}

/**
 * The region of a mirror, by its name: `images-us-central1`, `images-s3-us-east-1`, `files-gcp-us-central1`. Undefined: the name tells none.
 * @internal exported for its tests.
 */
export function regionOfMirror(name: string): Region | undefined {
  const [, place] = /^(?:images|files)-(?:gcs-|s3-|gcp-|aws-)?(.+)$/.exec(name) ?? [];
  return place === undefined ? undefined : (findRegion("gcp", place) ?? findRegion("aws", place));
}

/** More than any distance on the earth, in radians. */
const far = 4;

function costOf(name: string, reader: Region | undefined): number {
  const region = regionOfMirror(name);
  if (region === undefined || reader === undefined) return 2 * far;
  return angleBetween(region, reader) + (region.cloud === reader.cloud ? 0 : far);
}

/** The great-circle distance of two regions, in radians. */
function angleBetween(one: Region, other: Region): number {
  const [a, b] = [one.latitude * radians, other.latitude * radians];
  const between = (one.longitude - other.longitude) * radians;
  const cosine = Math.sin(a) * Math.sin(b) + Math.cos(a) * Math.cos(b) * Math.cos(between);
  return Math.acos(Math.min(1, Math.max(-1, cosine)));
}
