import type { RedirectorConfig } from "../config.ts";
import { isOfEpoch, packPresence, presenceIn, untilIn } from "./known-presence.ts";
import { LruCache } from "./lru-cache.ts";
import { objectStatus } from "./status-meaning.ts";
import { textHash } from "./text-hash.ts";

/** A check whether a mirror has an object. */
export interface ExistenceCheck {
  /** Name of the mirror. */
  readonly asked: string;
  /** URL of the object in that mirror. */
  readonly url: string;
  /** URL of the same object in another mirror; undefined if there is no other mirror. */
  readonly elsewhere?: string | undefined;
  /** The mirror is a bucket of images: to clients that may not list it, it answers 403 for what it does not have (S3 API, HeadObject). */
  readonly hidesAbsence?: boolean;
  /** A mirror that has the object keeps it, but for accidents and removals, after which its own response is a good one. */
  readonly isKept?: boolean;
  /** The mirror is not asked: without the presence documents nothing is known of it. */
  readonly isPublishedOnly?: boolean;
  /** How long at most it is believed that the object is absent or refused there; by default as long as the settings say. */
  readonly absentSeconds?: number | undefined;
  /** The hash of the URL, once it was needed: checks of objects that are asked for again and again are made once. */
  hash?: number | undefined;
}

/** What a mirror reports about an object: present (true), absent (false) or refused; undefined if the mirror asks for fewer requests (429). */
export type ObjectFound = boolean | "refused" | undefined;

/**
 * The result of a check. `failing`: the mirror timed out or returned a server error, now or within the last seconds. `busy`: it limits the
 * rate of requests, now or within the last seconds. `unknown`: the mirror was not asked. `refused`: the mirror does not serve this object to
 * anonymous clients.
 */
export type Presence = "present" | "absent" | "refused" | "failing" | "busy" | "unknown";

/** Results of the checks, counted for the metrics. */
export interface ExistenceCounts {
  /** Found in the presence documents, without a request. */
  published: number;
  /** Cached results. */
  present: number;
  absent: number;
  refused: number;
  /** Requests to a mirror. */
  asked: number;
  /** Checks that waited for the same check of another request. */
  shared: number;
  /** Skipped: too many checks in progress, or the circuit breaker is open. */
  skipped: number;
  /** Requests to a mirror that asked for fewer (429). */
  busy: number;
  /** Requests to a mirror that failed or timed out. */
  failed: number;
  /** Evicted from the cache. */
  evicted: number;
}

/** What is known of objects without a request; undefined: nothing. */
export interface PublishedPresence {
  presence(check: ExistenceCheck): "present" | "absent" | undefined;
}

/** Number of different objects in a row that a mirror fails for before its circuit breaker opens. */
const failuresToOpen = 5;
const openMs = 10_000;

/** Time between two requests to a mirror for objects that it had a while ago. */
const recheckMs = 1000;

/** Recent failures and refusals of a mirror. */
interface CircuitBreaker {
  /** URLs that failed since the last success. A set, because one broken object does not make a broken mirror. */
  readonly failed: Set<string>;
  /** Objects refused since the last one that was present. */
  readonly refused: Map<string, ExistenceCheck>;
  /** The last object that was present. */
  given: ExistenceCheck | undefined;
  /** Until this time the mirror is not asked. */
  openUntil: number;
  /** Until this time the mirror limits the rate of requests: its quota is used up for all its clients, and for these checks. */
  busyUntil: number;
  /** From this time on the mirror may be asked again for an object that it had a while ago. */
  recheckFrom: number;
  /** Incremented to invalidate the mirror's cached results. */
  epoch: number;
}

/**
 * Checks which objects mirrors have. Caches results, positive and negative, for a configured time (LRU), sends one request for concurrent
 * checks of the same object, and times out. A mirror that fails for five objects in a row counts as failing, whatever is cached about it,
 * and gets no requests for ten seconds, so that not every pull waits for it; then one request at a time until it succeeds.
 *
 * What a mirror keeps is believed to be there for `agedSeconds`. After `presentSeconds` its mirror is asked for it once more without anybody waiting,
 * but only for one such object in a second. If it has lost that one, it is asked for all anew: so a mirror that lost everything is found out in seconds,
 * and in steady state nearly no request needs a check.
 *
 * A mirror that answers 429 counts as busy for ten seconds, whatever is cached about it: its clients would get the same answer.
 *
 * Clients choose which objects they ask for, so a mirror that refuses some objects may serve all others. After five refusals in a row the
 * mirror is asked for an object that it served before, or other mirrors for those five; it counts as failing only if it refuses what it
 * served before, or what another mirror serves.
 */
