/** GET and HEAD as clients of registries and download pages send them. Follows redirects one by one and records each. */
import { type Dispatcher, request } from "undici";

/** One response on the way to the content. */
export interface Hop {
  readonly url: string;
  readonly status: number;
}

/** The last response and the hops before it. The caller must read or dump the body. */
export interface Followed {
  readonly hops: readonly Hop[];
  readonly url: string;
  readonly status: number;
  readonly headers: Dispatcher.ResponseData["headers"];
  readonly body: Dispatcher.ResponseData["body"];
}

/** Options for all requests of one client. */
export interface ClientOptions {
  /** Headers of the first request only, as a proxy in front of the service adds them, e.g. the client's location. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly dispatcher?: Dispatcher;
}

const maxRedirects = 5;

/** Follows 301, 302, 303, 307 and 308. Throws after too many redirects and on a redirect without a Location. */
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

/** Formats the hops to one piece of content: `127.0.0.1:5000 -> 127.0.0.1:5402`, with the given names for hosts. */
export function way(hops: readonly Hop[], names: ReadonlyMap<string, string> = new Map()): string {
  return hops
    .map(({ url }) => new URL(url).host)
    .map((host) => names.get(host) ?? host)
    .join(" -> ");
}
