import { LruCache } from "../mirrors/lru-cache.ts";
import type { Checks } from "./decide.ts";
import { type Route, route } from "./route.ts";

/** What a target asks for. */
export interface Target {
  readonly route: Route;
  /** For what is asked again and again: what follows from it for each mirror. */
  readonly checks?: Checks;
}

/** Targets that are remembered, some 2 MiB with what follows from them, and the longest of them in characters. */
const remembered = 1024;
const longestRemembered = 512;

/**
 * Reads targets, and remembers those that lead to a mirror: most pulls are of few images, and to find a target again is less
 * work than to read it.
 */
export class Targets {
  readonly #longest: number;
  readonly #known = new LruCache<Target>(remembered);

  /** `longest` is the longest accepted target in characters. */
  constructor(longest: number) {
    this.#longest = longest;
  }

  /** As {@link route}. Never throws. */
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
