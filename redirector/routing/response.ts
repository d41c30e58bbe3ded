import { revisionHeader } from "../config.ts";
import type { RefusedHead } from "../http1/head.ts";
import type { HeaderSet, OutgoingResponse } from "../http1/request.ts";
import type { ObjectHead } from "../mirrors/manifest-heads.ts";
import type { Decision, Plain } from "./decide.ts";
import type { RefusedRoute } from "./route.ts";

/**
 * The response for a final decision.
 * @param notReady the reason why this instance is not ready; undefined if it is.
 * @param ping the response to the registry's version check, see {@link pong}.
 */
export function responseTo(
  decision: Exclude<Decision, { kind: "check" | "list" | "page" }>,
  notReady: string | undefined,
  ping: OutgoingResponse,
): OutgoingResponse {
  switch (decision.kind) {
    case "redirect":
      return {
        status: 307,
        headers: decision.what === "file" ? fileRedirect : decision.mirror ? registryRedirect : pageRedirect,
        location: decision.location,
      };
    case "refused":
      return refusal(decision.refusal);
    case "plain":
      return decision.page === "ping" ? ping : plain(decision.page, notReady);
  }
}

/** The response to a HEAD for a manifest (distribution spec, "Pulling manifests"). */
export function headResponse({ digest, mediaType, length }: ObjectHead): OutgoingResponse {
  const own = [
    ["Content-Type", mediaType],
    ["Docker-Content-Digest", digest],
  ] as const;
  return { status: 200, headers: [registryVersion, unkept, noSniff, ...own], length };
}

/** The response to a request that HTTP/1.1 refuses: OCI's JSON for clients of the registry, text for all others. */
export function malformedResponse({ status, reason, requestLine }: RefusedHead): OutgoingResponse {
  return isForRegistry(requestLine)
    ? { status, headers: ociRefusal, body: errorBody("UNSUPPORTED", reason) }
    : { status, headers: textRefusal, body: `${reason}\n` };
}

/** Whether a refused request was meant for the registry, whose clients read errors as JSON. */
function isForRegistry(requestLine: string): boolean {
  return /^[!-~]+ (?:https?:\/\/[^/ ]*)?\/v2[/ ?]/i.test(requestLine.slice(0, 512));
}

/**
 * The response to the registry's version check. It says which revision of the service answers, if that is known: by it a deployment knows that
 * the new one does.
 */
export function pong(revision: string | undefined): OutgoingResponse {
  const headers: HeaderSet = [registryVersion, json, unkept];
  return { status: 200, headers: revision ? [...headers, [revisionHeader, revision]] : headers, body: "{}" };
}

/** A redirect depends on the client's location and the current health of mirrors, so it must not be cached. */
const unkept = ["Cache-Control", "no-store"] as const;
const registryVersion = ["Docker-Distribution-Api-Version", "registry/2.0"] as const;
const noSniff = ["X-Content-Type-Options", "nosniff"] as const;
const plainText = ["Content-Type", "text/plain; charset=utf-8"] as const;
const json = ["Content-Type", "application/json"] as const;
const allow = ["Allow", "GET, HEAD"] as const;

const registryRedirect: HeaderSet = [registryVersion, unkept];
/**
 * CORS: pages of any origin may read redirected responses; browsers require the header on each redirect too (Fetch standard, "HTTP-redirect
 * fetch"), and without it on an error the page does not learn the status.
 */
const anyOrigin = ["Access-Control-Allow-Origin", "*"] as const;
const fileRedirect: HeaderSet = [unkept, anyOrigin];
const pageRedirect: HeaderSet = [["Cache-Control", "public, max-age=300"]];
const text: HeaderSet = [plainText, unkept, noSniff];
const robotsText: HeaderSet = [plainText, ["Cache-Control", "public, max-age=86400"], noSniff];
const textRefusal: HeaderSet = [plainText, unkept, noSniff, anyOrigin];
const textNotAllowed: HeaderSet = [plainText, unkept, noSniff, allow];
const ociRefusal: HeaderSet = [registryVersion, json, unkept, noSniff];
const ociNotAllowed: HeaderSet = [registryVersion, json, unkept, noSniff, allow];

function plain(page: Exclude<Plain["page"], "ping">, notReady: string | undefined): OutgoingResponse {
  switch (page) {
    case "healthz":
      return { status: 200, headers: text, body: "ok\n" };
    case "readyz":
      return notReady === undefined
        ? { status: 200, headers: text, body: "ready\n" }
        : { status: 503, headers: text, body: `not ready: ${notReady}\n` };
    case "robots":
      return { status: 200, headers: robotsText, body: "User-agent: *\nDisallow: /v2/\nDisallow: /binaries/\n" };
  }
}

/** OCI distribution spec 1.1, "Error Codes": `{"errors":[{"code","message"}]}`. */
function refusal({ status, form, code, message }: RefusedRoute): OutgoingResponse {
  if (form === "text") return { status, headers: status === 405 ? textNotAllowed : textRefusal, body: `${message}\n` };
  return {
    status,
    headers: status === 405 ? ociNotAllowed : ociRefusal,
    body: errorBody(code, message),
  };
}

function errorBody(code: string, message: string): string {
  return JSON.stringify({ errors: [{ code, message }] });
}
