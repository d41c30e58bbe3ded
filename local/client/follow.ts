/** GET and HEAD as clients of registries and download pages do them: redirects followed one by one, each remembered. */
import { type Dispatcher, request } from "undici";

/** One answer on the way to the content. */
export interface Hop {
  readonly url: string;
  readonly status: number;
}

/** The last answer, and how it was come by. The body must be read or dumped. */
export interface Followed {
  readonly hops: readonly Hop[];
  readonly url: string;
  readonly status: number;
  readonly headers: Dispatcher.ResponseData["headers"];
  readonly body: Dispatcher.ResponseData["body"];
}

/** What all requests of one client have in common. */
export interface ClientOptions {
  /** Sent with the first request only, as a proxy before the service would add them, e.g. where the client is. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly dispatcher?: Dispatcher;
}

const maxRedirects = 5;

/** Follows 301, 302, 303, 307 and 308. Throws on a loop, and on a redirect without a usable Location. */
export async function follow(
  method: "GET" | "HEAD",
  url: string,
  headers: Readonly<Record<string, string>>,
  { headers: first = {}, dispatcher }: ClientOptions = {},
): Promise<Followed> {
  const hops: Hop[] = [];
  let at = url;
  for (;;) {
    const all = hops.length === 0 ? { ...headers, ...first } : headers;
    const response = await request(at, { method, headers: all, ...(dispatcher && { dispatcher }) });
    hops.push({ url: at, status: response.statusCode });
    if (![301, 302, 303, 307, 308].includes(response.statusCode)) {
      return { hops, url: at, status: response.statusCode, headers: response.headers, body: response.body };
    }
    await response.body.dump();
    const location = response.headers["location"];
    if (typeof location !== "string") throw new Error(`${at}: ${response.statusCode} without a Location`);
    if (hops.length > maxRedirects) throw new Error(`${url}: more than ${maxRedirects} redirects`);
    at = new URL(location, at).href;
  }
}

/** The way of one piece of content in a line: `127.0.0.1:5000 -> 127.0.0.1:5402`, hosts by the names given for them. */
export function way(hops: readonly Hop[], names: ReadonlyMap<string, string> = new Map()): string {
  return hops
    .map(({ url }) => new URL(url).host)
    .map((host) => names.get(host) ?? host)
    .join(" -> ");
}
