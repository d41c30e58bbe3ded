/** In front of a registry: gives its lists in pages, in the ways that registries do. By repository, so that one front serves a whole test. */
import type { ServerResponse } from "node:http";
import { serveOnLoopback } from "./loopback-server.ts";

/** How lists are given. */
export interface Paging {
  /** Entries of a page, if `n` does not ask for fewer. */
  readonly perPage: number;
  /** The link to the next page: by path, with this front's own address, or none. */
  readonly link: "relative" | "absolute" | "none";
}

/** Starts a front. @param target `host:port` of the registry that has a repository. @param pagings by the last part of the repository's name; other repositories are passed on as they are. */
export async function startPagingFront(
  target: (repository: string) => string,
  pagings: Readonly<Record<string, Paging>>,
): Promise<{ readonly host: string }> {
  const server = await serveOnLoopback((request, response) => {
    void respond(request.method ?? "GET", request.url ?? "/", request.headers.host ?? "", response).catch(() =>
      response.destroy(),
    );
  });
  async function respond(method: string, asked: string, host: string, response: ServerResponse): Promise<void> {
    const url = new URL(asked, `http://${host}`);
    const [, name, list] = /^\/v2\/(.+)\/(tags\/list|referrers\/[^/]+)$/.exec(url.pathname) ?? [];
    const paging = pagings[name?.split("/").at(-1) ?? ""];
    const whole = await fetch(`http://${target(repositoryIn(url.pathname))}${paging ? url.pathname : asked}`, {
      method,
      headers: { accept: "*/*" },
    });
    const type = whole.headers.get("content-type") ?? "";
    if (!paging || whole.status !== 200) {
      const kept = ["content-type", "content-length", "docker-content-digest"].flatMap((name) => {
        const value = whole.headers.get(name);
        return value === null ? [] : [[name, value] as const];
      });
      response.writeHead(whole.status, Object.fromEntries(kept));
      response.end(Buffer.from(await whole.arrayBuffer()));
      return;
    }
    const body = (await whole.json()) as { tags?: string[]; manifests?: { digest: string }[] };
    const keys = list === "tags/list" ? (body.tags ?? []).sort() : (body.manifests ?? []).map(({ digest }) => digest);
    const last = url.searchParams.get("last");
    const from = last === null ? 0 : keys.indexOf(last) + 1;
    const most = Math.min(Number(url.searchParams.get("n") ?? paging.perPage), paging.perPage);
    const page = keys.slice(from, from + most);
    if (from + most < keys.length && paging.link !== "none") {
      const next = `${url.pathname}?last=${encodeURIComponent(page.at(-1)!)}`;
      response.setHeader("link", `<${paging.link === "absolute" ? `http://${host}` : ""}${next}>; rel="next"`);
    }
    response.setHeader("content-type", type);
    const shown = new Set(page);
    response.end(
      JSON.stringify(
        list === "tags/list"
          ? { ...body, tags: page }
          : { ...body, manifests: body.manifests?.filter(({ digest }) => shown.has(digest)) },
      ),
    );
  }
  return server;
}

function repositoryIn(path: string): string {
  return /^\/v2\/(.+)\/(?:manifests|blobs|tags|referrers)\//.exec(path)?.[1] ?? "";
}
