import type { RedirectorConfig } from "../config.ts";
import { readBody } from "./body.ts";

/** Which list: a repository's tags, or the referrers of a digest. */
export interface ListRequest {
  readonly kind: "tags" | "referrers";
  /** URL of the list in a mirror, without a query. */
  readonly url: string;
  /** It is an object of a bucket: one page, and 403 where there is none. */
  readonly isObject?: boolean;
}

/** A complete list, of all pages. */
export type WholeList =
  | { readonly kind: "tags"; readonly tags: readonly string[] }
  | { readonly kind: "referrers"; readonly referrers: readonly ListedReferrer[] };

/**
 * All that lists of one kind have, each item once: of a referrer what the first list says. At least one. Merges the same lists once: clients read a list
 * page by page, and each page is a part of the same whole.
 */
export function mergeLists([first, ...others]: readonly [WholeList, ...WholeList[]]): WholeList {
  return others.reduce(mergeOnce, first);
}

/** By both lists: kept as long as they are. */
const merged = new WeakMap<WholeList, WeakMap<WholeList, WholeList>>();

function mergeOnce(one: WholeList, other: WholeList): WholeList {
  const known = merged.get(one) ?? new WeakMap<WholeList, WholeList>();
  merged.set(one, known);
  const whole = known.get(other) ?? merge(one, other);
  known.set(other, whole);
  return whole;
}

/** The first list itself if the other has nothing more. */
function merge(one: WholeList, other: WholeList): WholeList {
  if (one.kind === "tags") {
    const tags = new Set(one.tags);
    const more = (other as typeof one).tags.filter((tag) => !tags.has(tag));
    return more.length === 0 ? one : { kind: "tags", tags: [...one.tags, ...more].sort() };
  }
  const digests = new Set(one.referrers.map(({ digest }) => digest));
  const more = (other as typeof one).referrers.filter(({ digest }) => !digests.has(digest));
  return more.length === 0 ? one : { kind: "referrers", referrers: [...one.referrers, ...more] };
}

/** The descriptor of a referrer, as the mirror returned it (OCI image spec, "Descriptors"). */
export type ListedReferrer = Readonly<Record<string, unknown>> & { readonly digest: string };

/**
 * The result of reading a list. `absent`: the mirror has no such repository, or no referrers API. `failing`: the mirror timed out, refused or
 * failed. `unread`: the list exceeds the limits, or too many lists are being read.
 */
export type ListResult = WholeList | "absent" | "failing" | "unread";

/** Results, counted for the metrics. */
export interface ListCounts {
  /** Cached results. */
  kept: number;
  /** Read from a mirror. */
  read: number;
  /** Requests that waited for the same list read by another request. */
  shared: number;
  absent: number;
  failing: number;
  unread: number;
}

/** Fetches one page. */
export type FetchPage = (url: string, signal: AbortSignal) => Promise<Response>;

/** Requested page size; registries with a lower cap return fewer (Docker Hub 100, Amazon ECR 1,000). */
const perPage = 1_000;
/** A page without a next link whose length is a multiple of this may be truncated (`crane registry` truncates at `n`). */
const suspectMultiple = 50;
/** How long a failed or absent list is cached. */
const retryMs = 10_000;

/**
 * Reads complete lists from mirrors, page by page. Of a next link only the query is used, on the list's own URL, so that a mirror cannot send
 * requests elsewhere. Time, pages, bytes and concurrency are limited. Caches each list for a short time and reads it once for concurrent requests.
 */
export class Lists {
  readonly counts: ListCounts = { kept: 0, read: 0, shared: 0, absent: 0, failing: 0, unread: 0 };
  readonly #settings: RedirectorConfig["lists"];
  readonly #fetch: FetchPage;
  readonly #now: () => number;
  /** By URL, oldest first. */
  readonly #kept = new Map<string, { readonly result: ListResult; readonly until: number; readonly bytes: number }>();
  #keptBytes = 0;
  readonly #reading = new Map<string, Promise<ListResult>>();

  /** `now` is in milliseconds. */
  constructor(settings: RedirectorConfig["lists"], fetchPage: FetchPage = getPage, now = () => performance.now()) {
    this.#settings = settings;
    this.#fetch = fetchPage;
    this.#now = now;
  }

