import type { CatalogueIndex, ImageDetails, ProjectDocument, RecentDocument, ReleaseDetails } from "./documents.ts";
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

/** Every version of one image. Throws {@link NotFoundError}. */
export async function loadImage(project: string, repository: string): Promise<ImageDetails> {
  return details(project, (document) => document.images.find((image) => image.repository === repository));
}

/** The files of one release. Throws {@link NotFoundError}. */
export async function loadRelease(project: string, release: string): Promise<ReleaseDetails> {
  return details(project, (document) => document.releases.find((one) => one.release === release));
}

/** All tags, digests and files. The largest document, so only the search loads it. */
export function loadListing(): Promise<Listing> {
  return keep("listing", async () => {
    const response = await get("catalog/all.tsv.gz");
    const text = response.body?.pipeThrough(new DecompressionStream("gzip"));
    return new Listing(await new Response(text).text());
  });
}

/**
 * The first digits of all platforms' digests, for a search for a digest that nothing else has. Empty if the catalogue was last written by a
 * version without them.
 * @param progress receives the loaded share, 0 to 1. Only the first caller's is called.
 */
export function loadPlatforms(progress: (share: number) => void): Promise<PlatformLines> {
  return keep("platforms", async () => {
    try {
      const response = await get("catalog/platforms.tsv.gz");
      const all = Number(response.headers.get("Content-Length"));
      let here = 0;
      const counting = new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>({
        transform(chunk, controller) {
          here += chunk.length;
          if (all > 0) progress(here / all);
          controller.enqueue(chunk);
        },
      });
      const text = response.body?.pipeThrough(counting).pipeThrough(new DecompressionStream("gzip"));
      return new PlatformLines(await new Response(text).text());
    } catch (error) {
      if (error instanceof NotFoundError) return new PlatformLines("");
      throw error;
    }
  });
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

/** A details document of a project. If it does not exist, the project's document was replaced a moment ago and is read again, once. */
async function details<Document>(
  project: string,
  find: (document: ProjectDocument) => { readonly details: string } | undefined,
): Promise<Document> {
  const named = async (again: boolean): Promise<Document | undefined> => {
    const found = find(await loadProject(project, again));
    if (found === undefined) throw new NotFoundError();
    try {
      return await keep(found.details, () => json<Document>(found.details));
    } catch (error) {
      if (error instanceof NotFoundError) return undefined;
      throw error;
    }
  };
  const document = (await named(false)) ?? (await named(true));
  if (document === undefined) throw new Error("The catalogue is being updated at this moment");
  return document;
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
