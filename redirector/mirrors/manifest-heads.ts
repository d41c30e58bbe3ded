import { createHash } from "node:crypto";
import type { RedirectorConfig } from "../config.ts";
import { readBody } from "./body.ts";
import type { FetchPage } from "./lists.ts";
import { LruCache } from "./lru-cache.ts";

/** What a registry tells of a manifest in its response to HEAD (distribution spec, "Checking if content exists in the registry"). */
export interface ObjectHead {
  readonly digest: string;
  readonly mediaType: string;
  readonly length: number;
}

/** The largest manifest that registries take (distribution spec, "Pushing Manifests"). */
const largest = 4 * 1024 * 1024;
const cached = 4_096;

/** The limits of lists are those of heads too. */
type Settings = Pick<RedirectorConfig["lists"], "keptSeconds" | "timeoutSeconds" | "concurrency">;

/**
 * Heads of manifests that are objects of a bucket. A store cannot send `Docker-Content-Digest`, without which crane, oras and helm do not
 * resolve a tag; so the object is read, and hashed. Those by tag are cached for a short time, those by digest while there is room.
 */
export class ManifestHeads {
  readonly #known = new LruCache<{ readonly head: ObjectHead; readonly until: number }>(cached);
  readonly #reading = new Map<string, Promise<ObjectHead | undefined>>();
  readonly #settings: Settings;
  readonly #fetch: FetchPage;
  readonly #now: () => number;

  /** `now` is in milliseconds. */
  constructor(
    settings: Settings,
    read: FetchPage = (url, signal) => fetch(url, { signal, redirect: "manual" }),
    now = () => performance.now(),
  ) {
    this.#settings = settings;
    this.#fetch = read;
    this.#now = now;
  }

  /** The head of the manifest at this URL; undefined if it cannot be read, or too many are being read. Never rejects. */
  async read(url: string): Promise<ObjectHead | undefined> {
    const known = this.#known.get(url);
    if (known && this.#now() < known.until) return known.head;
    const reading = this.#reading.get(url);
    if (reading) return reading;
    if (this.#reading.size >= this.#settings.concurrency) return undefined;
    const result = this.#readAndKeep(url)
      .catch(() => undefined)
      .finally(() => this.#reading.delete(url));
    this.#reading.set(url, result);
    return result;
  }

  async #readAndKeep(url: string): Promise<ObjectHead | undefined> {
    const { keptSeconds, timeoutSeconds } = this.#settings;
    const response = await this.#fetch(url, AbortSignal.timeout(timeoutSeconds * 1000));
    if (response.status !== 200) {
      await response.body?.cancel();
      return undefined;
    }
    const body = await readBody(response, largest);
    if (body === undefined) return undefined;
    const digest = `sha256:${createHash("sha256").update(body).digest("hex")}`;
    const type = response.headers.get("content-type") ?? "";
    const mediaType = /^[\w.+-]+\/[\w.+-]+$/.test(type) ? type : "application/octet-stream";
    const head = { digest, mediaType, length: body.length };
    const until = url.endsWith(`/${digest}`) ? Number.POSITIVE_INFINITY : this.#now() + keptSeconds * 1000;
    this.#known.set(url, { head, until });
    return head;
  }
}