export class Existence {
  readonly counts: ExistenceCounts = {
    published: 0,
    present: 0,
    absent: 0,
    refused: 0,
    asked: 0,
    shared: 0,
    skipped: 0,
    busy: 0,
    failed: 0,
    evicted: 0,
  };
  readonly #settings: RedirectorConfig["existence"];
  readonly #ask: (check: ExistenceCheck, signal: AbortSignal) => Promise<ObjectFound>;
  readonly #now: () => number;
  readonly #turned: (mirror: string, failing: boolean) => void;
  readonly #published: PublishedPresence | undefined;
  /** Packed presences, by the hash of the URL. */
  readonly #known: LruCache<number, number>;
  readonly #asking = new Map<string, Promise<Presence>>();
  readonly #breakers = new Map<string, CircuitBreaker>();

  /**
   * `ask` requests an object's status; it rejects if the mirror fails. `now` is in milliseconds. `turned` is called when a mirror
   * starts to fail and when it recovers. `published` tells what promotions have published: only of the rest a mirror is asked.
   */
  constructor(
    settings: RedirectorConfig["existence"],
    ask: (check: ExistenceCheck, signal: AbortSignal) => Promise<ObjectFound>,
    now: () => number = () => performance.now(),
    turned: (mirror: string, failing: boolean) => void = () => undefined,
    published?: PublishedPresence,
  ) {
    this.#published = published;
    this.#settings = settings;
    this.#known = new LruCache(settings.entries);
    this.#ask = ask;
    this.#now = now;
    this.#turned = turned;
  }

  /** Number of cached results. */
  get size(): number {
    return this.#known.size;
  }

  /** Number of checks in progress. */
  get asking(): number {
    return this.#asking.size;
  }

  /** Names of the mirrors that fail. */
  get failing(): string[] {
    return [...this.#breakers].filter(([, breaker]) => isFailing(breaker)).map(([mirror]) => mirror);
  }

  /** Whether the mirror has the object: synchronous if the result is cached or the check is skipped. Never rejects. */
  holds(check: ExistenceCheck): Presence | Promise<Presence> {
    const { url, asked } = check;
    const breaker = this.#breakerOf(asked);
    const now = this.#now();
    const failing = isFailing(breaker);
    if (failing && now < breaker.openUntil) {
      this.counts.skipped++;
      return "failing";
    }
    if (now < breaker.busyUntil) {
      this.counts.skipped++;
      return "busy";
    }
    const published = failing ? undefined : this.#published?.presence(check);
    if (published !== undefined) {
      this.counts.published++;
      return published;
    }
    if (check.isPublishedOnly === true) return "unknown";
    const known = this.#known.get(hashOf(check));
    if (known !== undefined && !failing && now < untilIn(known) && isOfEpoch(known, breaker.epoch)) {
      const presence = presenceIn(known);
      this.counts[presence]++;
      if (check.isKept === true && presence === "present") this.#recheck(check, breaker, now, untilIn(known));
      return presence;
    }
    const asking = this.#asking.get(url);
    if (asking) {
      this.counts.shared++;
      return asking;
    }
    if (now < breaker.openUntil || this.#asking.size >= this.#settings.concurrency) {
      this.counts.skipped++;
      return "unknown";
    }
    if (failing) breaker.openUntil = now + openMs; // this check decides for all
    return this.#start(check, breaker, false);
  }

  #start(check: ExistenceCheck, breaker: CircuitBreaker, wasPresent: boolean): Promise<Presence> {
    const result = this.#find(check, breaker, wasPresent).finally(() => this.#asking.delete(check.url));
    this.#asking.set(check.url, result);
    return result;
  }

  /** Asks again for an object that was present a while ago. Nobody waits for it. */
  #recheck(check: ExistenceCheck, breaker: CircuitBreaker, now: number, until: number): void {
    const { presentSeconds, agedSeconds, concurrency } = this.#settings;
    const isFresh = now < until - (agedSeconds - presentSeconds) * 1000;
    if (isFresh || now < breaker.recheckFrom || this.#asking.has(check.url) || this.#asking.size >= concurrency) return;
    breaker.recheckFrom = now + recheckMs;
    void this.#start(check, breaker, true);
  }

  /** The mirror has just answered that it limits the rate of requests. */
  limitsRate(mirror: string): void {
    this.#breakerOf(mirror).busyUntil = this.#now() + openMs;
  }

  /** Whether the mirror limits the rate of requests, now or within the last seconds. */
  isBusy(mirror: string): boolean {
    return this.#now() < this.#breakerOf(mirror).busyUntil;
  }

  /** Invalidates the cached results of a mirror: after an outage it may have fewer objects. */
  forget(mirror: string): void {
    const breaker = this.#breakerOf(mirror);
    breaker.epoch++;
    breaker.failed.clear();
    breaker.refused.clear();
    breaker.openUntil = 0;
    breaker.busyUntil = 0;
  }

