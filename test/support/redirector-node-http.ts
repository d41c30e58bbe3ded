import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { IncomingRequest, OutgoingResponse } from "../../redirector/http1/request.ts";
import { asked } from "./redirector/asked.ts";

/** Carries the redirector's core over Node's own http: the proof that the core knows no runtime. */
export function nodeServer(handle: (request: IncomingRequest) => OutgoingResponse | Promise<OutgoingResponse>): Server {
  return createServer((incoming, outgoing) => {
    Promise.resolve(handle(requestOf(incoming)))
      .then((answer) => send(answer, outgoing))
      .catch((error: unknown) => outgoing.destroy(error instanceof Error ? error : new Error(String(error))));
  });
}

function requestOf(incoming: IncomingMessage): IncomingRequest {
  return asked(
    incoming.method ?? "",
    incoming.url ?? "",
    (name) => incoming.headersDistinct[name]?.join(", "),
    incoming.socket.remoteAddress,
  );
}

function send(
  { status, headers, location, link, body = "", length }: OutgoingResponse,
  outgoing: ServerResponse,
): void {
  const bytes = Buffer.from(body, "latin1");
  for (const [name, value] of headers) outgoing.setHeader(name, value);
  if (location !== undefined) outgoing.setHeader("Location", location);
  if (link !== undefined) outgoing.setHeader("Link", link);
  outgoing.setHeader("Content-Length", length ?? bytes.length);
  outgoing.writeHead(status);
  outgoing.end(bytes);
}
