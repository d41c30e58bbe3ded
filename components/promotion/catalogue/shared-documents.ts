import { setTimeout as sleep } from "node:timers/promises";
import { type PresenceIndex, presenceIndexKey, readPresenceIndex } from "../../../redirector/presence-format.ts";
import type { ProjectEntry } from "../../catalogue/entry.ts";
import {
  type CatalogueIndex,
  type RecentDocument,
  type RecentPromotion,
  readDocument,
} from "../../catalogue/formats.ts";
import { emptyIndex, replaceEntry } from "../../catalogue/index-document.ts";
import { indexKey, listingKey, platformsKey, recentFeedKey, recentKey, writeDocument } from "../../catalogue/layout.ts";
import { packListing, projectLines, replaceLines, unpackListing } from "../../catalogue/listing.ts";
import { emptyPresence, replacePresence } from "../../catalogue/presence.ts";
import { BucketAbsent } from "../storage/bucket.ts";
import type { CatalogueMirror } from "./catalogue-mirror.ts";
import { noRecent, promotionBetween, withPromotions } from "./recent-document.ts";
import { recentFeed } from "./recent-feed.ts";

/** One project's part of the documents that all projects share. */
export interface EntryChange {
  /** An empty entry removes the project. */
  readonly entry: Pick<ProjectEntry, "name" | "index" | "lines" | "platforms" | "presence" | "heldBy" | "filling">;
  /** The mirrors to write, the canonical one first. */
  readonly mirrors: readonly CatalogueMirror[];
  /** The name that clients use, for the feed of what was promoted lately; absent: no feed is written. */
  readonly host?: string | undefined;
}

/** Milliseconds between two writes. Cloud Storage takes one write a second of the same object (cloud.google.com/storage/quotas). */
const leastInterval = 1_000;

/**
 * The documents that all projects share: index, listing, platform lines, the presence index, and what was promoted lately. Changes that arrive during a
 * write are batched into the next one.
 * The stack's lock ensures that one process writes at a time.
 */
export class SharedDocuments {
  readonly #signal: AbortSignal;
  #index: CatalogueIndex = emptyIndex;
  #listing = "";
  #platforms = "";
  /** What earlier runs promoted. */
  #recent = noRecent;
  /** The lines of the projects before this run, and what it has changed of them so far: one promotion for each project, however often it writes. */
  readonly #before = new Map<string, string>();
  readonly #promoted = new Map<string, RecentPromotion>();
  #presence: PresenceIndex = emptyPresence;
  #loaded: Promise<void> | undefined;
  #waiting: { readonly change: EntryChange; readonly done: (result: Promise<Failures>) => void }[] = [];
  #writing = false;
  #written = Number.NEGATIVE_INFINITY;

  constructor(signal: AbortSignal) {
    this.#signal = signal;
  }

