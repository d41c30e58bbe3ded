/**
 * The order of versions, newest first. Tags have many forms: versions (`v1.10.0-rc.1`), builds (`v20240102-abc1234`), words (`latest`), commits.
 * A digest may have one of each. Versions come before builds, builds before words, words before commits: in the order of how much each
 * tells about age.
 */

/** Compares two tags or release names, newest first (for `sort`). A total order: equal only for equal texts. */
export function compareNewestFirst(a: string, b: string): number {
  const [left, right] = [read(a), read(b)];
  if (left.rank !== right.rank) return left.rank - right.rank;
  const length = Math.max(left.numbers.length, right.numbers.length);
  for (let index = 0; index < length; index++) {
    const difference = (right.numbers[index] ?? -1) - (left.numbers[index] ?? -1);
    if (difference !== 0) return difference;
  }
  // A version with a suffix is older than one without (Semantic Versioning 2.0.0, section 11). `-amd64` or `-1` is not a pre-release.
  if (left.stage !== right.stage) return right.stage - left.stage;
  return compareNaturally(right.rest, left.rest) || (a < b ? -1 : a > b ? 1 : 0);
}

/** Sorts a digest's tags: the one that best names its version comes first. */
export function sortTags(tags: Iterable<string>): string[] {
  return [...tags].sort(compareNewestFirst);
}

/** Compares two digests by their tags (each list from {@link sortTags}), newest first; digests without tags come last. */
export function compareTagged(a: readonly string[], b: readonly string[]): number {
  const [left, right] = [a[0], b[0]];
  if (left === undefined || right === undefined) return Number(left === undefined) - Number(right === undefined);
  return compareNewestFirst(left, right);
}

/** The newest name of a released version; undefined if there is none. */
export function latestOf(names: Iterable<string>): string | undefined {
  return [...names]
    .filter((name) => {
      const { rank, stage } = read(name);
      return rank === ranks.version && stage !== stages.preRelease;
    })
    .sort(compareNewestFirst)[0];
}

const ranks = { version: 0, build: 1, word: 2, commit: 3 } as const;
const stages = { preRelease: 0, variant: 1, release: 2 } as const;

interface Reading {
  readonly rank: number;
  readonly numbers: readonly number[];
  readonly stage: number;
  readonly rest: string;
}

const unstable = /^[-._+]?(?:alpha|beta|rc|pre|preview|dev|snapshot|next|nightly|canary|test|a|b)(?![a-z])/i;
/** A first number from here on is a date or a build number, not a major version. */
const leastBuild = 100_000;

function read(name: string): Reading {
  const [, core, rest = ""] = /^[vV]?(\d+(?:\.\d+)*)(.*)$/s.exec(name) ?? [];
  const word = { rank: ranks.word, numbers: [], stage: stages.release, rest: name };
  if (/^[0-9a-f]{7,64}$/.test(name) && (/[a-f]/.test(name) || name.length === 40)) {
    return { ...word, rank: ranks.commit };
  }
  const preRelease = unstable.test(rest);
  // A number that letters follow, such as `3d-viewer`, is a word; `1.0rc1` is a version.
  if (core === undefined || (/^[A-Za-z]/.test(rest) && !preRelease)) return word;
  const numbers = core.split(".").map(Number);
  return {
    rank: numbers[0]! >= leastBuild ? ranks.build : ranks.version,
    numbers,
    stage: rest === "" ? stages.release : preRelease ? stages.preRelease : stages.variant,
    rest,
  };
}

/** Compares digits as numbers and everything else as text. */
function compareNaturally(a: string, b: string): number {
  const [left, right] = [a, b].map((text) => text.split(/(\d+)/)) as [string[], string[]];
  for (let index = 0; index < Math.min(left.length, right.length); index++) {
    const [one, other] = [left[index]!, right[index]!];
    if (one === other) continue;
    const byNumber = index % 2 === 1 ? Number(one) - Number(other) : 0;
    if (byNumber !== 0) return byNumber;
    return one < other ? -1 : 1;
  }
  return left.length - right.length;
}
