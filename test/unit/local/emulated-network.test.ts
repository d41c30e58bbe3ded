/** The proxy of the emulated cloud answers what it cannot pass on, whatever is asked. */
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { connect } from "node:net";
import { text } from "node:stream/consumers";
import { describe, it } from "mocha";
import { passOn, tunnel } from "../../../local/cloud/emulated-network.ts";
import { listenOnLoopback } from "../../support/loopback-server.ts";

describe("the emulated network", () => {
  const cases = {
    "a target that is no URL": ["GET http://[ HTTP/1.1", 400],
    "a tunnel to no host": ["CONNECT [:443 HTTP/1.1", 400],
    "an address without a load balancer": ["GET http://203.0.113.9/v2/ HTTP/1.1", 502],
  } as const;
  for (const [what, [line, status]] of Object.entries(cases)) {
    it(`${what} is answered with ${status}`, async () => {
      const server = createServer((request, response) => {
        if (!passOn(request, response, [])) response.writeHead(404).end();
      });
      server.on("connect", (request, socket) => tunnel(request, socket as never));
      const { port, close } = await listenOnLoopback(server);
      try {
        const socket = connect(port, "127.0.0.1");
        socket.write(`${line}\r\nHost: x\r\nConnection: close\r\n\r\n`);
        assert.match(await text(socket), new RegExp(`^HTTP/1.1 ${status} `));
      } finally {
        await close();
      }
    });
  }
});
