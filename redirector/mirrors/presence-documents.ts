import { createHash } from "node:crypto";
import type { RedirectorConfig } from "../config.ts";
import {
  type PresenceIndex,
  presenceDocumentKey,
  presenceIndexKey,
  readKeys,
  readPresenceDocument,
  readPresenceIndex,
} from "../presence-format.ts";
import { readBody } from "./body.ts";
import type { PublishedDocument, PublishedObjects } from "./published-objects.ts";
import { startRounds } from "./rounds.ts";

/** Result of a reading of the index. `absent`: no mirror has one. */
export type PresenceReading = "changed" | "unchanged" | "absent" | "failed";

/** Readings, counted for the metrics. */
export type PresenceCounts = Record<PresenceReading, number> & {
  /** Documents of projects that were not read: too large, damaged, or absent. Their objects are asked for by HEAD. */
  unread: number;
};

/** Fetches a document. `etag`: only if it is another one. */
export type FetchDocument = (url: string, etag: string | undefined, signal: AbortSignal) => Promise<Response>;

const mebibyte = 1024 * 1024;
const mostIndexBytes = 4 * mebibyte;
const mostDocumentBytes = 16 * mebibyte;
/** So much of the documents is read before their memory is asked back: texts and parsed values are several times as large. */
const collectedBytes = mebibyte / 4;
/** How many mirrors are asked for the index, one after the other. */
const mostSources = 2;
/** For how long the documents are believed while nobody can read the index. */
const believedMs = 3_600_000;

/**
 * Keeps {@link PublishedObjects} as the presence documents say. Reads the index of the nearest file mirror periodically, and the documents that changed.
 * A document that is not what its name says, or exceeds a limit, is left out: its objects are asked for by HEAD. Never rejects.
 */
export class PresenceDocuments {
  readonly counts: PresenceCounts = { changed: 0, unchanged: 0, absent: 0, failed: 0, unread: 0 };
  readonly #settings: RedirectorConfig["presence"];
  /** URLs of the file mirrors, the best first. */
  readonly #sources: () => readonly string[];
  readonly #published: PublishedObjects;
  readonly #fetch: FetchDocument;
  readonly #now: () => number;
  readonly #collect: () => void;
  /** Bytes of documents since the last collection. */
  #uncollected = 0;
  /** Each document that was read, and its number of objects. */
  #read = new Map<string, number>();
  /** The index that was read last, if all that it names was read. */
  #last: { readonly source: string; readonly etag: string | undefined; readonly sha256: string } | undefined;
  #confirmed: number;

  /** `now` is in milliseconds. `collect` asks the runtime to free what is no longer used, without waiting. */
  constructor(
    settings: RedirectorConfig["presence"],
    sources: () => readonly string[],
    published: PublishedObjects,
    fetchDocument: FetchDocument = getDocument,
    now: () => number = () => performance.now(),
    collect: () => void = () => undefined,
  ) {
    this.#collect = collect;
    this.#settings = settings;
    this.#sources = sources;
    this.#published = published;
    this.#fetch = fetchDocument;
    this.#now = now;
    this.#confirmed = now();
  }

  /** Reads the index, and what changed in it. */
  async refresh(): Promise<PresenceReading> {
    const result = await this.#readFirst();
    this.counts[result]++;
    if (result === "changed" || result === "unchanged") this.#confirmed = this.#now();
    else if (result === "absent" || this.#now() - this.#confirmed > believedMs) this.#forget();
    return result;
  }

  async #readFirst(): Promise<PresenceReading> {
    let isAbsent = false;
    for (const source of this.#sources().slice(0, mostSources)) {
      try {
        const result = await this.#readIndex(source);
        if (result !== "absent") return result;
        isAbsent = true;
      } catch {
        // The next one may do; the counter reports the failure.
      }
    }
    return isAbsent ? "absent" : "failed";
  }

