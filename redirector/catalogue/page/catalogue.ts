import type {
  CatalogueIndex,
  ImageDetails,
  ListingDocument,
  ProjectDocument,
  RecentDocument,
  ReleaseDetails,
  ReleasePart,
} from "./documents.ts";
import { joinListing } from "./join-listing.ts";
import { PlatformLines } from "./platforms.ts";
import { Listing } from "./search.ts";
import type { RedirectorStatus } from "./views/status.ts";

/** Loads the catalogue's documents: each is fetched when first needed, through the redirector, and kept until the page is closed. */

/** The document does not exist. */
export class NotFoundError extends Error {}

const kept = new Map<string, Promise<unknown>>();
/** Set after a damaged document, which the browser may have cached: all later requests bypass its cache. */
let bypassCache = false;

/** The index. If it does not exist, nothing has been published yet: an empty catalogue. */
export function loadIndex(): Promise<CatalogueIndex> {
  return keep("index", async () => {
    try {
      return await json<CatalogueIndex>("catalog/index.json");
    } catch (error) {
      if (error instanceof NotFoundError) return { projects: [] };
      throw error;
    }
  });
}

/** One project. `again` bypasses all caches. Throws {@link NotFoundError}. */
export function loadProject(name: string, again = false): Promise<ProjectDocument> {
  if (again) kept.delete(`project ${name}`);
  return keep(`project ${name}`, () =>
    json<ProjectDocument>(`catalog/projects/${encodeURIComponent(name)}.json`, again ? "reload" : "default"),
  );
}

/** One project with all its releases. `again` bypasses all caches. Throws {@link NotFoundError}. */
export function loadWholeProject(name: string, again = false): Promise<ProjectDocument> {
  return orAgain(again, async (anew) => {
    const project = await loadProject(name, anew);
    const { releases, moreReleases = [] } = project;
    const load = (path: string) => keep(path, () => json<ReleasePart>(path));
    const parts = await ifAll(moreReleases.map(load));
    return parts && { ...project, releases: [...releases, ...parts.flatMap((part) => part.releases)] };
  });
}

/** Every version of one image. Throws {@link NotFoundError}. */
export function loadImage(project: string, repository: string): Promise<ImageDetails> {
  return details(async (again) =>
    (await loadProject(project, again)).images.find((image) => image.repository === repository),
  );
}

/** The files of one release. Throws {@link NotFoundError}. */
export function loadRelease(project: string, release: string): Promise<ReleaseDetails> {
  return details(async (again) =>
    (await loadWholeProject(project, again)).releases.find((one) => one.release === release),
  );
}

/** All tags, digests and files. The largest document, so only the search loads it. */
export function loadListing(): Promise<Listing> {
  return keep("listing", async () => new Listing(joinListing(await loadParts("listing"))));
}

/**
 * The first digits of all platforms' digests, for a search for a digest that nothing else has. Empty if nothing has been published yet.
 * @param progress receives the loaded share, 0 to 1. Only the first caller's is called.
 */
export function loadPlatforms(progress: (share: number) => void): Promise<PlatformLines> {
  return keep("platforms", async () => {
    try {
      return new PlatformLines((await loadParts("platforms", progress)).join(""));
    } catch (error) {
      if (error instanceof NotFoundError) return new PlatformLines("");
      throw error;
    }
  });
}

/** The texts of all parts of one kind. */
function loadParts(kind: "listing" | "platforms", progress?: (share: number) => void): Promise<string[]> {
  return orAgain(false, async (again) => {
    if (again) kept.delete("parts");
    const load = () => json<ListingDocument>("catalog/listing.json", again ? "reload" : "default");
    const parts = (await keep("parts", load))[kind];
    let loaded = 0;
    const each = parts.map(async ({ part }) => {
      const text = await unpacked(part);
      progress?.(++loaded / parts.length);
      return text;
    });
    return ifAll(each);
  });
}

async function unpacked(path: string): Promise<string> {
  const response = await get(path);
  try {
    return await new Response(response.body?.pipeThrough(new DecompressionStream("gzip"))).text();
  } catch (error) {
    bypassCache = true; // browsers keep a part for ever, also a damaged one
    throw error;
  }
}

/** The mirrors' present health. Never cached. */
export function loadStatus(): Promise<RedirectorStatus> {
  return json<RedirectorStatus>("status.json", "no-store");
}

/** What was promoted lately. Empty if the catalogue was last written by a version that did not record it, or it cannot be loaded: the status does not depend on it. */
export function loadRecent(): Promise<RecentDocument> {
  return json<RecentDocument>("catalog/recent.json").catch(() => ({ promotions: [] }));
}

/** Whether the listing is loading or loaded. */
export function listingWanted(): boolean {
  return kept.has("listing");
}

/** A details document of a project. @param find what names it, in the project's document. */
function details<Document>(
  find: (again: boolean) => Promise<{ readonly details: string } | undefined>,
): Promise<Document> {
  return orAgain(false, async (again) => {
    const found = await find(again);
    if (found === undefined) throw new NotFoundError();
    const [document] = (await ifAll([keep(found.details, () => json<Document>(found.details))])) ?? [];
    return document;
  });
}

/**
 * What documents have that another one names. If one of them does not exist, the one that names it was replaced a moment ago and is read again, once.
 * @param read undefined: a document does not exist.
 * @param again whether the first reading bypasses all caches already.
 */
async function orAgain<Found>(again: boolean, read: (again: boolean) => Promise<Found | undefined>): Promise<Found> {
  const found = (await read(again)) ?? (await read(true));
  if (found === undefined) throw new Error("The catalogue is being updated at this moment");
  return found;
}

/** All documents; undefined if one does not exist. */
async function ifAll<Document>(loading: readonly Promise<Document>[]): Promise<Document[] | undefined> {
  try {
    return await Promise.all(loading);
  } catch (error) {
    if (error instanceof NotFoundError) return undefined;
    throw error;
  }
}

/** Caches the result of the first call. Failures are not cached. */
function keep<T>(name: string, load: () => Promise<T>): Promise<T> {
  const cached = kept.get(name);
  if (cached !== undefined) return cached as Promise<T>;
  const loading = load();
  kept.set(name, loading);
  loading.catch(() => kept.delete(name));
  return loading;
}

async function json<Document>(path: string, cache: RequestCache = "default"): Promise<Document> {
  const response = await get(path, cache);
  try {
    return (await response.json()) as Document;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    bypassCache = true;
    throw new Error(`${path} from ${new URL(response.url).host} is damaged`);
  }
}

async function get(path: string, cache: RequestCache = "default"): Promise<Response> {
  const response = await fetch(`/${path}`, { cache: bypassCache ? "reload" : cache }).catch((error: unknown) => {
    if (!(error instanceof TypeError)) throw error;
    // A script learns no more about a failed connection (Fetch Standard, "network error").
    throw new Error(
      navigator.onLine ? `No connection to ${location.host}, or to the mirror that it redirects to` : "You are offline",
    );
  });
  // Buckets without public listing answer 403 for objects that do not exist.
  if (response.status === 404 || response.status === 403) throw new NotFoundError(`${path} does not exist`);
  if (!response.ok) throw new Error(`${new URL(response.url).host} answers ${response.status}`);
  return response;
}
