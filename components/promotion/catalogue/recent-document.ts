import { type RecentDocument, type RecentPromotion, schemaVersion } from "../../catalogue/formats.ts";
import { escapeUnprintable } from "../text/printable.ts";

/** Promotions that are kept, and names of each kind that one of them lists: the document stays below 1 MB, whatever is promoted. */
const limits = { promotions: 50, names: 20 } as const;

/** Longest name that is listed in full: an image's name and tag have 383 characters at most. */
const longestName = 400;

/** The document before anything was promoted. */
export const noRecent: RecentDocument = { schemaVersion, promotions: [] };

/**
 * What a run changed of a project in production, by its lines in the listing before and after; undefined: nothing. A tag that names another
 * digest, and a file with other content, are changed. A digest without a tag has its digest as its name.
 */
export function promotionBetween(
  project: string,
  before: string,
  after: string,
  time: Date,
): RecentPromotion | undefined {
  const [old, now] = [linesIn(before), linesIn(after)];
  const [were, are] = [contentsOf(old.difference(now)), contentsOf(now.difference(old))];
  const added = [...are.keys()].filter((name) => !were.has(name));
  const changed = [...are]
    .filter(([name, digest]) => were.has(name) && were.get(name) !== digest)
    .map(([name]) => name);
  const removed = [...were.keys()].filter((name) => !are.has(name));
  if (added.length + changed.length + removed.length === 0) return undefined;
  return {
    time: time.toISOString(),
    project,
    added: shown(added),
    changed: shown(changed),
    removed: shown(removed),
    counts: { added: added.length, changed: changed.length, removed: removed.length },
  };
}

/** The document with the promotions of a run, newest first, and as many of the earlier ones as are kept. */
export function withPromotions(recent: RecentDocument, promotions: readonly RecentPromotion[]): RecentDocument {
  const all = [...promotions, ...recent.promotions].sort((a, b) => (a.time < b.time ? 1 : a.time > b.time ? -1 : 0));
  return { ...recent, promotions: all.slice(0, limits.promotions) };
}

function linesIn(text: string): Set<string> {
  return new Set(text.split("\n").filter((line) => line !== ""));
}

/** What lines of the listing name, with the digest of each. */
function contentsOf(lines: ReadonlySet<string>): Map<string, string> {
  const contents = new Map<string, string>();
  for (const line of lines) {
    const [kind, , name = "", digest = "", ...tags] = line.split("\t");
    if (kind === "image" && tags.length === 0) contents.set(`${name}@${digest}`, digest);
    for (const tag of tags) contents.set(`${name}:${tag}`, digest);
    if (kind === "file") contents.set(name, digest);
  }
  return contents;
}

function shown(names: readonly string[]): string[] {
  return names.slice(0, limits.names).map((name) => escapeUnprintable(name).slice(0, longestName));
}
