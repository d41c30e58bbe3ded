import { HttpClient } from "../http/client.ts";
import { causeOf } from "../http/errors.ts";
import { acceptedManifests } from "../oci/manifest.ts";
import { printable } from "../text/printable.ts";

/** A revision of the redirector in the one region that has it, and what clients ask it for. */
export interface Canary {
  /** The load balancer's, without a port: that is 80. */
  readonly address: string;
  /** The name for which the load balancer asks the canary. */
  readonly host: string;
  /** The last part of the revision's name. */
  readonly revision: string;
  /** Paths of an image and of a file in production. */
  readonly image?: string | undefined;
  readonly file?: string | undefined;
  /** URLs of the mirrors. */
  readonly imageMirrors: readonly string[];
  readonly fileMirrors: readonly string[];
}

/** What one round of requests found. */
export type CanaryFindings =
  | { readonly kind: "right" }
  /** The revision answers, but not as clients need it. */
  | { readonly kind: "wrong"; readonly what: string }
  /** Something else answers, or nothing. */
  | { readonly kind: "elsewhere"; readonly what: string };

interface RedirectorResponse {
  readonly status: number;
  readonly location: string;
  readonly revision: string;
}

/**
 * Asks a canary what clients ask: for the registry's version, an image and a file. The version says which revision answers; it is asked before and
 * after the others. Not `/healthz`, which Google's front end keeps for itself (Cloud Run documentation, "Reserved URL paths": some that end in z).
 */
export function probeCanary(
  client: Pick<HttpClient, "stream"> = new HttpClient({ connectTimeout: 5_000, stallTimeout: 10_000 }),
): (canary: Canary, signal: AbortSignal) => Promise<CanaryFindings> {
  return async (canary, signal) => {
    const ask = (path: string) => send(client, "GET", `http://${canary.address}${path}`, { host: canary.host }, signal);
    try {
      for (const path of [version, canary.image, canary.file, version]) {
        if (path === undefined) continue;
        const answer = await ask(path);
        const found =
          path === version ? versionAnswer(answer, canary) : await redirectAnswer(client, path, answer, canary, signal);
        if (found.kind !== "right") return found;
      }
      return { kind: "right" };
    } catch (error) {
      signal.throwIfAborted();
      return { kind: "elsewhere", what: causeOf(error) };
    }
  };
}

const version = "/v2/";

function versionAnswer({ status, revision }: RedirectorResponse, canary: Canary): CanaryFindings {
  if (revision !== canary.revision)
    return {
      kind: "elsewhere",
      what: `${version} is answered with ${status} by ${printable(revision, 100) || "another"}`,
    };
  return status === 200 ? { kind: "right" } : { kind: "wrong", what: `${version} is answered with ${status}, not 200` };
}

/** A redirect must lead to a mirror; what is not promoted yet is in none, and buckets' lack of it is answered with 404. */
async function redirectAnswer(
  client: Pick<HttpClient, "stream">,
  path: string,
  { status, location }: RedirectorResponse,
  canary: Canary,
  signal: AbortSignal,
): Promise<CanaryFindings> {
  const mirrors = path === canary.file ? canary.fileMirrors : canary.imageMirrors;
  const wrong = (what: string): CanaryFindings => ({ kind: "wrong", what: `${path} ${what}` });
  if (status === 307) {
    if (mirrors.some((url) => location.startsWith(`${url}/`))) return { kind: "right" };
    return wrong(`is redirected to ${printable(location, 200)}, which is no mirror`);
  }
  if (status !== 404) return wrong(`is answered with ${status}, not 307`);
  // The canonical mirror of images is a registry, whose URL has the version.
  const [inMirror, accept] = path === canary.file ? [path, "*/*"] : [path.slice(version.length - 1), acceptedManifests];
  for (const url of mirrors) {
    const there = await send(client, "HEAD", url + inMirror, { accept }, signal).catch(() => undefined);
    if (there?.status === 200) return wrong(`is answered with 404, but ${url} has it`);
  }
  return { kind: "right" };
}

async function send(
  client: Pick<HttpClient, "stream">,
  method: "GET" | "HEAD",
  url: string,
  headers: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<RedirectorResponse> {
  const { origin, pathname } = new URL(url);
  const request = { origin, path: pathname, method, headers, responseTimeout: 10_000, attempt: 1 } as const;
  const response = await client.stream(request, signal);
  await response.body.dump();
  const text = (name: string) => String(response.headers[name] ?? "");
  return { status: response.status, location: text("location"), revision: text("x-revision") };
}
