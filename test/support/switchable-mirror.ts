import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { afterFile } from "./cleanup.ts";
import { freePort } from "./ports.ts";

/** A mirror that answers everything with 200, and can be killed, slowed and brought back on the same port. */
export interface SwitchableMirror {
  readonly origin: string;
  /** Time to each answer. */
  delayMs: number;
  /** Status of what it holds; its root goes on to answer 200. */
  status: number;
  /** Requests seen. */
  requests: number;
  kill(): Promise<void>;
  revive(): Promise<void>;
}

/** Starts one. */
export async function startMirror(): Promise<SwitchableMirror> {
  const port = await freePort();
  let server: Server | undefined;
  const mirror: SwitchableMirror = {
    origin: `http://127.0.0.1:${port}`,
    delayMs: 0,
    status: 200,
    requests: 0,
    async kill() {
      const dying = server;
      server = undefined;
      if (!dying) return;
      dying.close();
      dying.closeAllConnections();
      await once(dying, "close");
    },
    async revive() {
      if (server) return;
      server = createServer(({ url }, response) => {
        mirror.requests++;
        response.statusCode = url === "/v2/" || url === "/bucket/" ? 200 : mirror.status;
        setTimeout(() => response.end(), mirror.delayMs);
      }).listen(port, "127.0.0.1");
      await once(server, "listening");
    },
  };
  await mirror.revive();
  afterFile(() => mirror.kill());
  return mirror;
}
