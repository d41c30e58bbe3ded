import type { CatalogueIndex, ImageDetails, ProjectDocument, ReleaseDetails } from "./documents.ts";
import { Listing } from "./search.ts";

/** The data: fetched when first needed, from the file mirror that the redirector chooses, and kept until the page is left. */

/** There is no such document. */
export class Absent extends Error {}

const kept = new Map<string, Promise<unknown>>();

/** Everything in production, in short. An absent index is an empty catalogue: nothing has been published yet. */
export function loadIndex(): Promise<CatalogueIndex> {
  return keep("index", async () => {
    try {
      return await json<CatalogueIndex>("catalog/index.json");
    } catch (error) {
      if (error instanceof Absent) return { projects: [] };
      throw error;
    }
  });
}

/** One project. Throws {@link Absent}. */
export function loadProject(name: string): Promise<ProjectDocument> {
  return keep(`project ${name}`, () => json<ProjectDocument>(`catalog/projects/${encodeURIComponent(name)}.json`));
}

/** Every version of one image. Throws {@link Absent}. */
export async function loadImage(project: string, repository: string): Promise<ImageDetails> {
  return details(project, (document) => document.images.find((image) => image.repository === repository));
}

/** The files of one release. Throws {@link Absent}. */
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

/** Whether the listing is on its way or here. */
export function listingWanted(): boolean {
  return kept.has("listing");
}

/** What a project's document refers to. If that is gone, the document was replaced a moment ago: it is read again, once. */
async function details<Document>(
  project: string,
  find: (document: ProjectDocument) => { readonly details: string } | undefined,
): Promise<Document> {
  const named = async (): Promise<Document> => {
    const found = find(await loadProject(project));
    if (found === undefined) throw new Absent();
    return keep(found.details, () => json<Document>(found.details));
  };
  try {
    return await named();
  } catch (error) {
    if (!(error instanceof Absent)) throw error;
    kept.delete(`project ${project}`);
    return named();
  }
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

async function json<Document>(path: string): Promise<Document> {
  return (await (await get(path)).json()) as Document;
}

async function get(path: string): Promise<Response> {
  const response = await fetch(`/${path}`);
  // 403 is what buckets without a public listing answer for what they do not have.
  if (response.status === 404 || response.status === 403) throw new Absent(`there is no ${path}`);
  if (!response.ok) throw new Error(`${new URL(response.url).host} answers ${response.status}`);
  return response;
}