  async #find(check: ExistenceCheck, breaker: CircuitBreaker, wasPresent: boolean): Promise<Presence> {
    this.counts.asked++;
    const { timeoutSeconds, presentSeconds, agedSeconds, absentSeconds } = this.#settings;
    let { epoch } = breaker;
    const deadline = Promise.withResolvers<never>();
    const controller = new AbortController();
    const timer = setTimeout(() => {
      deadline.reject(new Error("timed out"));
      controller.abort();
    }, timeoutSeconds * 1000);
    try {
      // A race, because not every transport honors the abort signal.
      const present = await Promise.race([this.#ask(check, controller.signal), deadline.promise]);
      const now = this.#now();
      if (present === "refused") {
        if (isFailing(breaker)) {
          breaker.openUntil = now + openMs;
          return "failing";
        }
        this.#suspect(check, breaker);
      } else {
        if (isFailing(breaker)) this.#turned(check.asked, false);
        breaker.failed.clear();
        breaker.openUntil = 0;
        breaker.busyUntil = present === undefined ? now + openMs : 0;
        if (present === undefined) {
          this.counts.busy++;
          return "busy";
        }
      }
      if (present === true) {
        breaker.given = check;
        breaker.refused.clear();
      }
      const presence = present === true ? "present" : present === false ? "absent" : "refused";
      const absentFor = Math.min(absentSeconds, check.absentSeconds ?? absentSeconds);
      const presentFor = check.isKept === true ? Math.max(presentSeconds, agedSeconds) : presentSeconds;
      const until = now + (present === true ? presentFor : absentFor) * 1000;
      // It has lost this one: what else was it believed to have?
      if (wasPresent && present !== true && epoch === breaker.epoch) epoch = ++breaker.epoch;
      this.#known.set(hashOf(check), packPresence({ presence, until, epoch }));
      this.counts.evicted = this.#known.evicted;
      return presence;
    } catch {
      // The error itself does not matter: the client goes to another mirror, and the counter reports the failure.
      this.counts.failed++;
      const before = isFailing(breaker);
      if (!before) breaker.failed.add(check.url);
      if (isFailing(breaker)) {
        breaker.openUntil = this.#now() + openMs;
        if (!before) this.#turned(check.asked, true);
      }
      return "failing";
    } finally {
      clearTimeout(timer);
    }
  }

  /** Records a refusal; after five different ones in a row checks whether the mirror refuses everything. */
  #suspect(check: ExistenceCheck, breaker: CircuitBreaker): void {
    breaker.refused.set(check.url, check);
    if (breaker.refused.size < failuresToOpen) return;
    const refused = [...breaker.refused.values()];
    breaker.refused.clear();
    const { given } = breaker;
    const others = refused.flatMap(({ elsewhere: url }) =>
      url === undefined ? [] : { ...check, url, hash: textHash(url) },
    );
    const proof = given
      ? this.#gives(given).then((found) => found === "refused")
      : Promise.all(others.map((other) => this.#gives(other))).then((found) => found.includes(true));
    void proof.then((refusesAll) => {
      if (!refusesAll || isFailing(breaker)) return;
      for (const { url } of refused) breaker.failed.add(url);
      breaker.openUntil = this.#now() + openMs;
      this.#turned(check.asked, true);
    });
  }

  /** Requests one object, bypassing the cache. Never rejects. */
  async #gives(check: ExistenceCheck): Promise<ObjectFound> {
    try {
      return await this.#ask(check, AbortSignal.timeout(this.#settings.timeoutSeconds * 1000));
    } catch {
      return undefined;
    }
  }

  #breakerOf(mirror: string): CircuitBreaker {
    let breaker = this.#breakers.get(mirror);
    if (!breaker) {
      breaker = {
        failed: new Set(),
        refused: new Map(),
        given: undefined,
        openUntil: 0,
        busyUntil: 0,
        recheckFrom: 0,
        epoch: 0,
      };
      this.#breakers.set(mirror, breaker);
    }
    return breaker;
  }
}

function hashOf(check: ExistenceCheck): number {
  check.hash ??= textHash(check.url);
  return check.hash;
}

function isFailing({ failed }: CircuitBreaker): boolean {
  return failed.size >= failuresToOpen;
}

/** Without this header a registry may return 404 for a manifest of another media type (OCI distribution spec, "Pulling manifests"). */
const accept = [
  "application/vnd.oci.image.index.v1+json",
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.docker.distribution.manifest.list.v2+json",
  "application/vnd.docker.distribution.manifest.v2+json",
  "*/*",
].join(", ");

/** Sends HEAD for an object and maps the status by {@link objectStatus}. Rejects if the mirror fails. */
export async function headObject({ url, hidesAbsence }: ExistenceCheck, signal: AbortSignal): Promise<ObjectFound> {
  const answered = await sendHead(url, signal);
  const status = objectStatus(answered);
  switch (status) {
    case "present":
      return true;
    case "absent":
      return false;
    case "refused":
      return hidesAbsence && answered === 403 ? false : "refused";
    case "busy":
      return undefined;
    case "failing":
      throw new Error(`${url} answers ${answered}`);
  }
}

/** Sends HEAD for an object. @returns the status. */
export async function sendHead(url: string, signal: AbortSignal): Promise<number> {
  const response = await fetch(url, { method: "HEAD", headers: { accept }, signal, redirect: "manual" });
  await response.body?.cancel();
  return response.status;
}
