import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import type { DataAction } from "./access.ts";
import { endToEndHeaders, forward } from "./forward.ts";
import type { Denial, Guard } from "./guard.ts";

/**
 * The front of a location's registry, which adds permissions to the server behind it, as Artifact Registry answers: a client without a token is asked
 * for one at `/v2/`, and may go on without.
 */
export function registryFront(guard: Guard, location: string, port: number): RequestListener {
  return (request, response) => {
    const denial = guard.on ? refusal(guard, location, request) : undefined;
    if (denial !== undefined) {
      refuse(response, denial);
      return;
    }
    forward(request, response, { port, headers: endToEndHeaders(request.rawHeaders) }).catch(() => response.destroy());
  };
}

function refusal(
  guard: Guard,
  location: string,
  { url = "/", method = "GET", headers }: IncomingMessage,
): Denial | undefined {
  const { pathname, searchParams } = new URL(url, "http://registry");
  if (pathname === "/v2/") {
    return headers.authorization === undefined ? { status: 401, message: "Unauthenticated request." } : undefined;
  }
  const [, , , repository = "", ...rest] = pathname.split("/"); // /v2/<project>/<repository>/<image>/...
  const store = { kind: "repository", location, name: repository } as const;
  const denied = guard.denial(headers, actionOf(method, rest), store);
  const [, , from] = (searchParams.get("from") ?? "").match(/^([^/]+)\/([^/]+)\//) ?? [];
  if (denied !== undefined || from === undefined) return denied;
  return guard.denial(headers, "read", { ...store, name: from }); // the source of a mount
}

function actionOf(method: string, rest: readonly string[]): DataAction {
  if (method === "GET" || method === "HEAD") {
    const isList = rest.at(-1) === "list" && rest.at(-2) === "tags";
    // The state of an upload is its writer's.
    return isList ? "list" : rest.includes("uploads") ? "write" : "read";
  }
  return method === "DELETE" && !rest.includes("uploads") ? "delete" : "write";
}

function refuse(response: ServerResponse, { status, message }: Denial): void {
  const body = JSON.stringify({ errors: [{ code: status === 401 ? "UNAUTHORIZED" : "DENIED", message }] });
  response.writeHead(status, {
    "content-type": "application/json",
    "content-length": Buffer.byteLength(body),
    ...(status === 401 && { "www-authenticate": 'Basic realm="Artifact Registry"' }),
  });
  response.end(body);
}
