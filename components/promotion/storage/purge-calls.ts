import { catalogueFolder, filesFolder, layersFolder, registryFolder } from "../../../redirector/object-paths.ts";
import type { CdnPurge } from "../run/request.ts";

/** One call of a CDN's API. */
export interface PurgeCall {
  readonly method: "POST" | "PURGE";
  readonly url: string;
  readonly body?: Readonly<Record<string, unknown>>;
}

/**
 * URLs in one call at Cloudflare: 100 on each plan but Enterprise, and 800 URLs a second for an account
 * (https://developers.cloudflare.com/cache/how-to/purge-cache/).
 */
const cloudflareUrls = 100;
/**
 * Calls for one purge at Google, each with one path; 500 a minute are allowed (https://cloud.google.com/cdn/docs/cache-invalidation-overview).
 * What needs more is purged by folders, then as a whole: the CDN fetches some objects again that were fresh.
 */
const googlePaths = 100;

/** Whether clients read this object, so that a CDN may keep it: promotions' own records are read by nobody else. */
export function isPublished(key: string): boolean {
  return [filesFolder, catalogueFolder, layersFolder, registryFolder].some((folder) => key.startsWith(folder));
}

/** The calls that purge these objects from a CDN. */
export function purgeCalls({ by, url, api = "" }: CdnPurge, keys: readonly string[]): PurgeCall[] {
  if (by === "google") {
    const { host, pathname } = new URL(url);
    const base = pathname === "/" ? "" : pathname;
    return googlePatterns(keys).map((pattern) => ({ method: "POST", url: api, body: { host, path: base + pattern } }));
  }
  const urls = keys.map((key) => url + publicPath(key));
  if (by === "http") return urls.map((each) => ({ method: "PURGE", url: each }));
  return Array.from({ length: Math.ceil(urls.length / cloudflareUrls) }, (_, index) => ({
    method: "POST",
    url: api,
    body: { files: urls.slice(index * cloudflareUrls, (index + 1) * cloudflareUrls) },
  }));
}

/** An asterisk is allowed only at a pattern's end, after a slash (the overview, "Path patterns"). */
function googlePatterns(keys: readonly string[]): string[] {
  const folder = (key: string) => `${publicPath(key.slice(0, key.lastIndexOf("/")))}/*`.replace(/\*(?=.)/g, "%2A");
  const paths = keys.map((key) => (key.includes("*") ? folder(key) : publicPath(key)));
  for (const patterns of [new Set(paths), new Set(keys.map(folder))])
    if (patterns.size <= googlePaths) return [...patterns];
  return ["/*"];
}

/** The path of an object as the redirector sends clients to it. */
function publicPath(key: string): string {
  return `/${encodeURI(key).replace(/[+?#]/g, encodeURIComponent)}`;
}
