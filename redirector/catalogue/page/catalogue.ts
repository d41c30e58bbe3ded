import type { CatalogueIndex, ImageDetails, ProjectDocument, ReleaseDetails } from "./documents.ts";
import { PlatformLines } from "./platforms.ts";
import { Listing } from "./search.ts";
import type { Status } from "./views/status.ts";

/** The data: fetched when first needed, from the file mirror that the redirector chooses, and kept until the page is left. */

/** There is no such document. */
export class NotFoundError extends Error {}

const kept = new Map<string, Promise<unknown>>();
/** A damaged document came, which the browser may keep: from then on nothing is taken from what it keeps. */
let distrust = false;

/** Everything in production, in short. An absent index is an empty catalogue: nothing has been published yet. */
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

/** One project. `again`: past all that is kept. Throws {@link NotFoundError}. */
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

/** All tags, digests and files. Larger than all else, so only for who searches. */
export function loadListing(): Promise<Listing> {
  return keep("listing", async () => {
    const response = await get("catalog/all.tsv.gz");
    const text = response.body?.pipeThrough(new DecompressionStream("gzip"));
    return new Listing(await new Response(text).text());
  });
}

/**
 * The beginnings of all platforms' own digests: only for who looks for a digest that nothing else has. None: the catalogue was last written
 * before there were such.
 * @param progress is told the share that is here, 0 to 1, by who is the first to need them.
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

/** The mirrors as the redirector sees them now: never kept. */
export function loadStatus(): Promise<Status> {
  return json<Status>("status.json", "no-store");
}

/** Whether the listing is on its way or here. */
export function listingWanted(): boolean {
  return kept.has("listing");
}

/** What a project's document refers to. If that is gone, the document was replaced a moment ago: it is read again, once. */
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
  if (document === undefined) throw new Error("The catalogue is being replaced at this moment");
  return document;
}

/** The result of the first call, for all; a failure is not kept. */
function keep<T>(name: string, load: () => Promise<T>): Promise<T> {
  const known = kept.get(name);
  if (known !== undefined) return known as Promise<T>;
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
    distrust = true;
    throw new Error(`${path} from ${new URL(response.url).host} is damaged`);
  }
}

async function get(path: string, cache: RequestCache = "default"): Promise<Response> {
  const response = await fetch(`/${path}`, { cache: distrust ? "reload" : cache }).catch((error: unknown) => {
    if (!(error instanceof TypeError)) throw error;
    // All that a script is told of a connection that could not be made (Fetch Standard, "network error").
    throw new Error(
      navigator.onLine ? `No connection to ${location.host}, or to the mirror it names` : "You are offline",
    );
  });
  // 403 is what buckets without a public listing answer for what they do not have.
  if (response.status === 404 || response.status === 403) throw new NotFoundError(`there is no ${path}`);
  if (!response.ok) throw new Error(`${new URL(response.url).host} answers ${response.status}`);
  return response;
}
