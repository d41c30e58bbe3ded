import { RegistryError } from "./errors.ts";
import type { Remote } from "./remote.ts";
import type { Call, Response } from "./transport.ts";

/** One page of a list. */
export interface ListPage extends Response {
  /** Whether there are more pages. */
  readonly hasNext: boolean;
}

/**
 * A list, page by page: `Link: <...>; rel="next"` (RFC 8288; distribution spec, "Listing Tags", "Listing Referrers").
 * A registry behind a proxy may name another host there, so only the link's path is used, on the host that sent it.
 * @param first requests the first page. Further pages must respond 200.
 * @throws RegistryError also if a page is missing or the pages form a loop, so that an incomplete list is not taken for a complete one.
 */
export async function* pages(
  { transport, ...at }: Remote,
  first: Omit<Call, "repository" | "signal" | "method">,
): AsyncGenerator<ListPage, void, undefined> {
  const seen = new Set<string>();
  let call = first;
  for (;;) {
    const response = await transport.call({ ...at, ...call, method: "GET" });
    seen.add(response.url);
    const next = response.status === 200 ? nextOf(response) : undefined;
    if (next && seen.has(next.href))
      throw new RegistryError(at.repository.host, call.what, response.status, "", "its pages form a loop");
    yield { ...response, hasNext: next !== undefined };
    if (!next) return;
    call = { ...first, url: next, expect: [200] };
  }
}

/** The next page's URL; `rel` comes quoted and unquoted. */
function nextOf({ headers, url }: Response): URL | undefined {
  const { link } = headers;
  const text = Array.isArray(link) ? link.join(", ") : (link ?? "");
  const target = /<([^>]*)>\s*;\s*rel="?next"?/.exec(text)?.[1];
  if (target === undefined || !URL.canParse(target, url)) return undefined;
  const { pathname, search } = new URL(target, url);
  return new URL(pathname + search, url);
}
