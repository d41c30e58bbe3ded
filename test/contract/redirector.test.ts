import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import { createServer, METHODS, type Server } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import path from "node:path";
import fc from "fast-check";
import { after, before, describe, it } from "mocha";
import { createApp } from "../../redirector/app.ts";
import { buildRedirector } from "../../redirector/build.ts";
import { configFileVariable, configVariable, parseConfig } from "../../redirector/config.ts";
import { Connection } from "../../redirector/http1/connection.ts";
import { HeadReader } from "../../redirector/http1/head.ts";
import { Output } from "../../redirector/http1/output.ts";
import { Existence, headObject } from "../../redirector/mirrors/existence.ts";
import { malformedResponse } from "../../redirector/routing/response.ts";
import { RequestMetrics } from "../../redirector/telemetry/metrics.ts";
import { itUnless, note } from "../support/annotations.ts";
import { afterTest } from "../support/cleanup.ts";
import { type Case, caseConfig, caseRanges, cases, holds } from "../support/redirector/cases.ts";
import { silentLog } from "../support/redirector/silent-log.ts";
import { nodeServer } from "../support/redirector-node-http.ts";
import {
  exchange,
  type RunningRedirector,
  readResponse,
  runRedirector,
  scratch,
  startRedirector,
  unpack,
  type WireResponse,
} from "../support/redirector-process.ts";

const collectOnSignal = path.join(import.meta.dirname, "../support/redirector/collect-on-signal.ts");
const notLinux = process.platform === "linux" ? undefined : "reads /proc, which only Linux has";

