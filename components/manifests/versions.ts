/**
 * Orders tags as versions: numbers as numbers (v1.9 before v1.10), a pre-release (-alpha, -beta, -rc, -dev, -pre)
 * before its release, any other addition (1.14-1) after it. Total: equal only for equal texts.
 */
export function compareVersions(a: string, b: string): number {
  const [left, right] = [partsOf(a), partsOf(b)];
  for (let index = 0; index < Math.max(left.length, right.length); index++) {
    const [one, other] = [left[index], right[index]];
    if (one === undefined || other === undefined) return one === undefined ? endsBefore(other) : -endsBefore(one);
    const order = compareParts(one, other);
    if (order !== 0) return order;
  }
  return compareTexts(a, b);
}

/** Orders texts by UTF-16 units, the same on every machine. */
export function compareTexts(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/**
 * The newest of the tags that name versions (they start with a number, or v and a number); undefined if there are none.
 * @internal exported for its tests.
 */
export function newestVersion(tags: readonly string[]): string | undefined {
  return tags.filter(isVersion).toSorted(compareVersions).at(-1);
}

/**
 * The version directly before a new one, to compare the two: for v1.29.9 it is v1.29.8, even if there is v1.30.0. For
 * a digest without a version among its tags, or one before all others, it is the newest version. Undefined if no tag
 * names a version.
 */
export function versionBefore(own: readonly string[], tags: readonly string[]): string | undefined {
  const others = tags.filter((tag) => !own.includes(tag));
  const added = newestVersion(own);
  const earlier = added === undefined ? [] : others.filter((tag) => compareVersions(tag, added) < 0);
  return newestVersion(earlier) ?? newestVersion(others);
}

/** Whether a tag looks like a version. */
function isVersion(tag: string): boolean {
  return /^v?[0-9]/.test(tag);
}

/** Runs of digits and of other characters; a leading v is ignored. */
function partsOf(tag: string): string[] {
  return tag.replace(/^v(?=[0-9])/, "").match(/[0-9]+|[^0-9]+/g) ?? [];
}

/** Compares a version that ends with one that continues with `rest`. */
function endsBefore(rest: string | undefined): number {
  return isPreRelease(rest ?? "") ? 1 : -1;
}

function compareParts(a: string, b: string): number {
  const [isNumber, isOtherNumber] = [/^[0-9]/.test(a), /^[0-9]/.test(b)];
  if (isNumber && isOtherNumber)
    return (
      a.replace(/^0+(?=.)/, "").length - b.replace(/^0+(?=.)/, "").length ||
      compareTexts(a.replace(/^0+(?=.)/, ""), b.replace(/^0+(?=.)/, ""))
    );
  if (isPreRelease(a) !== isPreRelease(b)) return isPreRelease(a) ? -1 : 1;
  return compareTexts(a, b);
}

function isPreRelease(part: string): boolean {
  return /^[-.]?(?:alpha|beta|rc|dev|pre|preview|snapshot)/i.test(part);
}
