import pLimit, { type LimitFunction } from "p-limit";
import { emptyEntry, type ProjectEntry, projectEntry } from "../../catalogue/entry.ts";
import { WeightedSemaphore } from "../http/weighted-semaphore.ts";
import { Transport, type TransportOptions } from "../oci/transport.ts";
import { KeyedLock } from "../run/keyed-lock.ts";
import { attachmentMemory } from "../run/limits.ts";
import type { Progress, StorageSettings } from "../run/request.ts";
import { Storages } from "../run/storages.ts";
import { openStorage, type Storage } from "../storage/storage.ts";
import { type CachedEntry, noCachedEntry, readCachedEntry } from "./cached-entry.ts";
import { CatalogueMirror } from "./catalogue-mirror.ts";
import { checkEntry } from "./check-entry.ts";
import { describeEntry } from "./describe-entry.ts";
import { fromFirst } from "./from-first.ts";
import { newestFirst } from "./newest-first.ts";
import type { EntryOutcome, EntryRequest, UnlistRequest } from "./request.ts";
import { SharedDocuments } from "./shared-documents.ts";
import { unlistLines } from "./unlist-lines.ts";
import { writeEntry } from "./write-entry.ts";

/** Writes the catalogue, project by project, over one set of connections. */
export interface CatalogueWriter {
  /**
   * Writes a project's entry to every mirror. What earlier runs described is taken from the catalogue itself.
   * @param anew digests to describe again nevertheless: something was attached to them since.
   */
  publish(
    request: EntryRequest,
    anew: ReadonlySet<string> | "all",
    report: (progress: Progress) => void,
  ): Promise<EntryOutcome>;
  /** Removes a project from the catalogue in every mirror. */
  withdraw(request: EntryRequest): Promise<EntryOutcome>;
  /** Removes from a project's entry, in every mirror, what its manifest no longer wants. Adds nothing. @returns failures, one line each. */
  unlist(request: UnlistRequest): Promise<readonly string[]>;
  /** Names the mirrors that lack this document of the project or a part of its entry. A mirror that cannot be read is a failure. */
  check(request: EntryRequest, document: string): Promise<Pick<EntryOutcome, "incomplete" | "failures">>;
  /** Closes all connections. */
  close(): Promise<void>;
}

/** Concurrent digests over all projects of the process. */
const digestsAtATime = 32;

/** Opens a writer. `signal` aborts its work. */
export function catalogueWriter(signal: AbortSignal, options: TransportOptions = {}): CatalogueWriter {
  const dependencies = new Dependencies(signal, options);
  const { entries, limit } = dependencies;
  const write = (
    entry: ProjectEntry,
    old: ReadonlySet<string>,
    mirrors: readonly CatalogueMirror[],
    { host }: Pick<EntryRequest, "host">,
  ) => writeEntry(entry, old, mirrors, dependencies.shared(mirrors), signal, host);
  return {
    publish: (request, anew, report) =>
      entries.with(request.project, async () => {
        const mirrors = dependencies.mirrors(request);
        const cached = await findCachedEntry(request.project, mirrors, signal);
        const bucket = dependencies.storage(request.storage).open(request.mirrors[0]!);
        const { transport } = dependencies;
        const described = await describeEntry(request, anew === "all" ? noCachedEntry : cached, {
          anew: anew === "all" ? new Set() : anew,
          transport,
          signal,
          limit,
          attachmentMemory: dependencies.attachmentMemory,
          bucket,
          report,
        });
        const entry = projectEntry(described.published);
        const written = await write(entry, cached.documents, mirrors, request);
        const count = described.described === 0 ? "nothing new to describe" : `${described.described} described`;
        return {
          document: entry.index?.sha256 ?? "",
          // What could not be described is missing in every mirror.
          incomplete: described.failures.length > 0 ? mirrors.map(({ name }) => name) : written.incomplete,
          failures: [...described.failures, ...written.failures],
          unpurged: await dependencies.storage(request.storage).purge(signal),
          summary: `catalogue: ${count}, ${mirrors.length} mirror${mirrors.length === 1 ? "" : "s"}`,
        };
      }),
    withdraw: (request) =>
      entries.with(request.project, async () => {
        const mirrors = dependencies.mirrors(request);
        const { documents } = await findCachedEntry(request.project, mirrors, signal);
        const written = await write(emptyEntry(request.project), documents, mirrors, request);
        const unpurged = await dependencies.storage(request.storage).purge(signal);
        return { ...written, unpurged, document: "", summary: `catalogue: removed from ${mirrors.length} mirrors` };
      }),
    unlist: (request) =>
      entries.with(request.project, async () => {
        const mirrors = dependencies.mirrors(request);
        // In the newest mirror that has the whole entry.
        const newest = await newestFirst(request.project, mirrors);
        const unlisted = await fromFirst(newest, (mirror) => unlistLines(mirror, request));
        if (!unlisted?.changed) return [];
        return (await write(unlisted.entry, unlisted.old, mirrors, request)).failures;
      }),
    check: (request, document) => checkEntry(request.project, document, dependencies.mirrors(request), signal),
    close: () => dependencies.close(),
  };
}

/** What the entries of all projects share. */
class Dependencies {
  readonly signal: AbortSignal;
  readonly transport: Transport;
  readonly limit: LimitFunction = pLimit(digestsAtATime);
  readonly attachmentMemory = new WeightedSemaphore(attachmentMemory);
  /** Serializes changes of one project's entry: its images and its files may be unlisted at the same time. */
  readonly entries = new KeyedLock();
  readonly #storages = new Storages(openStorage);
  readonly #mirrors = new Map<string, CatalogueMirror>();
  readonly #shared = new Map<string, SharedDocuments>();

  constructor(signal: AbortSignal, options: TransportOptions) {
    this.signal = signal;
    this.transport = new Transport(options);
  }

  storage(settings: StorageSettings): Storage {
    return this.#storages.at(settings);
  }

  mirrors({ mirrors, storage }: Pick<EntryRequest, "mirrors" | "storage">): CatalogueMirror[] {
    return mirrors.map((mirror) => {
      const open = () => new CatalogueMirror(mirror.name, this.storage(storage).open(mirror), this.signal);
      return cached(this.#mirrors, JSON.stringify([mirror, storage]), open);
    });
  }

  /** The documents that all projects of a catalogue share. The canonical mirror identifies the catalogue. */
  shared([canonical]: readonly CatalogueMirror[]): SharedDocuments {
    return cached(this.#shared, canonical?.url ?? "", () => new SharedDocuments(this.signal));
  }

  async close(): Promise<void> {
    await this.transport.close();
    await this.#storages.close();
  }
}

function cached<Value>(values: Map<string, Value>, key: string, make: () => Value): Value {
  const value = values.get(key) ?? make();
  values.set(key, value);
  return value;
}

/** Reads the entry from the newest mirror that has it, so that a mirror's loss does not mean describing every digest again. */
async function findCachedEntry(
  project: string,
  mirrors: readonly CatalogueMirror[],
  signal: AbortSignal,
): Promise<CachedEntry> {
  for (const mirror of await newestFirst(project, mirrors)) {
    try {
      const cached = await readCachedEntry(mirror, project);
      if (cached.documents.size > 0) return cached;
    } catch {
      // Writing to that mirror reports the error.
      signal.throwIfAborted();
    }
  }
  return noCachedEntry;
}