  /** The list. Never rejects. */
  async read(request: ListRequest): Promise<ListResult> {
    const { url } = request;
    const kept = this.#kept.get(url);
    if (kept && this.#now() < kept.until) {
      this.counts.kept++;
      return kept.result;
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
    const result = this.#readAndKeep(request).finally(() => this.#reading.delete(url));
    this.#reading.set(url, result);
    return result;
  }

  async #readAndKeep(request: ListRequest): Promise<ListResult> {
    const { timeoutSeconds, keptSeconds } = this.#settings;
    let result: ListResult;
    let bytes = 0;
    try {
      const signal = AbortSignal.timeout(timeoutSeconds * 1000);
      ({ result, bytes } = await this.#readPages(request, signal));
    } catch {
      result = "failing";
    }
    this.counts[typeof result === "string" ? result : "read"]++;
    this.#keep(request.url, result, bytes, typeof result === "string" ? retryMs : keptSeconds * 1000);
    return result;
  }

  async #readPages(
    { kind, url, isObject = false }: ListRequest,
    signal: AbortSignal,
  ): Promise<{ result: ListResult; bytes: number }> {
    const tags = new Set<string>();
    const referrers = new Map<string, ListedReferrer>();
    const asked = new Set<string>();
    let bytes = 0;
    let query: string | undefined = kind === "tags" && !isObject ? `?n=${perPage}` : "";
    while (query !== undefined) {
      asked.add(query);
      if (asked.size > this.#settings.pages) return { result: "unread", bytes: 0 };
      const response = await this.#fetch(url + query, signal);
      const { status } = response;
      if (status !== 200) {
        await response.body?.cancel();
        const isAbsent = isObject ? status === 403 || status === 404 : [404, 405, 501].includes(status);
        return { result: isAbsent && asked.size === 1 ? "absent" : "failing", bytes: 0 };
      }
      const body = await readBody(response, this.#settings.bytes - bytes);
      if (body === undefined) return { result: "unread", bytes: 0 };
      bytes += body.length;
      const page = JSON.parse(body.toString("utf8")) as { tags?: unknown; manifests?: unknown };
      const before = tags.size;
      const own = kind === "tags" ? textsIn(page.tags) : [];
      for (const tag of own) tags.add(tag);
      if (kind === "referrers") for (const entry of referrersIn(page.manifests)) referrers.set(entry.digest, entry);
      const next = nextQuery(response.headers.get("link"), url);
      if (isObject) query = undefined;
      else if (next !== undefined) query = asked.has(next) ? undefined : next;
      else
        query = mayBeCut(own, tags.size > before) ? `?n=${perPage}&last=${encodeURIComponent(own.at(-1)!)}` : undefined;
      if (query !== undefined && asked.has(query)) query = undefined;
    }
    const result: WholeList =
      kind === "tags" ? { kind, tags: [...tags].sort() } : { kind, referrers: [...referrers.values()] };
    return { result, bytes };
  }

  #keep(url: string, result: ListResult, bytes: number, ms: number): void {
    this.#keptBytes -= this.#kept.get(url)?.bytes ?? 0;
    this.#kept.delete(url);
    // A result without a list takes memory too.
    const size = bytes + 2 * url.length + 200;
    this.#kept.set(url, { result, until: this.#now() + ms, bytes: size });
    this.#keptBytes += size;
    for (const [oldest, each] of this.#kept) {
      if (this.#keptBytes <= this.#settings.keptBytes) break;
      this.#kept.delete(oldest);
      this.#keptBytes -= each.bytes;
    }
  }
}

/** Whether a page without a next link may not be the last: its length is suspicious, and it had new tags. */
function mayBeCut(tags: readonly string[], isNew: boolean): boolean {
  return isNew && tags.length > 0 && tags.length % suspectMultiple === 0;
}

/**
 * The query of the next page (RFC 8288; distribution spec, "Listing Tags"). The rest of the link is ignored: registries name their internal path, or
 * another host behind a proxy.
 */
function nextQuery(link: string | null, url: string): string | undefined {
  const target = link === null ? undefined : /<([^>]*)>\s*;\s*rel="?next"?/.exec(link)?.[1];
  return target === undefined ? undefined : URL.parse(target, url)?.search;
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
