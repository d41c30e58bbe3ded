import { countOf } from "../promotion/text/count-of.ts";
import { formatCount } from "../promotion/text/format-count.ts";
import type { PublishedNames } from "./k8s-published.ts";

/** A comparison of what clients can pull before and after a move. */
export interface PublishedReport {
  /** Repositories, and `image:tag@digest` of all of them. */
  readonly before: Totals;
  readonly after: Totals;
  /** By destination: the first part of the path, "" the root. Only of images and files that are in one of the two. */
  readonly destinations: readonly PublishedDestination[];
  /** What can be pulled before only, one line each. */
  readonly lost: readonly string[];
  /** What can be pulled after only. */
  readonly gained: readonly string[];
  /** Files that the manifests before list with several contents, of which one is there after. */
  readonly undecided: readonly string[];
}

/** How much there is. */
export interface Totals {
  readonly repositories: number;
  readonly pairs: number;
  readonly files: number;
}

/** One destination's part. */
export interface PublishedDestination {
  readonly destination: string;
  readonly before: Totals;
  readonly after: Totals;
  readonly lost: number;
  readonly gained: number;
}

/** Compares, per destination, what clients can pull before and after. Pure. */
export function comparePublished(before: PublishedNames, after: PublishedNames): PublishedReport {
  const lost: string[] = [];
  const gained: string[] = [];
  const undecided: string[] = [];
  const counts = new Map<string, { lost: number; gained: number }>();
  const note = (name: string, side: "lost" | "gained", line: string) => {
    const destination = destinationOf(name);
    const count = counts.get(destination) ?? { lost: 0, gained: 0 };
    counts.set(destination, count);
    count[side]++;
    (side === "lost" ? lost : gained).push(line);
  };
  const missing = (from: PublishedNames["images"], to: PublishedNames["images"], side: "lost" | "gained") => {
    for (const [name, pairs] of from)
      for (const pair of pairs)
        if (to.get(name)?.has(pair) !== true) note(name, side, `${name}${pair.startsWith("@") ? "" : ":"}${pair}`);
  };
  missing(before.images, after.images, "lost");
  missing(after.images, before.images, "gained");
  for (const [key, contents] of before.files) {
    const now = after.files.get(key);
    const kept = [...contents].filter((content) => now?.has(content) === true);
    if (kept.length === 0) note(key, "lost", `${key} sha256:${[...contents].join(" or sha256:")}`);
    else if (contents.size > 1) undecided.push(`${key} sha256:${[...contents].join(" or sha256:")}`);
  }
  for (const [key, contents] of after.files)
    for (const content of contents)
      if (before.files.get(key)?.has(content) !== true) note(key, "gained", `${key} sha256:${content}`);
  const sides = [totals(before), totals(after)] as const;
  const names = new Set([...sides[0].keys(), ...sides[1].keys()]);
  return {
    before: sum(sides[0].values()),
    after: sum(sides[1].values()),
    destinations: [...names].sort().map((destination) => ({
      destination,
      before: sides[0].get(destination) ?? none,
      after: sides[1].get(destination) ?? none,
      ...(counts.get(destination) ?? { lost: 0, gained: 0 }),
    })),
    lost: lost.sort(),
    gained: gained.sort(),
    undecided: undecided.sort(),
  };
}

/** A comparison for people: a line for each destination, then every difference. */
export function describePublished(report: PublishedReport): string[] {
  const told = ({ repositories, pairs, files }: Totals) =>
    [
      repositories === 0 ? "" : repositories === 1 ? "1 repository" : `${formatCount(repositories)} repositories`,
      pairs === 0 ? "" : countOf(pairs, "image:tag@digest").replace(/digests$/, "digest"),
      files === 0 ? "" : countOf(files, "file"),
    ]
      .filter((part) => part !== "")
      .join(", ") || "nothing";
  const equal = report.lost.length + report.gained.length === 0;
  return [
    ...report.destinations.map(({ destination, before, after, lost, gained }) =>
      lost + gained === 0
        ? `= ${destination}/: ${told(before)}`
        : `! ${destination}/: before ${told(before)}; after ${told(after)}; ${formatCount(lost)} lost, ${formatCount(gained)} gained`,
    ),
    ...report.lost.map((line) => `- ${line}`),
    ...report.gained.map((line) => `+ ${line}`),
    ...report.undecided.map((line) => `? ${line}`),
    `before: ${told(report.before)}`,
    `after: ${told(report.after)}`,
    ...(report.undecided.length === 0
      ? []
      : [
          `?: ${countOf(report.undecided.length, "file")} listed with several contents, of which one is kept: compare --files says which production serves`,
        ]),
    equal
      ? "equal: every name that a client can pull before is the same after"
      : `${formatCount(report.lost.length)} lost, ${formatCount(report.gained.length)} gained`,
  ];
}

const none: Totals = { repositories: 0, pairs: 0, files: 0 };

function totals({ images, files }: PublishedNames): Map<string, Totals> {
  const found = new Map<string, Totals>();
  const add = (name: string, more: Totals) =>
    found.set(destinationOf(name), sum([found.get(destinationOf(name)) ?? none, more]));
  for (const [name, pairs] of images) add(name, { repositories: 1, pairs: pairs.size, files: 0 });
  for (const key of files.keys()) add(key, { repositories: 0, pairs: 0, files: 1 });
  return found;
}

function sum(all: Iterable<Totals>): Totals {
  const total = { repositories: 0, pairs: 0, files: 0 };
  for (const { repositories, pairs, files } of all) {
    total.repositories += repositories;
    total.pairs += pairs;
    total.files += files;
  }
  return total;
}

/** `kops` of `kops/dns-controller`, "" of `pause`, `binaries/kops` of a file's key. */
function destinationOf(name: string): string {
  return /^binaries\/[^/]+(?=\/)/.exec(name)?.[0] ?? /^[^/]+(?=\/)/.exec(name)?.[0] ?? "";
}