  /**
   * Writes a change, together with the others that wait.
   * @returns errors by the name of the mirror that was not written.
   * @throws if the present documents cannot be read. Nothing is written then, because that would lose the other projects.
   */
  async apply(change: EntryChange): Promise<Failures> {
    const { promise, resolve } = Promise.withResolvers<Failures>();
    this.#waiting.push({ change, done: resolve });
    if (!this.#writing) void this.#writeAll();
    return promise;
  }

  async #writeAll(): Promise<void> {
    this.#writing = true;
    while (this.#waiting.length > 0) {
      const wait = this.#written + leastInterval - performance.now();
      if (wait > 0) await sleep(wait, undefined, { signal: this.#signal }).catch(() => undefined); // an abort ends the waiting only
      const batch = this.#waiting;
      this.#waiting = [];
      this.#written = performance.now();
      const result = this.#write(batch.map(({ change }) => change));
      for (const { done } of batch) done(result);
      await result.catch(() => undefined); // each waiting caller receives the error
    }
    this.#writing = false;
  }

  async #write(changes: readonly EntryChange[]): Promise<Failures> {
    const mirrors = [
      ...new Map(changes.flatMap((change) => change.mirrors).map((mirror) => [mirror.url, mirror])).values(),
    ];
    await this.#load(changes[0]!.mirrors);
    for (const { name, index, lines, platforms, presence, heldBy, filling } of changes.map(({ entry }) => entry)) {
      this.#remember(name, lines);
      this.#presence = replacePresence(this.#presence, name, presence, heldBy && { mirrors: heldBy, filling });
      this.#index = replaceEntry(this.#index, name, index);
      this.#listing = replaceLines(this.#listing, name, lines);
      this.#platforms = replaceLines(this.#platforms, name, platforms);
    }
    const recent = withPromotions(this.#recent, [...this.#promoted.values()]);
    const history = historyIn(recent, changes.find(({ host }) => host !== undefined)?.host);
    const [listing, platforms] = [packListing(this.#listing), packListing(this.#platforms)];
    const index = Buffer.from(writeDocument(this.#index));
    const presence = Buffer.from(writeDocument(this.#presence));
    const failures = new Map<string, unknown>();
    await Promise.all(
      mirrors.map(async (mirror) => {
        try {
          // First, so that redirectors learn of a removal as early as they can.
          await mirror.write(presenceIndexKey, presence);
          // The index comes last: what it refers to exists by then.
          await mirror.write(platformsKey, platforms);
          await mirror.write(listingKey, listing);
          for (const [key, bytes] of history) await mirror.write(key, bytes);
          await mirror.write(indexKey, index);
        } catch (error) {
          this.#signal.throwIfAborted();
          failures.set(mirror.name, error);
        }
      }),
    );
    return failures;
  }

  /** Compares a project's new lines with those before this run. */
  #remember(project: string, lines: string): void {
    const before = this.#before.get(project) ?? projectLines(this.#listing, project);
    this.#before.set(project, before);
    const known = this.#promoted.get(project);
    const time = known === undefined ? new Date() : new Date(known.time); // unchanged documents are not written again
    const promotion = promotionBetween(project, before, lines, time);
    if (promotion === undefined) this.#promoted.delete(project);
    else this.#promoted.set(project, promotion);
  }

  #load(mirrors: readonly CatalogueMirror[]): Promise<void> {
    this.#loaded ??= this.#read(mirrors).catch((error: unknown) => {
      this.#loaded = undefined;
      throw error;
    });
    return this.#loaded;
  }

  /** Reads the documents from the first mirror that has them. A new mirror is empty. */
  async #read(mirrors: readonly CatalogueMirror[]): Promise<void> {
    for (const mirror of mirrors) {
      let [index, listing, platforms, recent, presence]: (Buffer | undefined)[] = [];
      try {
        [index, listing, platforms, recent, presence] = await Promise.all(
          [indexKey, listingKey, platformsKey, recentKey, presenceIndexKey].map((key) => mirror.read(key)),
        );
      } catch (error) {
        if (error instanceof BucketAbsent) continue;
        throw error;
      }
      if (index === undefined || listing === undefined) continue;
      const [document, lines] = [readDocument("index", index.toString()), unpackListing(listing)];
      // A catalogue that an old version wrote has no platform lines. Each entry adds its own.
      const digests = platforms === undefined ? "" : unpackListing(platforms);
      if (document === undefined || lines === undefined || digests === undefined) {
        const what = document === undefined ? indexKey : lines === undefined ? listingKey : platformsKey;
        throw new Error(
          `${mirror.url}/${what} is damaged, or a newer version of this program wrote it: update this program, or remove the object if it is damaged`,
        );
      }
      this.#index = document;
      this.#listing = lines;
      this.#platforms = digests;
      // Without it, or damaged, the history begins anew: nothing depends on it.
      this.#recent = (recent && readDocument("recent", recent.toString())) ?? noRecent;
      this.#presence = presenceIn(presence);
      return;
    }
  }
}

/** The documents of what was promoted lately; no feed before the first promotion. */
function historyIn(recent: RecentDocument, host: string | undefined): [key: string, bytes: Buffer][] {
  const feed = host === undefined ? undefined : recentFeed(recent, host);
  return [
    ...(feed === undefined ? [] : [[recentFeedKey, Buffer.from(feed)] as [string, Buffer]]),
    [recentKey, Buffer.from(writeDocument(recent))],
  ];
}

/** A damaged one is begun anew: it promises less until each project has been written again. */
function presenceIn(bytes: Buffer | undefined): PresenceIndex {
  if (bytes === undefined) return emptyPresence;
  try {
    return readPresenceIndex(bytes.toString("utf8"));
  } catch {
    return emptyPresence;
  }
}

type Failures = ReadonlyMap<string, unknown>;
