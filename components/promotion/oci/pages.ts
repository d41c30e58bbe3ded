import { RegistryError } from "./errors.ts";
import type { Remote } from "./remote.ts";
import type { Call, Response } from "./transport.ts";

/** One page of a list. */
export interface Page extends Response {
  /** There are more. */
  readonly hasNext: boolean;
}

/**
 * A list, page by page: `Link: <...>; rel="next"` (RFC 8288; distribution spec, "Listing Tags", "Listing Referrers"). A registry behind a
 * proxy may name another host there, so that only the link's path is taken, on the host that gave it.
 * @param first asks for the first page. Of further pages nothing but 200 is an answer.
 * @throws RegistryError also if a page is not there or they go round: a list that is not whole would be taken for all there is.
 */
export async function* pages(
  { transport, ...at }: Remote,
  first: Omit<Call, "repository" | "signal" | "method">,
): AsyncGenerator<Page, void, undefined> {
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
