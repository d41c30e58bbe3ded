import { createHash } from "node:crypto";
import pLimit, { type LimitFunction } from "p-limit";
import { emptyEntry, projectEntry } from "../../catalogue/entry.ts";
import { projectKey } from "../../catalogue/layout.ts";
import { Transport, type TransportOptions } from "../oci/transport.ts";
import { KeyedLock } from "../run/keyed-lock.ts";
import type { Progress, StorageSettings } from "../run/request.ts";
import { BucketAbsent } from "../storage/bucket.ts";
import { openStorage, type Storage } from "../storage/storage.ts";
import { type CachedEntry, noCachedEntry, readCachedEntry } from "./cached-entry.ts";
import { CatalogueMirror } from "./catalogue-mirror.ts";
import { checkEntry } from "./check-entry.ts";
import { describeEntry } from "./describe-entry.ts";
import type { EntryOutcome, EntryRequest, UnlistRequest } from "./request.ts";
import { SharedDocuments } from "./shared-documents.ts";
import { type UnlistedEntry, unlistLines } from "./unlist-lines.ts";
import { writeEntry } from "./write-entry.ts";

/** Writes the catalogue, project by project, over one set of connections. */
export interface CatalogueWriter {
  /**
   * Brings a project's entry to what the request says, in every mirror. What an earlier run has learned of a digest is taken from
   * the catalogue itself, unless it is to be learned `anew`.
   */
  publish(request: EntryRequest, anew: boolean, report: (progress: Progress) => void): Promise<EntryOutcome>;
  /** Takes a project out of the catalogue, in every mirror. */
  withdraw(request: EntryRequest): Promise<EntryOutcome>;
  /** Takes out of a project's entry, in every mirror, what is not wanted any more; adds nothing. @returns failures, one line each. */
  unlist(retraction: UnlistRequest): Promise<readonly string[]>;
  /** Which mirrors have not this document of the project, whole; failures are mirrors that could not be asked. */
  check(request: EntryRequest, document: string): Promise<Pick<EntryOutcome, "incomplete" | "failures">>;
  /** Ends all connections. */
  close(): Promise<void>;
}

/** Digests being read at a time, over all projects of the process. */
const digestsAtATime = 32;

/** Opens a writer. `signal` ends what it does. */
export function catalogueWriter(signal: AbortSignal, options: TransportOptions = {}): CatalogueWriter {
  const means = new Dependencies(signal, options);
  return {
    publish: (request, anew, report) =>
      means.entries.with(request.project, async () => {
        const mirrors = means.mirrors(request);
        const known = await findCachedEntry(request.project, mirrors, signal);
        const bucket = means.storage(request.storage).open(request.mirrors[0]!);
        const learned = await describeEntry(request, anew ? noCachedEntry : known, {
          ...means,
          limit: means.limit,
          bucket,
          report,
        });
        const entry = projectEntry(learned.published);
        const written = await writeEntry(entry, known.documents, mirrors, means.shared(mirrors), signal);
        const document = entry.documents.get(projectKey(request.project));
        const looked = learned.described === 0 ? "nothing new to describe" : `${learned.described} described`;
        return {
          document: document === undefined ? "" : createHash("sha256").update(document).digest("hex"),
          // What could not be learned is missing everywhere.
          incomplete: learned.failures.length > 0 ? mirrors.map(({ name }) => name) : written.incomplete,
          failures: [...learned.failures, ...written.failures],
          summary: `catalogue: ${looked}, ${mirrors.length} mirror${mirrors.length === 1 ? "" : "s"}`,
        };
      }),
    withdraw: (request) =>
      means.entries.with(request.project, async () => {
        const mirrors = means.mirrors(request);
        const known = await findCachedEntry(request.project, mirrors, signal);
        const written = await writeEntry(
          emptyEntry(request.project),
          known.documents,
          mirrors,
          means.shared(mirrors),
          signal,
        );
        return { ...written, document: "", summary: `catalogue: taken out of ${mirrors.length} mirrors` };
      }),
    unlist: (retraction) =>
      means.entries.with(retraction.project, async () => {
        const mirrors = means.mirrors(retraction);
        const retracted = await listedEntry(retraction, mirrors, signal);
        if (!retracted?.changed) return [];
        const { entry, old } = retracted;
        return (await writeEntry(entry, old, mirrors, means.shared(mirrors), signal)).failures;
      }),
    check: (request, document) => checkEntry(request.project, document, means.mirrors(request), signal),
    close: () => means.close(),
  };
}

/** What all entries share. */
class Dependencies {
  readonly signal: AbortSignal;
  readonly transport: Transport;
  readonly limit: LimitFunction = pLimit(digestsAtATime);
  /** A project's images and its files may leave at the same time, and be taken out slowly: all change its one entry. */
  readonly entries = new KeyedLock();
  readonly #storages = new Map<string, Storage>();
  readonly #mirrors = new Map<string, CatalogueMirror>();
  readonly #shared = new Map<string, SharedDocuments>();

  constructor(signal: AbortSignal, options: TransportOptions) {
    this.signal = signal;
    this.transport = new Transport(options);
  }

  storage(settings: StorageSettings): Storage {
    return cached(this.#storages, JSON.stringify(settings), () => openStorage(settings));
  }

  mirrors({ mirrors, storage }: Pick<EntryRequest, "mirrors" | "storage">): CatalogueMirror[] {
    return mirrors.map((mirror) => {
      const open = () => new CatalogueMirror(mirror.name, this.storage(storage).open(mirror), this.signal);
      return cached(this.#mirrors, JSON.stringify([mirror, storage]), open);
    });
  }

  /** The documents that all projects of a catalogue share. It is known by its canonical mirror. */
  shared([canonical]: readonly CatalogueMirror[]): SharedDocuments {
    return cached(this.#shared, canonical?.url ?? "", () => new SharedDocuments(this.signal));
  }

  async close(): Promise<void> {
    await this.transport.close();
    for (const storage of this.#storages.values()) await storage.close();
  }
}

function cached<Value>(values: Map<string, Value>, key: string, make: () => Value): Value {
  const value = values.get(key) ?? make();
  values.set(key, value);
  return value;
}

/** From the first mirror that has it: what one mirror lost need not be learned again. */
async function findCachedEntry(
  project: string,
  mirrors: readonly CatalogueMirror[],
  signal: AbortSignal,
): Promise<CachedEntry> {
  for (const mirror of mirrors) {
    try {
      const known = await readCachedEntry(mirror, project);
      if (known.documents.size > 0) return known;
    } catch {
      // Writing to that mirror will tell why.
      signal.throwIfAborted();
    }
  }
  return noCachedEntry;
}

/** From the first mirror that has it whole. Throws if none has, and one could not be read. */
async function listedEntry(
  retraction: UnlistRequest,
  mirrors: readonly CatalogueMirror[],
  signal: AbortSignal,
): Promise<UnlistedEntry | undefined> {
  let failure: unknown;
  for (const mirror of mirrors) {
    try {
      const found = await unlistLines(mirror, retraction);
      if (found !== undefined) return found;
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof BucketAbsent)) failure ??= error;
    }
  }
  if (failure !== undefined) throw failure;
  return undefined;
}
