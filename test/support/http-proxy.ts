/** An HTTP proxy for tests: tunnels by CONNECT, forwards requests in absolute form, and counts both. It reaches one server, by any name. */
import { createServer, request } from "node:http";
import { connect, type Socket } from "node:net";
import { listenOnLoopback } from "./loopback-server.ts";

/** A proxy that runs. */
export interface TestProxy {
  /** `http://127.0.0.1:<port>` */
  readonly url: string;
  /** What it was asked for: `CONNECT host:port`, `GET http://host/path`, with the Proxy-Authorization if there was one. */
  readonly asked: string[];
  /** From now on it answers everything with this status; undefined: it works. */
  refuse(status: number | undefined): void;
  close(): Promise<void>;
}

/** Starts a proxy. @param port of the server on 127.0.0.1 that all names lead to. */
export async function startHttpProxy(port: number): Promise<TestProxy> {
  const asked: string[] = [];
  let refusal: number | undefined;
  const note = (method: string, target: string, authorization: string | undefined) =>
    asked.push(`${method} ${target}${authorization === undefined ? "" : ` as ${authorization}`}`);
  const server = createServer((incoming, outgoing) => {
    const { method = "GET", url = "/", headers } = incoming;
    note(method, url, headers["proxy-authorization"]);
    if (refusal !== undefined) {
      outgoing.writeHead(refusal).end("refused by the proxy");
      return;
    }
    const { pathname, search } = new URL(url);
    const to = { host: "127.0.0.1", port, method, path: pathname + search, headers };
    const upstream = request(to, (response) => {
      outgoing.writeHead(response.statusCode!, response.headers);
      response.pipe(outgoing);
    });
    upstream.on("error", () => outgoing.destroy());
    incoming.pipe(upstream);
  });
  server.on("connect", (incoming, socket: Socket) => {
    note("CONNECT", incoming.url!, incoming.headers["proxy-authorization"]);
    socket.on("error", () => {});
    if (refusal !== undefined) {
      socket.end(`HTTP/1.1 ${refusal} Refused\r\ncontent-length: 0\r\n\r\n`);
      return;
    }
    const upstream = connect(port, "127.0.0.1", () => {
      socket.write("HTTP/1.1 200 Connection established\r\n\r\n");
      upstream.pipe(socket);
      socket.pipe(upstream);
    });
    upstream.on("error", () => socket.destroy());
    socket.on("close", () => upstream.destroy());
  });
  const { url, close } = await listenOnLoopback(server);
  return {
    url,
    asked,
    refuse(status) {
      refusal = status;
    },
    close,
  };
}
