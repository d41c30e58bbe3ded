import type { RedirectorConfig } from "../config.ts";
import { LruCache } from "./lru-cache.ts";
import { objectStatus } from "./status-meaning.ts";

/** What is to be found out: whether a mirror holds an object. */
export interface ExistenceCheck {
  /** Name of the mirror. */
  readonly asked: string;
  /** Address of the object there. */
  readonly url: string;
  /** Address of the same object in another mirror; undefined if there is none. */
  readonly elsewhere?: string | undefined;
}

/** What a mirror said of an object: that it is there or not, or that it does not give it; undefined: it wants us to ask less. */
export type ObjectFound = boolean | "refused" | undefined;

/**
 * What came of a check. `failing`: the mirror did not answer in time, or with an error of its own, now or just before. `unknown`: it
 * was not asked or did not say, and nothing speaks against it. `refused`: it does not give this object to everyone.
 */
export type Held = "present" | "absent" | "refused" | "failing" | "unknown";

/** Counts of what came of the checks, for the metrics. */
export interface ExistenceCounts {
  /** Answered from memory: the mirror holds it, or not. */
  present: number;
  absent: number;
  refused: number;
  /** Asked the mirror. */
  asked: number;
  /** Waited for a check of another request. */
  shared: number;
  /** Not asked: too many checks under way, or the mirror failed too often just now. */
  skipped: number;
  /** Asked without getting an answer in time. */
  failed: number;
  /** Forgotten to make room. */
  evicted: number;
}

/** Different objects that a mirror failed to answer for, one after another, after which it is left alone for a while. */
const failuresToOpen = 5;
const openMs = 10_000;

interface Known {
  readonly held: "present" | "absent" | "refused";
  readonly until: number;
  /** Of the mirror when it answered. */
  readonly epoch: number;
}

/** How a mirror has answered of late. */
interface CircuitBreaker {
  /** Addresses that it failed to answer for, since it last answered. A single broken object is no broken mirror. */
  readonly failed: Set<string>;
  /** Objects that it refused, since it last gave one. */
  readonly refused: Map<string, ExistenceCheck>;
  /** An object that it gave. */
  given: ExistenceCheck | undefined;
  /** Open until then: the mirror is not asked. */
  openUntil: number;
  /** Grows when all that is known of it is to be forgotten. */
  epoch: number;
}

/**
 * Knows which objects mirrors hold. Remembers both answers for a stated time; what was not used for longest is forgotten first;
 * asks once however many want to know; and gives up in time. A mirror that fails for five objects in a row is failing, whatever
 * is known of it, and is not asked for ten seconds, so that not every pull waits for it; then one check at a time until it answers.
 *
 * A mirror that refuses objects may refuse only those: they are a client's choice. After five of them it is asked for an object that it gave before, or other
 * mirrors for those five; it is failing only if it refuses what it gave, or what another mirror gives.
 */
export class Existence {
  readonly counts: ExistenceCounts = {
    present: 0,
    absent: 0,
    refused: 0,
    asked: 0,
    shared: 0,
    skipped: 0,
    failed: 0,
    evicted: 0,
  };
  readonly #settings: RedirectorConfig["existence"];
  readonly #ask: (check: ExistenceCheck, signal: AbortSignal) => Promise<ObjectFound>;
  readonly #now: () => number;
  readonly #turned: (mirror: string, failing: boolean) => void;
  /** By address. */
  readonly #known: LruCache<Known>;
  readonly #asking = new Map<string, Promise<Held>>();
  readonly #breakers = new Map<string, CircuitBreaker>();

  /**
   * `ask` finds out whether an object is there; it rejects if the mirror fails. `now` is in
   * milliseconds; `turned` is told when a mirror begins to fail, and when it answers again.
   */
  constructor(
    settings: RedirectorConfig["existence"],
    ask: (check: ExistenceCheck, signal: AbortSignal) => Promise<ObjectFound>,
    now: () => number = () => performance.now(),
    turned: (mirror: string, failing: boolean) => void = () => undefined,
  ) {
    this.#settings = settings;
    this.#known = new LruCache(settings.entries);
    this.#ask = ask;
    this.#now = now;
    this.#turned = turned;
  }

  /** Objects remembered. */
  get size(): number {
    return this.#known.size;
  }

  /** Checks under way. */
  get asking(): number {
    return this.#asking.size;
  }

