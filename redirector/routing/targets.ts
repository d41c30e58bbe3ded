import { LruCache } from "../mirrors/lru-cache.ts";
import type { Checks } from "./decide.ts";
import { type Route, route } from "./route.ts";

/** The route of a target. */
export interface Target {
  readonly route: Route;
  /** Cached checks for each mirror; only of routes that are cached. */
  readonly checks?: Checks;
}

/** Number of cached targets (about 2 MiB with their checks), and the longest cached target in characters. */
const remembered = 1024;
const longestRemembered = 512;
/**
 * Once the cache is full, one in so many new targets is cached: those that are asked for again are soon among them, and those that are not hardly displace them.
 * A prime, so that no order of requests repeats with it.
 */
const cachedOneIn = 7;

/**
 * Routes targets, and caches those that lead to a mirror: most pulls are of few images, and a lookup is cheaper than
 * parsing.
 */
export class Targets {
  readonly #longest: number;
  readonly #known = new LruCache<Target>(remembered);
  /** Number of targets that were not known when the cache was full. */
  #unknown = 0;

  /** `longest` is the longest accepted target in characters. */
  constructor(longest: number) {
    this.#longest = longest;
  }

  /** Like {@link route}. Never throws. */
  read(method: string, target: string): Target {
    // All other methods are refused.
    if ((method !== "GET" && method !== "HEAD") || target.length > longestRemembered)
      return { route: route(method, target, this.#longest) };
    return this.#known.get(target) ?? this.#first(method, target);
  }

  #first(method: string, target: string): Target {
    const found = route(method, target, this.#longest);
    if (found.kind !== "manifest" && found.kind !== "blob" && found.kind !== "file") return { route: found };
    if (this.#known.evicted > 0 && ++this.#unknown % cachedOneIn !== 0) return { route: found };
    const known: Target = { route: found, checks: [] };
    this.#known.set(target, known);
    return known;
  }
}
