import type { IncomingMessage, ServerResponse } from "node:http";
import { connect, type Socket } from "node:net";
import type { Address } from "./address.ts";
import { endToEndHeaders, forward } from "./forward.ts";

/*
 * The network around the emulated cloud, as an HTTP proxy. The load balancers' addresses are reserved for documentation, so no machine has
 * them: a program that asks one finds it here.
 */

/** Passes on a request to a proxy, whose target is the whole URL (RFC 9112, section 3.2.2). @returns false for any other request. */
export function passOn(request: IncomingMessage, response: ServerResponse, addresses: readonly Address[]): boolean {
  const target = request.url ?? "";
  if (!target.startsWith("http://")) return false;
  if (!URL.canParse(target)) {
    response.writeHead(400, { "content-type": "text/plain" }).end("this is no URL\n");
    return true;
  }
  const { hostname, port, pathname, search } = new URL(target);
  const address = addresses.find((each) => each.address === hostname && each.addressPort === Number(port || 80));
  if (address === undefined) {
    response.writeHead(502, { "content-type": "text/plain" });
    response.end(`no load balancer of the emulated cloud listens at ${hostname}:${port || 80}\n`);
    return true;
  }
  request.url = pathname + search;
  forward(request, response, { port: address.port, headers: endToEndHeaders(request.rawHeaders) }).catch(() =>
    response.destroy(),
  );
  return true;
}

/** Answers CONNECT with a tunnel to the real network: nothing of the emulated cloud speaks TLS. */
export function tunnel({ url }: IncomingMessage, socket: Socket): void {
  if (!URL.canParse(`http://${url}`)) {
    socket.end("HTTP/1.1 400 Bad Request\r\n\r\n");
    return;
  }
  const { hostname, port } = new URL(`http://${url}`);
  const upstream = connect(Number(port || 443), hostname, () => {
    socket.write("HTTP/1.1 200 Connection established\r\n\r\n");
    upstream.pipe(socket).pipe(upstream);
  });
  upstream.on("error", () => socket.destroy());
  socket.on("error", () => upstream.destroy());
  socket.on("close", () => upstream.destroy());
}
