import type { Client } from "../client/client.ts";
import type { RedirectorConfig } from "../config.ts";
import type { HeaderSet, IncomingRequest, OutgoingResponse } from "../http1/request.ts";
import type { KnownMirrors } from "../routing/decide.ts";
import type { PageRoute, RefusedRoute } from "../routing/route.ts";
import { type Asset, type Assets, assetFiles } from "./assets.ts";
import { pageDocument } from "./document.ts";
import { frontText } from "./front-text.ts";
import { acceptsGzip, preferredForm } from "./negotiate.ts";
import { contentPolicy } from "./policy.ts";
import { statusOf, statusText } from "./status.ts";

/** Responses for people: the page in browsers, texts in terminals. */
export interface Pages {
  /** The response to a path of the page, its static files, or `/status`. */
  page(route: PageRoute, request: IncomingRequest, client: Client): OutgoingResponse;
  /** An error as an HTML page; undefined if the client is not a browser. */
  refusal(refused: RefusedRoute, request: IncomingRequest): OutgoingResponse | undefined;
}

/** Prepares the pages. Without assets, e.g. when the redirector runs from its sources, browsers get the texts for terminals. */
export function createPages(config: RedirectorConfig, mirrors: KnownMirrors, assets: Assets | undefined): Pages {
  const { host } = config;
  const front = frontText(host);
  const policy = contentPolicy(config.fileMirrors.map(({ url }) => url));
  const pageHeaders = htmlHeaders(policy, "public, max-age=60");
  const refusalHeaders = htmlHeaders(policy, "no-store");
  const notAllowedHeaders: HeaderSet = [...refusalHeaders, ["Allow", "GET, HEAD"]];
  const files = new Map<string, AssetResponses>();
  if (assets) {
    for (const kind of ["script", "style", "icon"] as const) {
      files.set(`/assets/${assetFiles[kind]}`, assetAnswers(assets[kind]));
    }
  }

  const shown = (needsIndex: boolean): OutgoingResponse | undefined =>
    assets && { status: 200, headers: pageHeaders, body: pageDocument({ host, assets, needsIndex }) };
  const [withIndex, withoutIndex] = [shown(true), shown(false)];

  const refusal: Pages["refusal"] = ({ status, message }, request) => {
    if (!assets || preferredForm(request.header("accept")) !== "html") return undefined;
    const body = pageDocument({ host, assets, refusal: message });
    return { status, headers: status === 405 ? notAllowedHeaders : refusalHeaders, body };
  };

  return {
    refusal,
    page({ path, query }, request, client) {
      if (path.startsWith("/assets/")) {
        const answers = files.get(path);
        if (answers) return answers(query, acceptsGzip(request.header("accept-encoding")));
        return refusal(absent, request) ?? { status: 404, headers: unkeptText, body: `${absent.message}\n` };
      }
      if (path === "/status.json") return json(statusOf(config, mirrors, client));
      const form = preferredForm(request.header("accept"));
      const shown = path === "/" || path.startsWith("/images/") ? withIndex : withoutIndex;
      if (shown && form === "html") return shown;
      if (path === "/status") {
        const status = statusOf(config, mirrors, client);
        return form === "json" ? json(status) : { status: 200, headers: unkeptText, body: statusText(status) };
      }
      if (path === "/" && form === "json") return { status: 307, headers: negotiated, location: "/catalog/index.json" };
      return { status: 200, headers: plainText, body: front };
    },
  };
}

/** The response for a static file, by the request's query and whether the client accepts gzip. */
type AssetResponses = (query: string, gzip: boolean) => OutgoingResponse;

const absent: RefusedRoute = { kind: "refused", status: 404, form: "text", code: "", message: "not found" };

const secure = [
  ["X-Content-Type-Options", "nosniff"],
  ["Referrer-Policy", "no-referrer"],
  ["Cross-Origin-Opener-Policy", "same-origin"],
] as const;
const varies = ["Vary", "Accept"] as const;
const negotiated: HeaderSet = [["Cache-Control", "public, max-age=60"], varies];
const plainText: HeaderSet = [["Content-Type", "text/plain; charset=utf-8"], ...negotiated, secure[0]];
const unkeptText: HeaderSet = [
  ["Content-Type", "text/plain; charset=utf-8"],
  ["Cache-Control", "no-store"],
  varies,
  secure[0],
];
const unkeptJson: HeaderSet = [["Content-Type", "application/json"], ["Cache-Control", "no-store"], varies, secure[0]];

function htmlHeaders(policy: string, cacheControl: string): HeaderSet {
  return [
    ["Content-Type", "text/html; charset=utf-8"],
    ["Content-Security-Policy", policy],
    ["Cache-Control", cacheControl],
    varies,
    ...secure,
  ];
}

function json(value: unknown): OutgoingResponse {
  return { status: 200, headers: unkeptJson, body: `${JSON.stringify(value, undefined, 2)}\n` };
}

/**
 * Responses for a static file. An instance has the files of its own build only. During a deployment, a document of one build may request a
 * file from an instance of another: it gets that instance's version, which works with any document, and may not cache it.
 */
function assetAnswers({ query: own, type, plain, gzip }: Asset): AssetResponses {
  const headers = (kept: boolean, packed: boolean): HeaderSet => [
    ["Content-Type", type],
    ...(packed ? [["Content-Encoding", "gzip"] as const] : []),
    ["Vary", "Accept-Encoding"],
    ["Cache-Control", kept ? "public, max-age=31536000, immutable" : "no-store"],
    secure[0],
  ];
  const sets = [headers(false, false), headers(false, true), headers(true, false), headers(true, true)] as const;
  return (query, packed) => ({
    status: 200,
    headers: sets[(query === own ? 2 : 0) + (packed ? 1 : 0)]!,
    body: packed ? gzip : plain,
  });
}
