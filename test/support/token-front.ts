/**
 * In front of a registry, the token servers of registries that cannot run here, as they document them: what a client without an account meets.
 * Written by us, after the distribution project's "Token Authentication Specification", Harbor's, GitHub's and Google's documentation, and what
 * their hosts answer to `GET /v2/`.
 */
import { type Fault, startFaultyProxy } from "./faulty-proxy.ts";

interface TokenFlow {
  /** Path of the token server. */
  readonly path: string;
  readonly service: string;
  /** What the challenge says beside the Bearer scheme: another scheme before it. */
  readonly before?: string;
  /** The response with a token. */
  readonly body: (token: string) => object;
}

/** How each kind hands out tokens. */
export const tokenFlows = {
  "Harbor-like": {
    path: "/service/token",
    service: "harbor-registry",
    body: (token) => ({ token, access_token: "", expires_in: 1_800, issued_at: "2026-11-29T00:00:00Z" }),
  },
  "GHCR-like": { path: "/token", service: "ghcr.io", body: (token) => ({ token }) },
  "Artifact Registry-like": {
    path: "/v2/token",
    service: "us-docker.pkg.dev",
    body: (token) => ({ token, expires_in: 43_200 }),
  },
  "zot-like": {
    path: "/zot/auth/token",
    service: "zot",
    before: 'Basic realm="Authorization Required"',
    body: (access_token) => ({ access_token, expires_in: 60 }),
  },
} as const satisfies Record<string, TokenFlow>;

/** A front that runs. */
export interface TokenFront {
  readonly host: string;
  /** Tokens given so far, by scope. */
  readonly given: readonly string[];
  /** Requests so far, those for tokens and the refused ones too. */
  readonly requests: number;
  close(): Promise<void>;
}

/** A token is good for so many requests, so that every flow meets an expired one. */
const uses = 6;
/** Repositories below this name are private: nobody without an account gets a token for them. */
const closed = "private/";

/** Starts a front of `host:port`. Everything but tokens passes to it. */
export async function startTokenFront(target: string, kind: keyof typeof tokenFlows): Promise<TokenFront> {
  const flow: TokenFlow = tokenFlows[kind];
  const proxy = await startFaultyProxy(target);
  const given: string[] = [];
  const left = new Map<string, { readonly scope: string; uses: number }>();

  function token(query: URLSearchParams, method: string, authorization: string | undefined): Fault {
    const scope = query.getAll("scope").join(" ");
    const isRight = method === "GET" && query.get("service") === flow.service && /^repository:[^:]+:pull$/.test(scope);
    if (!isRight) return refused(400, "UNSUPPORTED");
    if (authorization !== undefined) return refused(401, "UNAUTHORIZED"); // nobody has an account here
    if (scope.startsWith(`repository:${closed}`)) return refused(403, "DENIED");
    given.push(scope);
    const value = `${kind.split(/[- ]/)[0]}.${given.length}`;
    left.set(`Bearer ${value}`, { scope, uses });
    return { kind: "answer", status: 200, body: JSON.stringify(flow.body(value)) };
  }

  proxy.inject((method, url, headers) => {
    const { pathname, searchParams } = new URL(url, "http://x");
    if (pathname === flow.path) return token(searchParams, method, headers.authorization);
    const [, name = ""] = /^\/v2\/(.+)\/(?:manifests|blobs|tags|referrers)\//.exec(pathname) ?? [];
    const known = left.get(headers.authorization ?? "");
    if (known && known.scope === `repository:${name}:pull` && known.uses-- > 0) return undefined;
    const expired = known ? ',error="invalid_token"' : "";
    const bearer = `Bearer realm="http://${proxy.host}${flow.path}",service="${flow.service}",scope="repository:${name}:pull"${expired}`;
    const challenge = flow.before === undefined ? bearer : `${flow.before}, ${bearer}`;
    return refused(401, "UNAUTHORIZED", { "www-authenticate": challenge });
  });
  return {
    host: proxy.host,
    given,
    get requests() {
      return proxy.seen.length;
    },
    close: () => proxy.close(),
  };
}

/** OCI distribution spec, "Error Codes". */
function refused(status: number, code: string, headers: Record<string, string> = {}): Fault {
  const body = JSON.stringify({ errors: [{ code, message: code.toLowerCase() }] });
  return { kind: "answer", status, headers: { "content-type": "application/json", ...headers }, body };
}
