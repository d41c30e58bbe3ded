import { setTimeout as sleep } from "node:timers/promises";
import { type PresenceIndex, presenceIndexKey } from "../../../redirector/presence-format.ts";
import type { ProjectEntry } from "../../catalogue/entry.ts";
import {
  type CatalogueIndex,
  type ListingDocument,
  type RecentDocument,
  type RecentPromotion,
  schemaVersion,
} from "../../catalogue/formats.ts";
import { emptyIndex, indexEntryOf, replaceEntry } from "../../catalogue/index-document.ts";
import {
  type LineKind,
  listingKey,
  partFolders,
  recentFeedKey,
  recentKey,
  undividedKeys,
  writeDocument,
} from "../../catalogue/layout.ts";
import { packListing } from "../../catalogue/listing.ts";
import { areAlike, linesWithin, projectBits } from "../../catalogue/listing-parts.ts";
import { emptyPresence, replacePresence } from "../../catalogue/presence.ts";
import type { CatalogueMirror } from "./catalogue-mirror.ts";
import { DividedLines } from "./divided-lines.ts";
import { readEntryLines } from "./entry-lines.ts";
import { inAll } from "./in-all.ts";
import { newestFirst } from "./newest-first.ts";
import { readPresent } from "./present-documents.ts";
import { noRecent, promotionBetween, withPromotions } from "./recent-document.ts";
import { recentFeed } from "./recent-feed.ts";
import { readPart } from "./stored-part.ts";

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

const kinds: readonly LineKind[] = ["listing", "platforms"];

/**
 * The documents that all projects share: index, the parts of listing and platform lines, the presence index, and what was promoted lately. Changes that
 * arrive during a write are batched into the next one.
 * The stack's lock ensures that one process writes at a time.
 */
