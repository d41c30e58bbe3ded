import { compareVersions } from "./versions.ts";

/** A release: up to four numbers, and perhaps the number of a repackaging (0.5.8-1). Anything else after the numbers is a variant. */
const releasePattern = /^v?\d{1,5}(?:\.\d{1,6}){0,3}(?:-\d{1,3})?$/;

/** A pre-release of one. */
const preReleasePattern = /^v?\d{1,5}(?:\.\d{1,6}){1,3}-(?:alpha|beta|rc|dev|pre|preview|snapshot)(?:[-.]?\d+)*$/i;

/** A day: 20261129, 2026-11-29, 2026.11.29, alone or before more. */
const datePattern = /^v?(?:19|20)\d\d([-.]?)(?:0[1-9]|1[0-2])\1(?:0[1-9]|[12]\d|3[01])(?!\d)/;

/**
 * The newest release of some tags by semantic versioning (semver.org): no pre-release unless `pre`, no variant for a platform or distribution
 * (`v1.1.0-amd64`), no date, no name. Undefined if there is none.
 */
export function newestRelease(
  tags: readonly string[],
  { pre = false }: { readonly pre?: boolean } = {},
): string | undefined {
  const isCandidate = (tag: string) =>
    !datePattern.test(tag) && (releasePattern.test(tag) || (pre && preReleasePattern.test(tag)));
  return tags.filter(isCandidate).toSorted(compareVersions).at(-1);
}
