import type { RedirectorConfig } from "../config.ts";

/** Which list: a repository's tags, or the referrers of a digest. */
export interface ListQuestion {
  readonly kind: "tags" | "referrers";
  /** Address of the list in a mirror, without a query. */
  readonly url: string;
}

/** A whole list, whatever pages it came in. */
export type WholeList =
  | { readonly kind: "tags"; readonly tags: readonly string[] }
  | { readonly kind: "referrers"; readonly referrers: readonly ListedReferrer[] };

/** A descriptor of a referrer, as the mirror has it (OCI image spec, "Descriptors"). */
export type ListedReferrer = Readonly<Record<string, unknown>> & { readonly digest: string };

/**
 * What came of a question. `absent`: the mirror has no such repository, or no referrers API. `failing`: it did not answer in time, refused, or
 * failed. `unread`: the list is larger than what is read here, or too many are being read.
 */
export type ListAnswer = WholeList | "absent" | "failing" | "unread";

/** Counts of what came of the questions, for the metrics. */
export interface ListCounts {
  /** Answered from memory. */
  kept: number;
  /** Read from a mirror. */
  read: number;
  /** Waited for another request's reading. */
  shared: number;
  absent: number;
  failing: number;
  unread: number;
}

/** Fetches one page. */
export type FetchPage = (url: string, signal: AbortSignal) => Promise<Response>;

/** Asked for in one page; registries give fewer where they cap it (Docker Hub 100, Amazon ECR 1,000). */
const perPage = 1_000;
/** A page that ends on a multiple of this, without a link to a next one, may have been cut (`crane registry` cuts at `n`). */
const suspectMultiple = 50;
/** How long a mirror is left alone about a list that it did not give. */
const retryMs = 10_000;

/**
 * Reads whole lists from mirrors: page after page, each link's query on the list's own address, so that a mirror cannot send a request elsewhere.
 * Bounded in time, pages, bytes and readings at the same time. Remembers each list for a short time, and reads it once however many ask.
 */
export class Lists {
  readonly counts: ListCounts = { kept: 0, read: 0, shared: 0, absent: 0, failing: 0, unread: 0 };
  readonly #settings: RedirectorConfig["lists"];
  readonly #fetch: FetchPage;
  readonly #now: () => number;
  /** By address, the oldest first. */
  readonly #kept = new Map<string, { readonly answer: ListAnswer; readonly until: number; readonly bytes: number }>();
  #keptBytes = 0;
  readonly #reading = new Map<string, Promise<ListAnswer>>();

  /** `now` is in milliseconds. */
  constructor(settings: RedirectorConfig["lists"], fetchPage: FetchPage = getPage, now = () => performance.now()) {
    this.#settings = settings;
    this.#fetch = fetchPage;
    this.#now = now;
  }

  /** The list. Never rejects. */
  async read(question: ListQuestion): Promise<ListAnswer> {
    const { url } = question;
    const kept = this.#kept.get(url);
    if (kept && this.#now() < kept.until) {
      this.counts.kept++;
      return kept.answer;
    }
    const reading = this.#reading.get(url);
    if (reading) {
      this.counts.shared++;
      return reading;
    }
    if (this.#reading.size >= this.#settings.concurrency) {
      this.counts.unread++;
      return "unread";
    }
    const answer = this.#readAndKeep(question).finally(() => this.#reading.delete(url));
    this.#reading.set(url, answer);
    return answer;
  }

  async #readAndKeep(question: ListQuestion): Promise<ListAnswer> {
    const { timeoutSeconds, keptSeconds } = this.#settings;
    let answer: ListAnswer;
    let bytes = 0;
    try {
      const signal = AbortSignal.timeout(timeoutSeconds * 1000);
      ({ answer, bytes } = await this.#readPages(question, signal));
    } catch {
      answer = "failing";
    }
    this.counts[typeof answer === "string" ? answer : "read"]++;
    this.#keep(question.url, answer, bytes, typeof answer === "string" ? retryMs : keptSeconds * 1000);
    return answer;
  }