describe("the deployed redirector, and its core on Node's http", () => {
  const { bytes, ranges } = caseRanges();
  const stops: (() => Promise<unknown>)[] = [];
  let mirrors: Server;
  let deployed: { executable: string; ranges: string };
  let onBun: RunningRedirector;
  let onNode: Server;
  let config: ReturnType<typeof caseConfig> & { existence: { timeoutSeconds: number } };
  let mirrorDelayMs = 0;

  before(async () => {
    const { folder, remove } = await scratch();
    stops.unshift(remove);
    mirrors = await listening(
      createServer((request, response) => {
        setTimeout(() => response.writeHead(holds(request.url ?? "") ? 200 : 404).end(), mirrorDelayMs);
      }),
    );
    stops.unshift(() => closed(mirrors));
    config = {
      ...caseConfig((name) => `http://127.0.0.1:${portOf(mirrors)}/${name}`),
      // On a busy machine a mirror that is asked may be late for one of the two alone.
      existence: { timeoutSeconds: 10 },
    };
    const file = path.join(folder, "ranges");
    await writeFile(file, bytes);
    const { archive } = await buildRedirector();
    const executable = await unpack(await readFile(archive), folder);
    deployed = { executable, ranges: file };
    onBun = await startRedirector({ ...deployed, config });
    stops.unshift(async () => assert.equal(await onBun.stop(), 0, onBun.output()));

    const parsed = parseConfig(JSON.stringify(config));
    assert.ok("config" in parsed);
    const existence = new Existence(parsed.config.existence, headObject);
    const app = createApp(parsed.config, {
      ranges,
      holds: (question) => existence.holds(question),
      metrics: new RequestMetrics(),
      log: silentLog,
      leaving: () => undefined,
    });
    onNode = await listening(nodeServer(app.handle));
    stops.unshift(() => closed(onNode));
  });

  after(async () => {
    for (const result of await Promise.allSettled(stops.map((stop) => stop()))) {
      if (result.status === "rejected") throw result.reason;
    }
  });

  describe("respond equally to every case of the table, as documented", () => {
    for (const each of cases) {
      it(`${each.method} ${each.target.slice(0, 100)} ${JSON.stringify(each.headers)}`, async () => {
        const bun = comparable(readResponse(await exchange(onBun.port, wire(each))));
        const node = comparable(readResponse(await exchange(portOf(onNode), wire(each))));
        assert.deepEqual(bun, node);
        const { expect } = each;
        if ("mirror" in expect) {
          const mirror = [...(config.imageMirrors ?? []), ...(config.fileMirrors ?? [])].find(
            ({ name }) => name === expect.mirror,
          );
          assert.equal(bun.headers.get("location"), `${mirror?.url}${expect.path}`);
          assert.equal(bun.status, 307);
          assert.equal(bun.body, "");
        } else {
          assert.equal(bun.status, expect.status);
          assert.equal(bun.headers.get("location"), expect.location);
          if (expect.code !== undefined) assert.match(bun.body, new RegExp(`^{"errors":\\[{"code":"${expect.code}",`));
          if (expect.text !== undefined && each.method !== "HEAD") assert.equal(bun.body, expect.text);
        }
        if (each.method === "HEAD") assert.equal(bun.body, "");
      });
    }
  });

  it("HEAD has the Content-Length of GET", async () => {
    const [get, head] = await Promise.all(
      ["GET", "HEAD"].map(async (method) =>
        readResponse(await exchange(onBun.port, wire({ method, target: "/v2/_catalog", headers: [] }))),
      ),
    );
    assert.ok(get && head);
    assert.equal(Number(head.headers.get("content-length")), get.body.length);
    assert.equal(head.body, "");
  });

  it("requests on one connection, pipelined too, get their responses in order", async () => {
    const targets = [
      "/v2/a/manifests/1",
      "/v2/a/blobs/sha256:da86e6ba6ca197bf6bc5e9d900febd906b133eaa4750e6bed647b0fbe50ed43e",
      "/nope",
      "/v2/b/manifests/2",
    ];
    const text = targets
      .map((target, index) => wire({ method: "GET", target, headers: [] }, index === targets.length - 1))
      .join("");
    const all = await exchange(onBun.port, text);
    assert.deepEqual(
      [...all.matchAll(/HTTP\/1\.1 (\d{3})/g)].map(([, status]) => status),
      ["307", "307", "404", "307"],
    );
    assert.ok(all.indexOf("/a/manifests/1") < all.indexOf("/containers/images/"));
    assert.ok(all.indexOf("/containers/images/") < all.indexOf("/b/manifests/2"));
  });

  it("what is not HTTP/1.1 is refused, and the connection is closed", async () => {
    const refused: [string, number][] = [
      ["GET / HTTP/2.0\r\nHost: x\r\n\r\n", 505],
      ["GET /\r\n\r\n", 400],
      ["GET  / HTTP/1.1\r\nHost: x\r\n\r\n", 400],
      ["GET /a b HTTP/1.1\r\nHost: x\r\n\r\n", 400],
      ["GET /\u00e9 HTTP/1.1\r\nHost: x\r\n\r\n", 400],
      ["GET / HTTP/1.1\r\n\r\n", 400],
      ["GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", 400],
      ["GET / HTTP/1.1\r\nHost: x\r\nName : y\r\n\r\n", 400],
      ["GET / HTTP/1.1\r\nHost: x\r\n folded\r\n\r\n", 400],
      ["GET / HTTP/1.1\r\nHost: x\r\nA: b\nC: d\r\n\r\n", 400],
      ["GET / HTTP/1.1\r\nHost: x\r\nA: \0\r\n\r\n", 400],
      ["POST / HTTP/1.1\r\nHost: x\r\nContent-Length: +1\r\n\r\n", 400],
      ["POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400],
      ["POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400],
      [`GET / HTTP/1.1\r\nHost: x\r\nA: ${"a".repeat(17_000)}\r\n\r\n`, 431],
      [`GET /${"a".repeat(20_000)}`, 414],
      ["GET / HTTP/1.1\nHost: x\n\n", 400],
      ["GET a HTTP/1.1\r\nHost: x\r\n\r\n", 400],
      ["\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400], // TLS
      ["x".repeat(40), 400],
      // RFC 9110 section 5.5 and RFC 9112 section 2.2: control characters in a value; a carriage return that stands alone.
      ["GET / HTTP/1.1\r\nHost: x\r\nA: \x01\r\n\r\n", 400],
      ["GET / HTTP/1.1\r\nHost: x\r\nA: \x7f\r\n\r\n", 400],
      ["GET / HTTP/1.1\r\nHost: x\r\nA: b\rc\r\n\r\n", 400],
      // RFC 9112 section 3.2: a Host that is no host.
      ["GET / HTTP/1.1\r\nHost: a b<>\r\n\r\n", 400],
      ["GET / HTTP/1.1\r\nHost: x:80a\r\n\r\n", 400],
      ["GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", 400],
      // RFC 9112 sections 6.1 and 6.3: a framing that two readers could read in two ways.
      ["POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400],
      ["POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: xchunked\r\n\r\n", 400],
      ["POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, identity\r\n\r\n", 400],
      ["POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501],
    ];
    for (const [text, status] of refused) {
      const answer = readResponse(await exchange(onBun.port, text));
      assert.equal(answer.status, status, JSON.stringify(text.slice(0, 80)));
      assert.equal(answer.headers.get("connection"), "close");
    }
  });

  it("a body is never parsed as the next request", async () => {
    const smuggled = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
    for (const framing of [`Content-Length: ${smuggled.length}`, "Transfer-Encoding: chunked"]) {
      const all = await exchange(onBun.port, `GET /v2/ HTTP/1.1\r\nHost: x\r\n${framing}\r\n\r\n${smuggled}`);
      assert.equal(all.split("HTTP/1.1 ").length - 1, 1, all);
    }
  });

  it("a client that closes its sending side gets its response, even after an existence check", async () => {
    mirrorDelayMs = 300;
    for (const target of ["/healthz", "/v2/half/manifests/closed"]) {
      const socket = connect({ port: onBun.port, host: "127.0.0.1", allowHalfOpen: true });
      socket.end(`GET ${target} HTTP/1.1\r\nHost: x\r\n\r\n`);
      let text = "";
      for await (const chunk of socket) text += String(chunk);
      assert.match(text, /^HTTP\/1.1 (200|307) /, target);
    }
    mirrorDelayMs = 0;
  });

  it("any valid requests, split and pipelined arbitrarily, get the responses of Node's http", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(validRequest, { minLength: 1, maxLength: 4 }), fc.nat(), async (requests, cut) => {
        const text = requests
          .map((each, index) => wire(each, index === requests.length - 1))
          .join(cut % 3 === 0 ? "\r\n" : "");
        const [bun, node] = await Promise.all(
          [onBun.port, portOf(onNode)].map(async (port) =>
            readResponses(await exchangeInTwo(port, text, cut), requests),
          ),
        );
        assert.equal(bun?.length, requests.length);
        assert.deepEqual(bun?.map(comparable), node?.map(comparable));
      }),
      { numRuns: 300 },
    );
  });

  it("any bytes: every request it parses, Node's http parses too", async () => {
    // Node's own parser is the second opinion: who is in front of us must not be made to see fewer requests than we do.
    const seen: string[][] = [[]];
    const reader = await listening(
      createServer((request, response) => {
        seen.at(-1)?.push(`${request.method} ${request.url}`);
        response.end();
      }).on("clientError", (_, socket) => socket.destroy()),
    );
    reader.keepAliveTimeout = 1;
    const methods = new Set(METHODS);
    let accepted = 0;
    try {
      await fc.assert(
        fc.asyncProperty(anyBytes, async (text) => {
          const ours: string[] = [];
          const connection = new Connection(
            {
              handle: ({ method, target }) => {
                ours.push(`${method} ${target}`);
                return { status: 200, headers: [] };
              },
              heads: new HeadReader(),
              output: new Output(),
              draining: () => false,
              date: () => "",
              onError: (error) => assert.fail(String(error)),
              refuse: malformedResponse,
            },
            { send: () => true, end: () => undefined },
            undefined,
          );
          connection.receive(Buffer.from(text, "latin1"));
          if (ours.length === 0) return;
          accepted++;
          seen.push([]);
          const socket = connect({ port: portOf(reader), host: "127.0.0.1", allowHalfOpen: true });
          socket.on("error", () => undefined); // it is cut off at the first fault
          socket.end(text, "latin1");
          socket.resume();
          await once(socket, "close");
          const theirs = seen.at(-1) ?? [];
          // A method that Node does not know ends its reading; ours goes on to say 405.
          const unknown = ours.findIndex((each) => !methods.has(each.slice(0, each.indexOf(" "))));
          const comparable = unknown === -1 ? ours : ours.slice(0, unknown);
          assert.deepEqual(theirs.slice(0, comparable.length), comparable, JSON.stringify(text));
        }),
        { numRuns: 3000, seed: Number(process.env["FUZZ_SEED"] ?? 20_261_129) },
      );
    } finally {
      await closed(reader);
    }
    assert.ok(accepted > 500, `${accepted} accepted`);
  });

  itUnless(notLinux, "who asks for much and never reads does not fill the memory", async () => {
    const request = "GET /binaries/x HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 35.180.1.1,1\r\n";
    const answer = await exchange(onBun.port, `${request}Connection: close\r\n\r\n`);
    const requests = `${request}\r\n`.repeat(700);
    const before = await resident(onBun);
    const sockets = Array.from({ length: 100 }, () => {
      const socket = connect(onBun.port, "127.0.0.1");
      socket.on("error", () => undefined).pause();
      for (let i = 0; i < 40; i++) socket.write(requests);
      return socket;
    });
    // It reads on as long as it has something to do.
    let [last, now] = [0, await ticks(onBun)];
    do {
      await new Promise((resolve) => setTimeout(resolve, 500));
      [last, now] = [now, await ticks(onBun)];
    } while (now - last >= 5);
    const during = await resident(onBun);
    for (const socket of sockets) socket.destroy();
    const all = (answer.length * sockets.length * 40 * 700) / 1024 ** 2;
    const sizes = `${before.toFixed(1)} MiB, then ${during.toFixed(1)} MiB; all answers: ${all.toFixed(1)} MiB`;
    assert.ok(during - before < all / 2, sizes);
  });

  it("a client that sends a long body gets the response, not a reset", async () => {
    const length = 4 * 1024 * 1024;
    const text = `POST /v2/a/blobs/uploads/ HTTP/1.1\r\nHost: x\r\nContent-Length: ${length}\r\n\r\n${"x".repeat(length)}`;
    for (let round = 0; round < 5; round++) assert.equal(readResponse(await exchange(onBun.port, text)).status, 405);
  });

  itUnless(notLinux, "thousands of odd requests: it goes on, and its memory does not", async function () {
    // Small caches, full after the first requests: what grows after that grows without end.
    const redirector = await startRedirector({
      ...deployed,
      config: { ...config, existence: { ...config.existence, entries: 1000 } },
      preload: collectOnSignal,
    });
    afterTest(() => redirector.process.kill("SIGKILL"));
    let made = 0;
    const odd = (): string => {
      made++;
      const noise = createHash("sha512").update(String(made)).digest().toString("latin1");
      const { target } = cases[made % cases.length]!;
      const at = made % (target.length + 1);
      const mixed = target.slice(0, at) + noise.slice(0, made % 4) + target.slice(at);
      const layer = `/v2/p${made}/blobs/sha256:${createHash("sha256").update(noise).digest("hex")}`;
      return `GET ${made % 3 === 0 ? layer : mixed} HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: ${made % 2 ? "35.180.1.1" : noise.slice(9, 20)},1\r\nConnection: close\r\n\r\n`;
    };
    // Collected each time, so that the collector's choice of when to do so decides nothing: on its own it lets 15 MiB gather.
    const heap: number[] = [];
    const own: number[] = [];
    while (heap.length < 15) {
      for (let i = 0; i < 1000; i += 20)
        await Promise.all(Array.from({ length: 20 }, () => exchange(redirector.port, odd())));
      const collected = new RegExp(`^collected ${heap.length + 1} (\\d+)$`, "m");
      redirector.process.kill("SIGUSR2");
      await redirector.logged(collected);
      const [, bytes] = collected.exec(redirector.output())!;
      heap.push(Number(bytes) / 1024 ** 2);
      own.push(await resident(redirector));
    }
    // The least of three thousand requests, as caches drop half of their entries at a time. Half of the targets are 0.5 MiB, less than what is allowed.
    const grown = (sizes: readonly number[]) => Math.min(...sizes.slice(12)) - Math.min(...sizes.slice(3, 6));
    const list = (sizes: readonly number[]) => sizes.map((size) => size.toFixed(1)).join(" ");
    const text = `MiB after each thousand requests: heap ${list(heap)}; resident, without files ${list(own)}`;
    const allowed = (bytes: number) => (9000 * bytes) / 1024 ** 2;
    assert.ok(grown(heap) < allowed(100), text);
    // What is not in the heap, e.g. buffers of sockets. Coarser, as freed memory returns to the system in pages.
    assert.ok(grown(own) < allowed(700), text);
    note(this, text);
    assert.ok(!redirector.output().includes("fault"), redirector.output());
    assert.equal(
      readResponse(await exchange(redirector.port, wire({ method: "GET", target: "/healthz", headers: [] }))).status,
      200,
    );
  });

  it("a request that arrives byte by byte gets a response", async () => {
    const socket = connect(onBun.port, "127.0.0.1");
    socket.setNoDelay(true);
    for (const byte of "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n") {
      socket.write(byte);
      await new Promise((resolve) => setImmediate(resolve));
    }
    let text = "";
    for await (const chunk of socket) text += String(chunk);
    assert.equal(readResponse(text).status, 200);
  });
});

it("SIGTERM: completes requests in progress, closes idle connections, accepts no new ones", async () => {
  // A mirror that is asked whether it has something, and answers when the test says so.
  const asked = Promise.withResolvers<void>();
  const mayAnswer = Promise.withResolvers<void>();
  const slow = await listening(
    createServer((incoming, response) => {
      if (incoming.url?.includes("/manifests/1") !== true) return void setTimeout(() => response.end(), 600);
      asked.resolve();
      void mayAnswer.promise.then(() => response.end());
    }),
  );
  afterTest(() => closed(slow));
  const redirector = await startRedirector({
    config: {
      ...caseConfig((name) => `http://127.0.0.1:${portOf(slow)}/${name}`),
      existence: { timeoutSeconds: 5 },
      limits: { drainSeconds: 3600 }, // no connection is closed by force
      log: { sample: 1 },
    },
  });
  afterTest(() => redirector.process.kill("SIGKILL"));
  const open = (): { socket: Socket; text: () => string; ended: Promise<boolean> } => {
    const socket = connect(redirector.port, "127.0.0.1");
    let text = "";
    socket.on("data", (chunk) => (text += chunk.toString("latin1")));
    const ended = new Promise<boolean>((resolve) => {
      socket.once("end", () => resolve(true)).once("error", () => resolve(false));
    });
    return { socket, text: () => text, ended };
  };
  const head = "HTTP/1.1\r\nHost: x\r\n\r\n";
  const [unused, used, busy] = [open(), open(), open()];
  used.socket.write(`GET /readyz ${head}`);
  while (!used.text().includes("ready\n")) await new Promise((resolve) => setTimeout(resolve, 5));
  // Half a request: an idle connection may be closed before it sends another one.
  used.socket.write("GET /readyz ");
  busy.socket.write(`GET /v2/a/manifests/1 ${head}`);
  await asked.promise;

  const code = redirector.stop();
  while (await accepts(redirector.port)) await new Promise((resolve) => setTimeout(resolve, 5));
  mayAnswer.resolve();
  used.socket.write(head);
  assert.deepEqual(await Promise.all([unused.ended, used.ended, busy.ended]), [true, true, true]);
  assert.match(busy.text(), /^HTTP\/1.1 307 .*\r\nConnection: close\r\n/s);
  assert.match(used.text(), /ready\nHTTP\/1.1 503 .*\r\nConnection: close\r\n.*not ready: shutting down\n$/s);
  assert.equal(unused.text(), "");
  assert.equal(await code, 0);
  assert.match(redirector.output(), /"status":307,.*"message":"ended"/s, "the log is whole");
});

/** Whether somebody accepts connections there. */
async function accepts(port: number): Promise<boolean> {
  const socket = connect(port, "127.0.0.1");
  try {
    await once(socket, "connect");
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ECONNREFUSED") return false;
    if (code === "ECONNRESET") return true; // it waited to be accepted when the server closed: the next one tells
    throw error;
  } finally {
    socket.destroy();
  }
}

/** A server of its own on Bun, with these settings besides (JavaScript), that answers everything with `hello`. */
async function startServer(settings: string): Promise<{ readonly port: number; readonly kill: () => void }> {
  const script = `
    const { serve } = await import(${JSON.stringify(path.join(import.meta.dirname, "../../redirector/http1/bun-server.ts"))});
    const handle = () => ({ status: 200, headers: [], body: "hello" });
    const nothing = () => undefined;
    const server = serve({ hostname: "127.0.0.1", port: 0, handle, onError: nothing, refuse: nothing, ${settings} });
    console.log(server.port);`;
  const child = spawn(path.join(import.meta.dirname, "../../node_modules/.bin/bun"), ["-e", script]);
  const port = Number(String((await once(child.stdout, "data"))[0]));
  return { port, kill: () => child.kill("SIGKILL") };
}

it("serves a client that pipelines without pause; closes one that sends its head too slowly", async () => {
  const headSeconds = 4;
  const server = await startServer(`headSeconds: ${headSeconds}`);
  try {
    const request = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
    const pipelining = connect(server.port, "127.0.0.1");
    const trickling = connect(server.port, "127.0.0.1");
    let responses = 0;
    let isCut = false;
    pipelining.on("data", (chunk: Buffer) => (responses += chunk.toString("latin1").split("hello").length - 1));
    pipelining.on("error", () => undefined).on("close", () => (isCut = true));
    trickling.on("error", () => undefined);
    const trickleCut = new Promise((resolve) => trickling.once("close", resolve));
    trickling.write("GET / HTTP/1.1\r\nHost: x\r\nA: ");
    // Each write ends in the middle of a request, so that there is always part of one.
    pipelining.write(request.slice(0, 10));
    let sent = 0;
    const started = performance.now();
    // Until well after the limit for one head, whatever the server's clock, which ticks once a second, says.
    while (performance.now() - started < (headSeconds + 3) * 1000) {
      pipelining.write(request.slice(10) + request.slice(0, 10));
      if (!trickling.destroyed) trickling.write("a");
      sent++;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    assert.equal(isCut, false);
    await trickleCut;
    pipelining.end(request.slice(10));
    await once(pipelining, "close");
    assert.equal(responses, sent + 1);
  } finally {
    server.kill();
  }
});

it("at the connection limit, a new connection replaces an idle one", async () => {
  const server = await startServer("mostConnections: 3");
  try {
    const { port } = server;
    const idle = Array.from({ length: 3 }, () => connect(port, "127.0.0.1"));
    await Promise.all(idle.map((socket) => once(socket, "connect")));
    let gone = 0;
    for (const socket of idle) socket.on("error", () => undefined).on("close", () => gone++);
    // It looks at its clock once a second: until then nobody has been idle, and who is new is refused.
    let answer = "";
    for (let tries = 0; answer === "" && tries < 300; tries++) {
      await new Promise((resolve) => setTimeout(resolve, 100));
      answer = await exchange(port, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").catch(() => "");
    }
    assert.equal(readResponse(answer).body, "hello");
    assert.equal(gone, 1);
    for (const socket of idle) socket.destroy();
  } finally {
    server.kill();
  }
});

it("an invalid configuration: all errors, and exit code 78", async () => {
  const wrong = {
    host: "",
    region: { name: "x", latitude: 100, longitude: 0 },
    imageMirrors: [{ name: "a", url: "ftp://x" }],
    unknown: 1,
  };
  const first = await runRedirector({ [configVariable]: JSON.stringify(wrong) });
  assert.equal(first.code, 78);
  for (const part of ["host:", "region.latitude:", "imageMirrors[0].url:", "imageMirrors[0].cloud:", '"unknown"']) {
    assert.ok(first.output.includes(part), `${part} in:\n${first.output}`);
  }
  for (const [env, word] of [
    [{}, configVariable],
    [{ [configVariable]: "{" }, "not JSON"],
    [{ [configFileVariable]: "/nowhere/config.json" }, "/nowhere/config.json"],
    [{ [configVariable]: JSON.stringify(caseConfig(() => "http://127.0.0.1:1")), PORT: "70000" }, "70000"],
  ] as [Record<string, string>, string][]) {
    const { code, output } = await runRedirector(env);
    assert.equal(code, 78, output);
    assert.ok(output.includes(word), output);
  }
});

it("a configuration from a file", async () => {
  const { folder, remove } = await scratch();
  const file = path.join(folder, "config.json");
  await writeFile(file, "[]");
  const { code, output } = await runRedirector({ [configFileVariable]: file });
  await remove();
  assert.equal(code, 78);
  assert.match(output, /expected object/);
});

it("a port in use: one line, and exit code 69", async () => {
  const taken = createServer().listen(0, "0.0.0.0");
  await once(taken, "listening");
  const config = JSON.stringify(caseConfig(() => "http://127.0.0.1:1"));
  const { code, output } = await runRedirector({ [configVariable]: config, PORT: String(portOf(taken)) });
  taken.close();
  assert.equal(code, 69);
  assert.match(output, /cannot listen on port \d+/);
});

function wire(
  { method, target, headers, host = "Host" }: Pick<Case, "method" | "target" | "headers"> & { host?: string },
  last = true,
): string {
  const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`).join("");
  return `${method} ${target} HTTP/1.1\r\n${host}: artifacts.example.dev\r\n${lines}${last ? "Connection: close\r\n" : ""}\r\n`;
}

const carriers = new Set(["date", "connection", "keep-alive"]);

/** Without what only the carrier decides. */
function comparable({ status, headers, body }: WireResponse): WireResponse {
  return {
    status,
    body,
    headers: new Map([...headers].filter(([name]) => !carriers.has(name)).sort()),
  };
}

/** Processor time of the redirector so far, in hundredths of a second. */
async function ticks({ process: { pid } }: RunningRedirector): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8");
  const [user, system] = stat
    .slice(stat.lastIndexOf(")") + 2)
    .split(" ")
    .slice(11, 13);
  return Number(user) + Number(system);
}

/** Resident memory of a redirector in MiB, without pages of files: the kernel reads and drops those of the executable. */
async function resident({ process: { pid } }: RunningRedirector): Promise<number> {
  return Number(/RssAnon:\s+(\d+)/.exec(await readFile(`/proc/${pid}/status`, "utf8"))?.[1]) / 1024;
}

/** A request as RFC 9112 allows it: any of the cases, with what clients and proxies add, in every way to write it. */
const validRequest = fc
  .record({
    method: fc.constantFrom("GET", "GET", "HEAD", "DELETE", "OPTIONS"),
    target: fc.constantFrom(...cases.map(({ target }) => target).filter((target) => target.length < 1000)),
    host: fc.constantFrom("Host", "host", "HOST"),
    headers: fc.array(
      fc.tuple(
        fc.constantFrom("Accept", "user-agent", "X-Forwarded-For", "X-Client-Latlong", "Via", "Content-Length", "X-~!"),
        fc.constantFrom("", " ", "\t "),
        fc.constantFrom("", "*/*", "35.180.1.1,10.0.0.1", "35.220.26.1", "-33.9,18.4", "\u00e9\u00ff", "a\t b"),
      ),
      { maxLength: 5 },
    ),
  })
  .map(({ method, target, host, headers }) => ({
    method,
    target,
    host,
    // What is no length, or a length twice, is none that Node reads.
    headers: headers
      .filter(([name], index) => name !== "Content-Length" || headers.findIndex(([each]) => each === name) === index)
      .map(([name, blank, value]) => [name, blank + (name === "Content-Length" ? "0" : value) + blank] as const),
  }));

/** Requests, and what makes one of two, or none: framing twice, lines cut and folded, names with blanks. */
const anyBytes = fc
  .array(
    fc.oneof(
      { weight: 6, arbitrary: fc.constantFrom("GET /a HTTP/1.1\r\nHost: x\r\n\r\n", "GET /b HTTP/1.0\r\n\r\n") },
      { weight: 3, arbitrary: fc.constantFrom("GET /c HTTP/1.1\r\nHost: x\r\n", "POST /d HTTP/1.1\r\nHost: x\r\n") },
      {
        weight: 4,
        arbitrary: fc.constantFrom(
          "Content-Length: 0\r\n",
          "Content-Length: 5\r\n",
          "Content-Length: 05, 5\r\n",
          "content-length:\t3 \r\n",
          "Content-Length : 4\r\n",
          "Transfer-Encoding: chunked\r\n",
          "Transfer-Encoding: xchunked\r\n",
          "Transfer-Encoding:\tidentity\r\n",
          "Transfer-Encoding : chunked\r\n",
          "Connection: close\r\n",
          "Connection: keep-alive\r\n",
          "Expect: 100-continue\r\n",
          "X: y\r\n z\r\n",
          "X:\r\n",
          "Upgrade: h2c\r\n",
        ),
      },
      {
        weight: 3,
        arbitrary: fc.constantFrom("\r\n", "\r\n\r\n", "\n", "\r", "0\r\n\r\n", "5\r\nhello\r\n", "hello", " ", "\0"),
      },
    ),
    { minLength: 1, maxLength: 8 },
  )
  .chain((parts) => {
    const text = parts.join("");
    return fc.oneof(
      fc.constant(text),
      fc
        .tuple(fc.nat(text.length), fc.constantFrom(" ", "\t", "\r", "\n", ":", "\0", ",", "0", "\u00ff"))
        .map(([at, inserted]) => text.slice(0, at) + inserted + text.slice(at)),
      fc.nat(text.length).map((at) => text.slice(0, at) + text.slice(at + 1)),
    );
  });

/** Sends the bytes in two writes. */
async function exchangeInTwo(port: number, text: string, cut: number): Promise<string> {
  const socket = connect(port, "127.0.0.1").setNoDelay(true);
  const at = cut % (text.length + 1);
  socket.write(text.slice(0, at), "latin1");
  setImmediate(() => socket.write(text.slice(at), "latin1"));
  let all = "";
  for await (const chunk of socket) all += (chunk as Buffer).toString("latin1");
  return all;
}

/** Reads the answers to requests that were sent on one connection. */
function readResponses(text: string, requests: readonly { method: string }[]): WireResponse[] {
  let rest = text;
  return requests.map(({ method }) => {
    const { headers, status, body } = readResponse(rest);
    const length = method === "HEAD" ? 0 : Number(headers.get("content-length"));
    rest = body.slice(length);
    return { headers, status, body: body.slice(0, length) };
  });
}

async function listening(server: Server): Promise<Server> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return server;
}

async function closed(server: Server): Promise<void> {
  server.close();
  server.closeAllConnections();
  await once(server, "close");
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port;
}
