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
 * Routes targets, and caches those that lead to a mirror: most pulls are of few images, and a lookup is cheaper than
 * parsing.
 */
export class Targets {
  readonly #longest: number;
  readonly #known = new LruCache<Target>(remembered);

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
    const known: Target = { route: found, checks: [] };
    this.#known.set(target, known);
    return known;
  }
}