  async #readPages({ kind, url }: ListQuestion, signal: AbortSignal): Promise<{ answer: ListAnswer; bytes: number }> {
    const tags = new Set<string>();
    const referrers = new Map<string, ListedReferrer>();
    const asked = new Set<string>();
    let bytes = 0;
    let query: string | undefined = kind === "tags" ? `?n=${perPage}` : "";
    while (query !== undefined) {
      asked.add(query);
      if (asked.size > this.#settings.pages) return { answer: "unread", bytes: 0 };
      const response = await this.#fetch(url + query, signal);
      const { status } = response;
      if (status !== 200) {
        await response.body?.cancel();
        if (asked.size > 1 || (status !== 404 && status !== 405 && status !== 501))
          return { answer: "failing", bytes: 0 };
        return { answer: "absent", bytes: 0 };
      }
      const body = await readBody(response, this.#settings.bytes - bytes);
      if (body === undefined) return { answer: "unread", bytes: 0 };
      bytes += body.length;
      const page = JSON.parse(body) as { tags?: unknown; manifests?: unknown };
      const before = tags.size;
      const own = kind === "tags" ? textsIn(page.tags) : [];
      for (const tag of own) tags.add(tag);
      if (kind === "referrers") for (const entry of referrersIn(page.manifests)) referrers.set(entry.digest, entry);
      const next = nextQuery(response.headers.get("link"), url);
      if (next !== undefined) query = asked.has(next) ? undefined : next;
      else
        query = mayBeCut(own, tags.size > before) ? `?n=${perPage}&last=${encodeURIComponent(own.at(-1)!)}` : undefined;
      if (query !== undefined && asked.has(query)) query = undefined;
    }
    const answer: WholeList =
      kind === "tags" ? { kind, tags: [...tags].sort() } : { kind, referrers: [...referrers.values()] };
    return { answer, bytes };
  }

  #keep(url: string, answer: ListAnswer, bytes: number, ms: number): void {
    this.#keptBytes -= this.#kept.get(url)?.bytes ?? 0;
    this.#kept.delete(url);
    // An answer without a list takes some memory too.
    const size = bytes + 2 * url.length + 200;
    this.#kept.set(url, { answer, until: this.#now() + ms, bytes: size });
    this.#keptBytes += size;
    for (const [oldest, each] of this.#kept) {
      if (this.#keptBytes <= this.#settings.keptBytes) break;
      this.#kept.delete(oldest);
      this.#keptBytes -= each.bytes;
    }
  }
}

/** Whether a page without a link to a next one may not be the last: it is full, or ends on a round number, and it brought something new. */
function mayBeCut(tags: readonly string[], isNew: boolean): boolean {
  return isNew && tags.length > 0 && tags.length % suspectMultiple === 0;
}

/**
 * The query of the next page (RFC 8288; distribution spec, "Listing Tags"). Of the link nothing else is taken: a registry names its own path, or another
 * host behind a proxy.
 */
function nextQuery(link: string | null, url: string): string | undefined {
  const target = link === null ? undefined : /<([^>]*)>\s*;\s*rel="?next"?/.exec(link)?.[1];
  return target === undefined ? undefined : URL.parse(target, url)?.search;
}

/** The body as text; undefined if it is longer than `limit` bytes. */
async function readBody(response: Response, limit: number): Promise<string | undefined> {
  if (Number(response.headers.get("content-length") ?? 0) > limit) {
    await response.body?.cancel();
    return undefined;
  }
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    length += chunk.length;
    if (length > limit) return undefined; // leaving the loop cancels the body
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function textsIn(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((each): each is string => typeof each === "string") : [];
}

function referrersIn(value: unknown): ListedReferrer[] {
  if (!Array.isArray(value)) throw new Error("not a list of referrers");
  return value.filter((each): each is ListedReferrer => typeof (each as ListedReferrer | null)?.digest === "string");
}

function getPage(url: string, signal: AbortSignal): Promise<Response> {
  return fetch(url, {
    headers: { accept: "application/json, application/vnd.oci.image.index.v1+json" },
    signal,
    redirect: "manual",
  });
}