  async #readIndex(source: string): Promise<PresenceReading> {
    const lastTag = this.#last?.source === source ? this.#last.etag : undefined;
    const response = await this.#get(`${source}/${presenceIndexKey}`, lastTag);
    if (response.status === 304 && lastTag !== undefined) return "unchanged";
    // A bucket that may not be listed says 403 for what it does not have (S3 API, HeadObject).
    if (response.status === 404 || response.status === 403) {
      await response.body?.cancel();
      return "absent";
    }
    const text = await bodyOf(response, mostIndexBytes);
    const sha256 = sha256Of(text);
    const etag = response.headers.get("etag") ?? undefined;
    const isKnown = sha256 === this.#last?.sha256;
    // What could not be read is tried again.
    const isWhole = isKnown || (await this.#apply(source, readPresenceIndex(text.toString("utf8"))));
    this.#last = isWhole ? { source, etag, sha256 } : undefined;
    return isKnown ? "unchanged" : "changed";
  }

  /** Whether all documents could be read. */
  async #apply(source: string, { projects }: PresenceIndex): Promise<boolean> {
    const before = this.#read;
    const read: typeof before = new Map();
    const found = new Map<string, PublishedDocument>();
    let objects = 0;
    let failed = 0;
    const admit = (sha256: string, count: number, document: PublishedDocument): void => {
      if (objects + count > this.#settings.objects) {
        this.counts.unread++;
        return;
      }
      objects += count;
      read.set(sha256, count);
      found.set(sha256, document);
    };
    // One at a time: the memory is limited, and a reading of all happens only when an instance starts.
    for (const { document, more = [], mirrors, filling = [] } of Object.values(projects)) {
      const holders = { mirrors: new Set(mirrors), filling: new Set(filling) };
      for (const sha256 of [document, ...more]) {
        const known = before.get(sha256);
        if (known !== undefined) {
          admit(sha256, known, holders);
          continue;
        }
        try {
          const keys = await this.#readDocument(source, sha256);
          admit(sha256, keys.length, { ...holders, keys });
        } catch {
          failed++;
        }
      }
    }
    this.#read = read;
    this.#published.replace(found);
    this.counts.unread += failed;
    return failed === 0;
  }

  async #readDocument(source: string, sha256: string): Promise<Float64Array> {
    const response = await this.#get(`${source}/${presenceDocumentKey(sha256)}`, undefined);
    const body = await bodyOf(response, mostDocumentBytes);
    if (sha256Of(body) !== sha256) throw new Error("not the document that was asked for");
    const { keys, images } = readPresenceDocument(body.toString("utf8"));
    const parts = [keys, ...Object.values(images).flatMap((digests) => Object.values(digests))].map(readKeys);
    this.#uncollected += body.length;
    if (this.#uncollected >= collectedBytes) {
      this.#uncollected = 0;
      this.#collect();
    }
    return distinct(parts);
  }

  #get(url: string, etag: string | undefined): Promise<Response> {
    return this.#fetch(url, etag, AbortSignal.timeout(this.#settings.timeoutSeconds * 1000));
  }

  #forget(): void {
    this.#read = new Map();
    this.#last = undefined;
    this.#published.replace(new Map());
  }
}

/** Refreshes at once, then periodically. @param changed is called after each reading. @returns stops it. */
export function startPresence(
  documents: PresenceDocuments,
  intervalSeconds: number,
  changed: (reading: PresenceReading) => void,
): () => void {
  const round = async (): Promise<number> => {
    changed(await documents.refresh());
    return intervalSeconds;
  };
  return startRounds(round, { firstMs: 0 });
}

function sha256Of(bytes: Buffer): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** All keys, each once: images share layers. */
function distinct(parts: readonly Float64Array[]): Float64Array {
  const all = new Float64Array(parts.reduce((sum, { length }) => sum + length, 0));
  let filled = 0;
  for (const part of parts) {
    all.set(part, filled);
    filled += part.length;
  }
  all.sort();
  let count = 0;
  for (const key of all) if (count === 0 || key !== all[count - 1]) all[count++] = key;
  return all.slice(0, count);
}

async function bodyOf(response: Response, limit: number): Promise<Buffer> {
  if (response.status !== 200) {
    await response.body?.cancel();
    throw new Error(`${response.url} answers ${response.status}`);
  }
  const body = await readBody(response, limit);
  if (body === undefined) throw new Error(`${response.url} is larger than ${limit} bytes`);
  return body;
}

function getDocument(url: string, etag: string | undefined, signal: AbortSignal): Promise<Response> {
  return fetch(url, { headers: etag === undefined ? {} : { "if-none-match": etag }, signal, redirect: "manual" });
}