export class SharedDocuments {
  readonly #signal: AbortSignal;
  #index: CatalogueIndex = emptyIndex;
  #lines: Readonly<Record<LineKind, DividedLines>> = this.#divided({ listing: [], platforms: [] }, []);
  /** The parts that were named before this run. Readers may still have the document that names them. */
  #named: ReadonlySet<string> = new Set();
  /** The mirrors, by URL, from which this run has removed what earlier ones left. */
  readonly #tidied = new Set<string>();
  /** What earlier runs promoted. */
  #recent = noRecent;
  /** The lines of the projects before this run, and what it has changed of them so far: one promotion for each project, however often it writes. */
  readonly #before = new Map<string, string>();
  readonly #promoted = new Map<string, RecentPromotion>();
  #presence: PresenceIndex = emptyPresence;
  /** What was listed when the index got its revision. */
  #counted: unknown[] = [];
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
   * @throws if the present documents cannot be read. Nothing is written then, because that would lose the other projects. Of a part that cannot be read,
   * only the changes of projects in it fail.
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
      for (const { change, done } of batch) done(result.then((written) => failuresOf(change, written)));
      await result.catch(() => undefined); // each waiting caller receives the error
    }
    this.#writing = false;
  }

  async #write(changes: readonly EntryChange[]): Promise<WrittenChanges> {
    const mirrors = [
      ...new Map(changes.flatMap((change) => change.mirrors).map((mirror) => [mirror.url, mirror])).values(),
    ];
    await this.#load(changes[0]!.mirrors);
    const unread = new Map<EntryChange, unknown>();
    for (const change of changes) {
      try {
        await this.#take(change.entry);
      } catch (error) {
        unread.set(change, error); // the other projects are in other parts
      }
    }
    const recent = withPromotions(this.#recent, [...this.#promoted.values()]);
    const history = historyIn(recent, changes.find(({ host }) => host !== undefined)?.host);
    for (const kind of kinds) await this.#lines[kind].mend((part) => isLacking(part, mirrors));
    const parts = this.#parts();
    const lines = listingOf(parts);
    this.#countChange(lines);
    const index = this.#index;
    const indexBytes = Buffer.from(writeDocument(index));
    const presence = Buffer.from(writeDocument(this.#presence));
    const listing = Buffer.from(lines);
    const packed = this.#packed();
    const failures = new Map<string, unknown>();
    await Promise.all(
      mirrors.map(async (mirror) => {
        try {
          await this.#assertOlder(mirror);
          // First, so that redirectors learn of a removal as early as they can.
          await mirror.write(presenceIndexKey, presence);
          for (const kind of kinds)
            await inAll(parts[kind], async ({ part }) => {
              if (!(await mirror.has(part))) await mirror.write(part, await packed(kind, part));
            });
          await mirror.write(listingKey, listing);
          for (const [key, bytes] of history) await mirror.write(key, bytes);
          // The index comes last: what it refers to exists by then.
          await mirror.writeIndex(index, indexBytes);
          await this.#tidy(mirror, parts);
        } catch (error) {
          this.#signal.throwIfAborted();
          failures.set(mirror.name, error);
        }
      }),
    );
    return { failures, unread };
  }

  /** Takes a change into the documents. @throws if a part that it changes cannot be read. */
  async #take({ name, index, lines, platforms, presence, heldBy, filling }: EntryChange["entry"]): Promise<void> {
    const all = replaceEntry(this.#index, name, index);
    const replaced = await this.#replace("listing", name, lines, all);
    await this.#replace("platforms", name, platforms, all);
    // Of lines that were lost nothing is known: to say that all of them were added now would be wrong.
    if (replaced !== "" || !isListed(this.#index, name)) this.#remember(name, replaced, lines);
    this.#presence = replacePresence(this.#presence, name, presence, heldBy && { mirrors: heldBy, filling });
    this.#index = all;
  }

  #replace(kind: LineKind, project: string, lines: string, index = this.#index): Promise<string> {
    return this.#lines[kind].replace(project, lines, (name) => folderIn(index, name));
  }

  #parts(): Record<LineKind, ListingDocument[LineKind]> {
    return { listing: this.#lines.listing.parts, platforms: this.#lines.platforms.parts };
  }

  /** Counts a change of what the catalogue lists, so that a mirror that misses it is known to be older. */
  #countChange(lines: string): void {
    const content = this.#contentNow(lines);
    if (content.every((one, at) => one === this.#counted[at])) return;
    this.#counted = content;
    this.#index = { schemaVersion, revision: (this.#index.revision ?? 0) + 1, projects: this.#index.projects };
  }

  /** Values that are others after a change. @param lines the document of their parts. */
  #contentNow(lines: string): unknown[] {
    return [this.#index.projects, this.#presence, lines];
  }

  /** A mirror that could not be read when the run began may have what the others miss. @throws if it has. */
  async #assertOlder(mirror: CatalogueMirror): Promise<void> {
    const { revision = 0 } = (await mirror.index()) ?? {};
    if (revision > (this.#index.revision ?? 0))
      throw new Error("it has newer documents than those with which this run began: the next run begins with them");
  }

  /** Compresses each part once for all mirrors that lack it. */
  #packed(): (kind: LineKind, part: string) => Promise<Buffer> {
    const packed = new Map<string, Promise<Buffer>>();
    return (kind, part) => {
      const bytes = packed.get(part) ?? this.#lines[kind].textOf(part).then(packListing);
      packed.set(part, bytes);
      return bytes;
    };
  }

  /**
   * Removes what earlier runs have left in a mirror, once in a run. What this run replaces stays until the next one: readers have named documents for
   * a minute before they ask for what these name.
   */
  async #tidy(mirror: CatalogueMirror, parts: Readonly<Record<LineKind, ListingDocument[LineKind]>>): Promise<void> {
    if (this.#tidied.has(mirror.url)) return;
    for (const kind of kinds) {
      const named = new Set([...this.#named, ...parts[kind].map(({ part }) => part)]);
      const stale = (await mirror.keys(partFolders[kind])).filter((key) => !named.has(key));
      await inAll([...stale, undividedKeys[kind]], (key) => mirror.remove(key));
    }
    this.#tidied.add(mirror.url);
  }

  /** Compares a project's new lines with those before this run. */
  #remember(project: string, replaced: string, lines: string): void {
    const before = this.#before.get(project) ?? replaced;
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

  async #read(mirrors: readonly CatalogueMirror[]): Promise<void> {
    const { index, parts, undivided, recent, presence } = await readPresent(mirrors);
    this.#index = index;
    this.#lines = this.#divided(parts, mirrors);
    this.#named = new Set(kinds.flatMap((kind) => parts[kind].map(({ part }) => part)));
    this.#recent = recent;
    this.#presence = presence;
    if (undivided === "lost") await this.#remakeAll(mirrors);
    else
      for (const kind of kinds)
        for (const [project, lines] of undivided?.[kind] ?? []) await this.#replace(kind, project, lines);
    this.#counted = this.#contentNow(listingOf(this.#parts()));
  }

  /** Makes the lines of all projects anew. Those of which no mirror has the whole entry have none until they are written again. */
  async #remakeAll(mirrors: readonly CatalogueMirror[]): Promise<void> {
    for (const { name } of this.#index.projects) {
      const remade = await readEntryLines(name, await newestFirst(name, mirrors));
      await this.#replace("listing", name, remade?.lines ?? "");
      await this.#replace("platforms", name, remade?.platforms ?? "");
    }
  }

  #divided(
    parts: Pick<ListingDocument, LineKind>,
    mirrors: readonly CatalogueMirror[],
  ): Record<LineKind, DividedLines> {
    const of = (kind: LineKind) =>
      new DividedLines(
        kind,
        parts[kind],
        (key) => readPart(key, mirrors),
        (bits, lost) => this.#remake(kind, bits, lost, mirrors),
      );
    return { listing: of("listing"), platforms: of("platforms") };
  }

  /** Makes the lines of a part anew that no mirror has, from the entries of the projects in it. */
  async #remake(kind: LineKind, bits: string, lost: string, mirrors: readonly CatalogueMirror[]): Promise<string> {
    const index = this.#index;
    const blocks = new Map<string, string>();
    for (const { name } of index.projects.filter((project) => areAlike(projectBits(project.name), bits))) {
      const { lines, platforms } = (await readEntryLines(name, await newestFirst(name, mirrors))) ?? {
        lines: "",
        platforms: "",
      };
      blocks.set(name, kind === "listing" ? lines : platforms);
    }
    await Promise.allSettled(mirrors.map((mirror) => mirror.discard(lost))); // none has it whole
    return linesWithin(bits, blocks, (name) => folderIn(index, name));
  }
}

/** The document that names the parts of all lines. */
function listingOf(parts: Readonly<Record<LineKind, ListingDocument[LineKind]>>): string {
  return writeDocument({ schemaVersion, ...parts } satisfies ListingDocument);
}

/** Whether a project has lines. */
function isListed(index: CatalogueIndex, project: string): boolean {
  const { images = [], files } = indexEntryOf(index, project) ?? {};
  return images.length > 0 || files !== undefined;
}

/** The folder that all files of a project are in. */
function folderIn(index: CatalogueIndex, project: string): string {
  return indexEntryOf(index, project)?.files?.prefix ?? "";
}

/** The documents of what was promoted lately; no feed before the first promotion. */
function historyIn(recent: RecentDocument, host: string | undefined): [key: string, bytes: Buffer][] {
  const feed = host === undefined ? undefined : recentFeed(recent, host);
  return [
    ...(feed === undefined ? [] : [[recentFeedKey, Buffer.from(feed)] as [string, Buffer]]),
    [recentKey, Buffer.from(writeDocument(recent))],
  ];
}

/** Whether a part has to be written to one of the mirrors. One that cannot be listed reports it when it is written. */
async function isLacking(part: string, mirrors: readonly CatalogueMirror[]): Promise<boolean> {
  const held = await Promise.all(mirrors.map((mirror) => mirror.has(part).catch(() => true)));
  return held.includes(false);
}

type Failures = ReadonlyMap<string, unknown>;

/** What became of changes that were written together. */
interface WrittenChanges {
  readonly failures: Failures;
  /** Changes of which a part could not be read. */
  readonly unread: ReadonlyMap<EntryChange, unknown>;
}

function failuresOf(change: EntryChange, { failures, unread }: WrittenChanges): Failures {
  if (unread.has(change)) throw unread.get(change);
  return failures;
}
