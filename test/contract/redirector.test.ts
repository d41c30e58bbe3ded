import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import { type AddressInfo, connect } from "node:net";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { createApp } from "../../redirector/app.ts";
import { buildRedirector } from "../../redirector/build.ts";
import { configFileVariable, configVariable, parseConfig } from "../../redirector/config.ts";
import { Existence, headObject } from "../../redirector/existence.ts";
import { RequestMetrics } from "../../redirector/metrics.ts";
import { type Case, caseConfig, caseRanges, cases, holds } from "../unit/redirector/cases.ts";
import { silentLog } from "../unit/redirector/silent-log.ts";
import { nodeServer } from "./redirector-node-http.ts";
import {
  exchange,
  type RunningRedirector,
  readAnswer,
  runRedirector,
  scratch,
  startRedirector,
  unpack,
  type WireAnswer,
} from "./redirector-process.ts";

describe("the redirector as it is deployed, and its core on Node's http", () => {
  const { bytes, ranges } = caseRanges();
  const stops: (() => Promise<unknown>)[] = [];
  let mirrors: Server;
  let onBun: RunningRedirector;
  let onNode: Server;
  let config: ReturnType<typeof caseConfig>;

  before(async () => {
    const { folder, remove } = await scratch();
    stops.unshift(remove);
    mirrors = await listening(
      createServer((request, response) => {
        response.writeHead(holds(request.url ?? "") ? 200 : 404).end();
      }),
    );
    stops.unshift(() => closed(mirrors));
    config = caseConfig((name) => `http://127.0.0.1:${portOf(mirrors)}/${name}`);
    const file = path.join(folder, "ranges");
    await writeFile(file, bytes);
    const { archive } = await buildRedirector();
    const executable = await unpack(await readFile(archive), folder);
    onBun = await startRedirector({ config, executable, ranges: file });
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

  test("answer every case of the table alike, and as the table says", async (t) => {
    for (const each of cases) {
      await t.test(`${each.method} ${each.target.slice(0, 100)} ${JSON.stringify(each.headers)}`, async () => {
        const bun = comparable(readAnswer(await exchange(onBun.port, wire(each))));
        const node = comparable(readAnswer(await exchange(portOf(onNode), wire(each))));
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

  test("HEAD tells the length that GET sends", async () => {
    const [get, head] = await Promise.all(
      ["GET", "HEAD"].map(async (method) =>
        readAnswer(await exchange(onBun.port, wire({ method, target: "/v2/_catalog", headers: [] }))),
      ),
    );
    assert.ok(get && head);
    assert.equal(Number(head.headers.get("content-length")), get.body.length);
    assert.equal(head.body, "");
  });

  test("many requests on one connection, also sent at once, are answered in order", async () => {
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

  test("what is not HTTP/1.1 is refused, and the connection ended", async () => {
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
      [`GET /${"a".repeat(20_000)}`, 431],
      ["\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400], // TLS
      ["x".repeat(40), 400],
    ];
    for (const [text, status] of refused) {
      const answer = readAnswer(await exchange(onBun.port, text));
      assert.equal(answer.status, status, JSON.stringify(text.slice(0, 80)));
      assert.equal(answer.headers.get("connection"), "close");
    }
  });

  test("a body is not taken for the next request", async () => {
    const smuggled = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
    for (const framing of [`Content-Length: ${smuggled.length}`, "Transfer-Encoding: chunked"]) {
      const all = await exchange(onBun.port, `GET /v2/ HTTP/1.1\r\nHost: x\r\n${framing}\r\n\r\n${smuggled}`);
      assert.equal(all.split("HTTP/1.1 ").length - 1, 1, all);
    }
  });

  test("who sends a long body gets the answer and not a reset", async () => {
    const length = 4 * 1024 * 1024;
    const text = `POST /v2/a/blobs/uploads/ HTTP/1.1\r\nHost: x\r\nContent-Length: ${length}\r\n\r\n${"x".repeat(length)}`;
    for (let round = 0; round < 5; round++) assert.equal(readAnswer(await exchange(onBun.port, text)).status, 405);
  });

  test("thousands of odd requests: it goes on, and its memory does not", {
    skip: process.platform !== "linux",
  }, async () => {
    const resident = async (): Promise<number> =>
      Number(/VmRSS:\s+(\d+)/.exec(await readFile(`/proc/${onBun.process.pid}/status`, "utf8"))?.[1]) / 1024;
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
    const ask = async (count: number): Promise<void> => {
      for (let i = 0; i < count; i += 20)
        await Promise.all(Array.from({ length: 20 }, () => exchange(onBun.port, odd())));
    };
    await ask(1000);
    const before = await resident();
    await ask(3000);
    const after = await resident();
    assert.ok(after - before < 16, `${before.toFixed(1)} MiB, then ${after.toFixed(1)} MiB`);
    assert.ok(!onBun.output().includes("fault"), onBun.output());
    assert.equal(
      readAnswer(await exchange(onBun.port, wire({ method: "GET", target: "/healthz", headers: [] }))).status,
      200,
    );
  });

  test("a request that comes byte by byte is answered", async () => {
    const socket = connect(onBun.port, "127.0.0.1");
    socket.setNoDelay(true);
    for (const byte of "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n") {
      socket.write(byte);
      await new Promise((resolve) => setImmediate(resolve));
    }
    let text = "";
    for await (const chunk of socket) text += String(chunk);
    assert.equal(readAnswer(text).status, 200);
  });
});

test("a wrong configuration: every error, and exit code 78", async () => {
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

test("a configuration from a file", async () => {
  const { folder, remove } = await scratch();
  const file = path.join(folder, "config.json");
  await writeFile(file, "[]");
  const { code, output } = await runRedirector({ [configFileVariable]: file });
  await remove();
  assert.equal(code, 78);
  assert.match(output, /expected object/);
});

test("a port that is taken: one line, and an exit code of its own", async () => {
  const taken = createServer().listen(0, "0.0.0.0");
  await once(taken, "listening");
  const config = JSON.stringify(caseConfig(() => "http://127.0.0.1:1"));
  const { code, output } = await runRedirector({ [configVariable]: config, PORT: String(portOf(taken)) });
  taken.close();
  assert.equal(code, 69);
  assert.match(output, /cannot listen on port \d+/);
});

function wire({ method, target, headers }: Pick<Case, "method" | "target" | "headers">, last = true): string {
  const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`).join("");
  return `${method} ${target} HTTP/1.1\r\nHost: artifacts.example.dev\r\n${lines}${last ? "Connection: close\r\n" : ""}\r\n`;
}

/** Without what only the carrier decides. */
function comparable({ status, headers, body }: WireAnswer): WireAnswer {
  return {
    status,
    body,
    headers: new Map([...headers].filter(([name]) => name !== "date" && name !== "connection").sort()),
  };
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
