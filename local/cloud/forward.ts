import {
  Agent,
  type ClientRequest,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  type ServerResponse,
  request as send,
} from "node:http";
import { pipeline } from "node:stream/promises";

/** Keeps connections to the servers behind the fronts open, because most requests are small. */
const agent = new Agent({ keepAlive: true, maxSockets: 256 });

/** Hop-by-hop headers (RFC 9110 section 7.6.1), and `Expect`, which the front answers itself. */
const hopByHop = new Set([
  "connection",
  "keep-alive",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "expect",
]);

/** The end-to-end headers of a message as pairs, in order and with repetitions. */
export function endToEndHeaders(raw: readonly string[]): [string, string][] {
  const pairs: [string, string][] = [];
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const [name, value] = [raw[i]!, raw[i + 1]!];
    if (!hopByHop.has(name.toLowerCase())) pairs.push([name, value]);
  }
  return pairs;
}

/** The server did not answer. The response is untouched, so the caller can try another server. */
export class Unreachable extends Error {}

/**
 * Forwards a request to a loopback port and streams the response back.
 * @throws {Unreachable} if the server did not answer and no byte of the request's body was consumed.
 */
export async function forward(
  request: IncomingMessage,
  response: ServerResponse,
  to: { readonly port: number; readonly headers: readonly (readonly [string, string])[]; readonly path?: string },
): Promise<void> {
  const headers: OutgoingHttpHeaders = {};
  for (const [name, value] of to.headers) {
    const lower = name.toLowerCase();
    const before = headers[lower];
    headers[lower] = before === undefined ? value : [...(Array.isArray(before) ? before : [String(before)]), value];
  }
  if (request.headers["transfer-encoding"] !== undefined) headers["transfer-encoding"] = "chunked";
  const hasBody = request.headers["content-length"] !== undefined || request.headers["transfer-encoding"] !== undefined;
  const { method } = request;
  const path = to.path ?? request.url;
  let outgoing: ClientRequest | undefined;
  const attempt = (): Promise<IncomingMessage> =>
    new Promise((resolve, reject) => {
      // A body cannot be sent twice, so it needs a new connection: a kept one may already be closed.
      const sent = send({ host: "127.0.0.1", port: to.port, method, path, headers, agent: hasBody ? false : agent });
      outgoing = sent;
      sent.once("response", resolve);
      sent.once("error", (error: NodeJS.ErrnoException) => {
        if (sent.reusedSocket && error.code === "ECONNRESET" && !hasBody) attempt().then(resolve, reject);
        else reject(hasBody ? error : new Unreachable(error.message, { cause: error }));
      });
      if (hasBody) request.pipe(sent);
      else sent.end();
    });
  response.once("close", () => {
    if (!response.writableEnded) outgoing?.destroy(); // the client closed the connection
  });
  const answer = await attempt();
  response.writeHead(answer.statusCode ?? 502, answer.statusMessage, endToEndHeaders(answer.rawHeaders).flat());
  await pipeline(answer, response);
}
