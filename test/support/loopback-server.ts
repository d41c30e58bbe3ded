/** Servers of tests that are started by hand: on loopback, on a port that the system gives, ended with the test file at the latest. */
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo, Server, Socket } from "node:net";
import { afterFile } from "./cleanup.ts";

/** A server that runs. */
export interface LoopbackServer {
  readonly port: number;
  /** `127.0.0.1:<port>` */
  readonly host: string;
  /** `http://127.0.0.1:<port>` */
  readonly url: string;
  /** Ends it with all its connections. Ended before: nothing. */
  close(): Promise<void>;
}

/** Starts an HTTP server. */
export async function serveOnLoopback(listener: RequestListener): Promise<LoopbackServer> {
  return await listenOnLoopback(createServer(listener));
}

/** Starts a server of any kind. @param address another of this machine's, where the client must not see that it is loopback. */
export async function listenOnLoopback(server: Server, address = "127.0.0.1"): Promise<LoopbackServer> {
  const sockets = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  const close = async (): Promise<void> => {
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    for (const socket of sockets) socket.destroy();
    await closed;
  };
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject).listen(0, address, () => resolve());
  });
  afterFile(close);
  const { port } = server.address() as AddressInfo;
  return { port, host: `${address}:${port}`, url: `http://${address}:${port}`, close };
}
