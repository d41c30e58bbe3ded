import type { RedirectorConfig } from "./config.ts";

/** Counts of what came of the questions, for the metrics. */
export interface ExistenceCounts {
  /** Answered from memory: the bucket holds it, or not. */
  present: number;
  absent: number;
  /** Asked the bucket. */
  asked: number;
  /** Waited for a question that another request had asked. */
  shared: number;
  /** Not asked: too many questions under way, or the bucket failed too often just now. */
  skipped: number;
  /** Asked without getting an answer in time. */
  failed: number;
  /** Forgotten to make room. */
  evicted: number;
}

/** Failures in a row after which a bucket is left alone for a while. */
const failuresToOpen = 5;
const openMs = 10_000;

interface Known {
  readonly present: boolean;
  readonly until: number;
}

/**
 * Knows which objects buckets hold. Remembers both answers for a stated time, the least recently used are forgotten first; asks
 * once however many want to know; and says "no" when there is no answer in time, as the registry has everything.
 */
export class Existence {
  readonly counts: ExistenceCounts = { present: 0, absent: 0, asked: 0, shared: 0, skipped: 0, failed: 0, evicted: 0 };
  readonly #settings: RedirectorConfig["existence"];
  readonly #ask: (url: string, signal: AbortSignal) => Promise<boolean>;
  readonly #now: () => number;
  /** In the order of last use. */
  readonly #known = new Map<string, Known>();
  readonly #asking = new Map<string, Promise<boolean>>();
  readonly #buckets = new Map<string, { failures: number; closedUntil: number }>();

  /** `ask` finds out whether an object is there and rejects if it cannot; `now` is in milliseconds. */
  constructor(
    settings: RedirectorConfig["existence"],
    ask: (url: string, signal: AbortSignal) => Promise<boolean>,
    now: () => number = () => performance.now(),
  ) {
    this.#settings = settings;
    this.#ask = ask;
    this.#now = now;
  }

  /** Objects remembered. */
  get size(): number {
    return this.#known.size;
  }

  /** Questions under way. */
  get asking(): number {
    return this.#asking.size;
  }

  /** Whether the object at `url` is in `bucket`: at once if it is known or not to be found out. Never rejects. */
  holds(bucket: string, url: string): boolean | Promise<boolean> {
    const known = this.#known.get(url);
    if (known) {
      this.#known.delete(url);
      if (this.#now() < known.until) {
        this.#known.set(url, known);
        if (known.present) this.counts.present++;
        else this.counts.absent++;
        return known.present;
      }
    }
    const asking = this.#asking.get(url);
    if (asking) {
      this.counts.shared++;
      return asking;
    }
    const state = this.#bucket(bucket);
    if (this.#asking.size >= this.#settings.concurrency || this.#now() < state.closedUntil) {
      this.counts.skipped++;
      return false;
    }
    const answer = this.#find(url, state).finally(() => this.#asking.delete(url));
    this.#asking.set(url, answer);
    return answer;
  }

  async #find(url: string, state: { failures: number; closedUntil: number }): Promise<boolean> {
    this.counts.asked++;
    const { timeoutSeconds, presentSeconds, absentSeconds } = this.#settings;
    const deadline = Promise.withResolvers<never>();
    const controller = new AbortController();
    const timer = setTimeout(() => {
      deadline.reject(new Error("no answer in time"));
      controller.abort();
    }, timeoutSeconds * 1000);
    try {
      // The race, as not every transport lets go when it is told to.
      const present = await Promise.race([this.#ask(url, controller.signal), deadline.promise]);
      state.failures = 0;
      this.#remember(url, { present, until: this.#now() + (present ? presentSeconds : absentSeconds) * 1000 });
      return present;
    } catch {
      // Whatever went wrong: the registry has the layer, and the count tells of it.
      this.counts.failed++;
      if (++state.failures >= failuresToOpen) state.closedUntil = this.#now() + openMs;
      return false;
    } finally {
      clearTimeout(timer);
    }
  }

  #remember(url: string, known: Known): void {
    this.#known.set(url, known);
    if (this.#known.size <= this.#settings.entries) return;
    const oldest = this.#known.keys().next();
    if (!oldest.done) this.#known.delete(oldest.value);
    this.counts.evicted++;
  }

  #bucket(name: string): { failures: number; closedUntil: number } {
    let state = this.#buckets.get(name);
    if (!state) {
      state = { failures: 0, closedUntil: 0 };
      this.#buckets.set(name, state);
    }
    return state;
  }
}

/**
 * Asks a bucket by HEAD whether an object is there: 200 is yes; 404 is no, and so is 403, which S3 answers for an absent object to
 * who may not list the bucket (S3 API, HeadObject). Rejects on anything else.
 */
export async function headObject(url: string, signal: AbortSignal): Promise<boolean> {
  const response = await fetch(url, { method: "HEAD", signal, redirect: "manual" });
  await response.body?.cancel();
  if (response.status === 200) return true;
  if (response.status === 404 || response.status === 403) return false;
  throw new Error(`${url} answers ${response.status}`);
}