  /** Names of the mirrors that fail. */
  get failing(): string[] {
    return [...this.#breakers].filter(([, breaker]) => isFailing(breaker)).map(([mirror]) => mirror);
  }

  /** Whether the mirror holds the object: at once if it is known or not to be found out. Never rejects. */
  holds(check: ExistenceCheck): Held | Promise<Held> {
    const { url, asked } = check;
    const breaker = this.#breakerOf(asked);
    const now = this.#now();
    const failing = isFailing(breaker);
    if (failing && now < breaker.openUntil) {
      this.counts.skipped++;
      return "failing";
    }
    const known = this.#known.get(url);
    if (known && !failing && now < known.until && known.epoch === breaker.epoch) {
      this.counts[known.held]++;
      return known.held;
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
    if (failing) breaker.openUntil = now + openMs; // this check finds out for all
    const answer = this.#find(check, breaker).finally(() => this.#asking.delete(url));
    this.#asking.set(url, answer);
    return answer;
  }

  /** Forgets what a mirror holds, as one that was away may have come back with less. */
  forget(mirror: string): void {
    const breaker = this.#breakerOf(mirror);
    breaker.epoch++;
    breaker.failed.clear();
    breaker.refused.clear();
    breaker.openUntil = 0;
  }

  async #find(check: ExistenceCheck, breaker: CircuitBreaker): Promise<Held> {
    this.counts.asked++;
    const { timeoutSeconds, presentSeconds, absentSeconds } = this.#settings;
    const { epoch } = breaker;
    const deadline = Promise.withResolvers<never>();
    const controller = new AbortController();
    const timer = setTimeout(() => {
      deadline.reject(new Error("no answer in time"));
      controller.abort();
    }, timeoutSeconds * 1000);
    try {
      // The race, as not every transport lets go when it is told to.
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
        breaker.openUntil = present === undefined ? now + openMs : 0;
        if (present === undefined) return "unknown";
      }
      if (present === true) {
        breaker.given = check;
        breaker.refused.clear();
      }
      const held = present === true ? "present" : present === false ? "absent" : "refused";
      const until = now + (present === true ? presentSeconds : absentSeconds) * 1000;
      this.#known.set(check.url, { held, until, epoch });
      this.counts.evicted = this.#known.evicted;
      return held;
    } catch {
      // Whatever went wrong: others have the object, and the count tells of it.
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

  /** Notes a refusal; after five different ones in a row finds out whether the mirror refuses everything. */
  #suspect(check: ExistenceCheck, breaker: CircuitBreaker): void {
    breaker.refused.set(check.url, check);
    if (breaker.refused.size < failuresToOpen) return;
    const refused = [...breaker.refused.values()];
    breaker.refused.clear();
    const { given } = breaker;
    const others = refused.flatMap(({ elsewhere: url }) => (url === undefined ? [] : { ...check, url }));
    const proof = given
      ? this.#gives(given).then((answer) => answer === "refused")
      : Promise.all(others.map((other) => this.#gives(other))).then((answers) => answers.includes(true));
    void proof.then((refusesAll) => {
      if (!refusesAll || isFailing(breaker)) return;
      for (const { url } of refused) breaker.failed.add(url);
      breaker.openUntil = this.#now() + openMs;
      this.#turned(check.asked, true);
    });
  }

  /** Asks for one object, beside all that is remembered. Never rejects. */
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
      breaker = { failed: new Set(), refused: new Map(), given: undefined, openUntil: 0, epoch: 0 };
      this.#breakers.set(mirror, breaker);
    }
    return breaker;
  }
}

function isFailing({ failed }: CircuitBreaker): boolean {
  return failed.size >= failuresToOpen;
}

/** Without these a registry may answer that it has no manifest of a kind that we take (OCI distribution spec, "Pulling manifests"). */
const accept = [
  "application/vnd.oci.image.index.v1+json",
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.docker.distribution.manifest.list.v2+json",
  "application/vnd.docker.distribution.manifest.v2+json",
  "*/*",
].join(", ");

/** Asks a mirror by HEAD whether an object is there; true if so, false if not, by {@link objectStatus}; undefined: ask it less. Rejects if the mirror fails. */
export async function headObject({ url }: ExistenceCheck, signal: AbortSignal): Promise<ObjectFound> {
  const response = await fetch(url, { method: "HEAD", headers: { accept }, signal, redirect: "manual" });
  await response.body?.cancel();
  const status = objectStatus(response.status);
  switch (status) {
    case "present":
      return true;
    case "absent":
      return false;
    case "refused":
      return "refused";
    case "busy":
      return undefined;
    case "failing":
      throw new Error(`${url} answers ${response.status}`);
  }
}
