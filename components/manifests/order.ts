import { compareTexts, compareVersions } from "./versions.ts";

/**
 * The position of a new entry among the existing ones: by their order (versions ascending, versions descending,
 * text), or last if they have none. Existing entries never move. An undefined key (a digest without a tag) goes last.
 */
export function placeFor(key: string | undefined, there: readonly (string | undefined)[]): number {
  if (key === undefined) return there.length;
  const keys = there.filter((one) => one !== undefined);
  const order = [compareVersions, (a: string, b: string) => compareVersions(b, a), compareTexts].find((compare) =>
    keys.every((one, index) => index === 0 || compare(keys[index - 1] ?? one, one) < 0),
  );
  if (order === undefined) return there.length;
  const place = there.findIndex((one) => one !== undefined && order(one, key) > 0);
  return place === -1 ? there.length : place;
}
