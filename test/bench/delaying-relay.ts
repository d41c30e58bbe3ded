/** A relay that makes a loopback server as far away as a region is: every byte comes so much later, in both directions, but none is lost. */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { createInterface } from "node:readline";

/** A relay that runs. */
export interface Relay {
  readonly host: string;
  close(): void;
}

/** Starts a relay to `host:port`; a round trip takes so many ms more. */
export async function startDelayingRelay(target: string, roundTrip: number): Promise<Relay> {
  const [host, port] = target.split(":") as [string, string];
  const sockets = new Set<Socket>();
  const server = createServer({ noDelay: true }, (near) => {
    const far = connect({ host, port: Number(port), noDelay: true });
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from);
      const later = (act: () => void) => setTimeout(act, roundTrip / 2);
      from.on("data", (chunk) => later(() => to.destroyed || to.write(chunk)));
      from.on("end", () => later(() => to.end()));
      from.on("error", () => to.destroy());
      from.on("close", () => sockets.delete(from));
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    close() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

/** A relay in a process of its own, which keeps it out of what is measured; without a round trip the server itself. */
export async function startRelayProcess(target: string, roundTrip: number): Promise<Relay> {
  if (roundTrip === 0) return { host: target, close: () => {} };
  const child = spawn(process.execPath, [import.meta.filename, target, String(roundTrip)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [line] = (await once(createInterface(child.stdout), "line")) as [string];
  return { host: line, close: () => child.kill() };
}

/** As a process: `node delaying-relay.ts TARGET MS`; says its host on a line of its own. */
if (import.meta.main) {
  const [target = "", roundTrip = "50"] = process.argv.slice(2);
  console.log((await startDelayingRelay(target, Number(roundTrip))).host);
}
