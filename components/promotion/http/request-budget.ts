import { TokenBucket } from "./token-bucket.ts";

/** Quota of requests a minute that Artifact Registry grants for each project and region, unless Google was asked for more (cloud.google.com/artifact-registry/quotas). */
const grantedByDefault = 60_000;
/** The part of the quota that this process uses: clients, redirectors' probes and other runs have the rest. */
const ownShare = 1 / 2;
/** Of these 60,000 requests a minute 18,000 may write, and 18,000 delete. */
const changingShare = 18_000 / 60_000;

/**
 * Keeps the requests to one region of Artifact Registry below its quota: all of them, those that write, and those that delete, each by a token bucket.
 * Each request books its time when it asks, so they start in the order in which they came.
 */
export class RequestBudget {
  readonly #all: TokenBucket;
  readonly #writes: TokenBucket;
  readonly #deletes: TokenBucket;

  /** @param quota requests a minute. @param now ms. */
  constructor(quota: number, now: () => number = Date.now) {
    const own = quota * ownShare;
    this.#all = new TokenBucket(own, now);
    this.#writes = new TokenBucket(own * changingShare, now);
    this.#deletes = new TokenBucket(own * changingShare, now);
  }

  /** Books a request. @returns ms after which it may be sent; 0: now. */
  book(method: string): number {
    const wait = this.#all.take();
    if (method === "GET" || method === "HEAD") return wait;
    return Math.max(wait, (method === "DELETE" ? this.#deletes : this.#writes).take());
  }
}

/** The variable that says which quota Google has granted. */
export const quotaVariable = "ARTIFACTS_REGISTRY_QUOTA";

/** What ARTIFACTS_REGISTRY_QUOTA must be in each of several processes that share the quota of a region. @throws Error as {@link quotaOf} */
export function quotaShare(processes: number, environment: NodeJS.ProcessEnv): string {
  return `${Math.max(100, Math.floor(quotaIn(environment) / processes))}`;
}

/**
 * The quota that a registry's host grants; undefined: unknown, as of all hosts but those of Artifact Registry.
 * @throws Error if ARTIFACTS_REGISTRY_QUOTA is no number of requests.
 */
export function quotaOf(host: string, environment: NodeJS.ProcessEnv = process.env): number | undefined {
  return host.endsWith("-docker.pkg.dev") ? quotaIn(environment) : undefined;
}

function quotaIn(environment: NodeJS.ProcessEnv): number {
  const setting = environment[quotaVariable] ?? "";
  if (setting === "") return grantedByDefault;
  if (!/^[1-9]\d{2,8}$/.test(setting))
    throw new Error(`${quotaVariable} is a number of requests a minute, at least 100, not "${setting.slice(0, 20)}"`);
  return Number(setting);
}
