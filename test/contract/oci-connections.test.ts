/** HTTP/1.1 as servers may speak it and as they should not: what a connection makes of bytes that a test has written itself. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer, getCACertificates, setDefaultCACertificates } from "node:tls";
import { after, describe, it } from "mocha";
import type { Request, Taking } from "../../components/promotion/oci/connection.ts";
import { Connections } from "../../components/promotion/oci/connections.ts";
import { selfSigned } from "../support/self-signed.ts";

const servers: Server[] = [];
const opened: Connections[] = [];

describe("HTTP/1.1 connections of the OCI client", () => {
  after(() => {
    for (const connections of opened) connections.destroy();
    for (const server of servers) server.close();
  });

  const hello = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";
  const chunkedHello = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\nx: y\r\n\r\n";

  describe("one connection for one request after the other", () => {
    for (const [kind, answer, method, body] of [
      ["a length", hello, "GET", "hello"],
      ["chunks", chunkedHello, "GET", "hello"],
      ["no body", "HTTP/1.1 204 No Content\r\n\r\n", "PUT", ""],
      ["an empty body", "HTTP/1.1 201 Created\r\ncontent-length: 0\r\n\r\n", "PUT", ""],
      ["HEAD with a length", "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n", "HEAD", ""],
      [
        "first 100, 103",
        `HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n${hello}`,
        "GET",
        "hello",
      ],
    ] as const) {
      it(kind, async () => {
        const { origin, count } = await serve(always(answer));
        const client = connections();
        for (let round = 0; round < 3; round++) {
          const got = await client.exchange(request(origin, { method }), taking());
          assert.equal(got.body.toString(), body);
        }
        assert.equal(count(), 1);
      });
    }
  });

  it("answers cut at every byte, with a body of known length, in chunks, and to the connection's end", async () => {
    for (const [answer, ends] of [
      [hello, false],
      [chunkedHello, false],
      [`HTTP/1.1 100 Continue\r\n\r\n${hello}`, false],
      ["HTTP/1.1 200 OK\r\n\r\nhello", true],
    ] as const) {
      const bytewise: Script = async (peer) => {
        peer.socket.setNoDelay(true);
        await peer.request();
        for (const byte of answer) {
          peer.write(byte);
          await new Promise((resolve) => setImmediate(resolve));
        }
        if (ends) peer.socket.end();
      };
      const { origin } = await serve(bytewise);
      assert.equal((await connections().exchange(request(origin), taking())).body.toString(), "hello");
    }
  });

  it("a body goes into the memory that is given for it, and not beyond what it says; that of a refusal does not", async () => {
    const big = "x".repeat(700_000);
    const answers = [`HTTP/1.1 200 OK\r\ncontent-length: ${big.length}\r\n\r\n${big}`, chunkedHello];
    for (const answer of [...answers, hello.replace("200 OK", "404 Not Found")]) {
      const { origin } = await serve(always(answer));
      const into = Buffer.alloc(big.length + 10, ".");
      const { status, body } = await connections().exchange(request(origin), taking({ into }));
      assert.equal(body.toString(), answer === answers[0] ? big : "hello");
      if (answer === answers[0]) assert.equal(body.buffer, into.buffer);
      if (status === 404) assert.ok(into.every((byte) => byte === 0x2e));
      assert.equal(into.subarray(big.length).toString(), "..........");
    }
  });

  it("what is sent: method, path, host, headers, length, body", async () => {
    const seen: string[] = [];
    const { origin } = await serve(async (peer) => {
      for (const body of [5, 0, 0, 0]) {
        seen.push(await peer.request(body));
        peer.write("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
      }
    });
    const client = connections();
    const host = origin.slice("http://".length);
    await client.exchange(
      request(origin, { method: "PUT", path: "/a?b=c%20d", headers: { "x-a": "b" }, body: Buffer.from("hello") }),
      taking(),
    );
    for (const method of ["POST", "GET", "DELETE"] as const)
      await client.exchange(request(origin, { method }), taking());
    assert.deepEqual(seen, [
      `PUT /a?b=c%20d HTTP/1.1\r\nhost: ${host}\r\nx-a: b\r\ncontent-length: 5\r\n\r\nhello`,
      `POST /x HTTP/1.1\r\nhost: ${host}\r\ncontent-length: 0\r\n\r\n`,
      `GET /x HTTP/1.1\r\nhost: ${host}\r\n\r\n`,
      `DELETE /x HTTP/1.1\r\nhost: ${host}\r\n\r\n`,
    ]);
  });

  it("nothing that would break a request's head is sent", async () => {
    const { origin, count } = await serve(always(hello));
    const client = connections();
    for (const bad of [
      { path: "/x y" },
      { path: "/x\r\nevil: 1" },
      { path: "x" },
      { headers: { authorization: "Bearer a\r\nevil: 1" } },
      { headers: { authorization: "Bearer \u0000" } },
    ]) {
      await assert.rejects(client.exchange(request(origin, bad), taking()), TypeError);
    }
    const { body } = await client.exchange(request(origin), taking());
    assert.equal(body.toString(), "hello");
    assert.ok(count() <= 6);
  });

  describe("a connection is not used again", () => {
    for (const [why, answer, body] of [
      ["when the server says so", hello.replace("\r\n\r\n", "\r\nconnection: close\r\n\r\n"), "hello"],
      ["after an answer of HTTP/1.0", hello.replace("1.1", "1.0"), "hello"],
      ["when more has come than the answer", `${hello}HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil`, "hello"],
      [
        "when more has come than the chunks",
        `${chunkedHello}HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil`,
        "hello",
      ],
      ["when a HEAD is answered with a body", hello, ""],
    ] as const) {
      it(why, async () => {
        const { origin, count } = await serve(always(answer));
        const client = connections();
        for (let round = 1; round <= 3; round++) {
          const method = body === "" ? "HEAD" : "GET";
          const got = await client.exchange(request(origin, { method }), taking());
          assert.equal(got.body.toString(), body);
          assert.equal(count(), round);
        }
      });
    }

    it("when the answer came before all of the request had gone", async () => {
      const refusal = "HTTP/1.1 413 Too Large\r\ncontent-length: 3\r\n\r\nbig";
      const { origin, count } = await serve((peer) => {
        peer.socket.pause(); // takes nothing of a body that fills every buffer in between
        peer.write(refusal);
      }, always(hello));
      const client = connections();
      const body = Buffer.alloc(64 * 1024 * 1024);
      const got = await client.exchange(request(origin, { method: "PUT", body }), taking());
      assert.deepEqual([got.status, got.body.toString()], [413, "big"]);
      assert.equal((await client.exchange(request(origin), taking())).status, 200);
      assert.equal(count(), 2);
    });
  });

  describe("a connection that the server has ended meanwhile", () => {
    it("is replaced, once, and the request is answered over a new one", async () => {
      const once: Script = async (peer) => {
        await peer.request();
        peer.write(hello);
        await peer.request();
        peer.socket.destroy(); // the request has come when it is too late
      };
      const { origin, count } = await serve(once, once, always(hello));
      const client = connections();
      // Two connections that will be of no use at the second request.
      await Promise.all([client.exchange(request(origin), taking()), client.exchange(request(origin), taking())]);
      assert.equal((await client.exchange(request(origin), taking())).body.toString(), "hello");
      assert.equal(count(), 3);
    });

    it("a fresh one that ends without an answer is a failure", async () => {
      const { origin, count } = await serve(async (peer) => {
        await peer.request();
        peer.socket.end();
      });
      await assert.rejects(connections().exchange(request(origin), taking()), { code: "HTTP_ENDED" });
      assert.equal(count(), 1);
    });

    it("one that ends in the middle of an answer is a failure too, and is not asked again", async () => {
      const { origin, count } = await serve(async (peer) => {
        await peer.request();
        peer.write(hello);
        await peer.request();
        peer.write(hello.slice(0, -1));
        peer.socket.end();
      });
      const client = connections();
      await client.exchange(request(origin), taking());
      await assert.rejects(client.exchange(request(origin), taking()), { code: "HTTP_ENDED" });
      assert.equal(count(), 1);
    });
  });

  describe("what is no answer ends the request", () => {
    for (const [why, answer, error] of [
      ["another protocol", "SSH-2.0-x\r\n\r\n", { code: "HTTP_PROTOCOL" }],
      ["a head without end", `HTTP/1.1 200 OK\r\n${"x: y\r\n".repeat(8_000)}`, { code: "HTTP_PROTOCOL" }],
      ["a head without end in one line", "x".repeat(200_000), { code: "HTTP_PROTOCOL" }],
      ["a change of the protocol", "HTTP/1.1 101 Switching Protocols\r\n\r\n", { code: "HTTP_PROTOCOL" }],
      [
        "a length and chunks",
        hello.replace("\r\n\r\n", "\r\ntransfer-encoding: chunked\r\n\r\n"),
        { code: "HTTP_PROTOCOL" },
      ],
      ["bad chunks", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nx\r\n", { code: "HTTP_PROTOCOL" }],
      [
        "a body that says it is too large",
        "HTTP/1.1 200 OK\r\ncontent-length: 11\r\n\r\n",
        { name: "WrongContentError" },
      ],
      [
        "chunks that are too large",
        chunkedHello.replace("2\r\nhe", `a\r\n${"x".repeat(10)}`),
        { name: "WrongContentError" },
      ],
      ["a body without end", `HTTP/1.1 200 OK\r\n\r\n${"x".repeat(11)}`, { name: "WrongContentError" }],
    ] as const) {
      it(why, async () => {
        const { origin } = await serve(always(answer));
        await assert.rejects(connections().exchange(request(origin), taking({ limit: 10 })), error);
      });
    }
  });

  it("of a refusal that says too much the status counts, and its connection is not used again", async () => {
    const page = "x".repeat(100_000);
    const head = "HTTP/1.1 503 Service Unavailable\r\nretry-after: 7\r\n";
    for (const answer of [
      `${head}content-length: ${page.length}\r\n\r\n${page}`,
      `${head}transfer-encoding: chunked\r\n\r\n${`400\r\n${page.slice(0, 1024)}\r\n`.repeat(100)}0\r\n\r\n`,
      `${head}\r\n${page}`,
    ]) {
      const { origin, count } = await serve(always(answer), always(hello));
      const client = connections();
      const { status, headers, body } = await client.exchange(request(origin), taking({ limit: 10 }));
      assert.deepEqual([status, headers["retry-after"]], [503, "7"]);
      assert.ok(page.startsWith(body.toString()));
      assert.equal((await client.exchange(request(origin), taking())).body.toString(), "hello");
      assert.equal(count(), 2);
    }
  });

  describe("what stands still is given up", () => {
    for (const [what, sent] of [
      ["before the answer", ""],
      ["in its head", "HTTP/1.1 200 OK\r\nx: "],
      ["in its body", hello.slice(0, -1)],
    ] as const) {
      it(what, async () => {
        const { origin } = await serve(async (peer) => {
          await peer.request();
          peer.write(sent);
        });
        const client = connections({ stallTimeout: 50 });
        await assert.rejects(client.exchange(request(origin, { patience: 50 }), taking()), { code: "HTTP_TIMEOUT" });
      });
    }

    it("in a request's body that is not taken", async () => {
      const { origin } = await serve((peer) => void peer.socket.pause());
      const client = connections({ stallTimeout: 50 });
      const body = Buffer.alloc(64 * 1024 * 1024);
      const sent = client.exchange(request(origin, { method: "PUT", body, patience: 1_000_000 }), taking());
      await assert.rejects(sent, { code: "HTTP_TIMEOUT" });
    });

    it("but not a body that goes slowly over TLS", async () => {
      const tls = selfSigned("0.0.0.0");
      setDefaultCACertificates([...getCACertificates("default"), tls.cert]); // of this process, which has this file's tests only
      const body = Buffer.alloc(64 * 1024 * 1024); // fills every buffer in between
      const server = createTlsServer(tls, (socket) => {
        socket.on("error", () => {});
        let left = body.length;
        let share = 0;
        socket.on("data", (bytes: Buffer) => {
          left -= bytes.length;
          share += bytes.length;
          if (left <= 0) socket.write("HTTP/1.1 201 Created\r\ncontent-length: 0\r\n\r\n");
          else if (share >= 1024 * 1024) {
            share = 0;
            socket.pause();
            setTimeout(() => socket.resume(), 100); // so that all of it takes three times as long as it may stand still
          }
        });
      });
      servers.push(server);
      server.listen(0, "0.0.0.0");
      await once(server, "listening");
      const origin = `https://0.0.0.0:${(server.address() as AddressInfo).port}`;
      const client = connections({ stallTimeout: 2_000 });
      const put = request(origin, { method: "PUT", body });
      assert.equal((await client.exchange(put, taking())).status, 201);
    });

    it("but a registry that verifies what it was sent may think for longer", async () => {
      const { origin, count } = await serve(async (peer) => {
        await peer.request();
        peer.write(hello);
        await peer.request(5);
        await new Promise((resolve) => setTimeout(resolve, 300));
        peer.write(hello);
      });
      const client = connections({ stallTimeout: 50 });
      const patience = 1_000_000;
      // Over a connection that stands: to make one may take this machine longer than 50 ms.
      await client.exchange(request(origin, { patience }), taking());
      const put = request(origin, { method: "PUT", body: Buffer.from("bytes"), patience });
      assert.equal((await client.exchange(put, taking())).status, 200);
      assert.equal(count(), 1);
    });
  });

  describe("an abort", () => {
    it("ends what is under way, wherever it is, and nothing else, with the signal's reason", async () => {
      const { origin } = await serve((peer) => void peer.request().then(() => peer.write(hello.slice(0, 30))));
      const silent = await serve(() => {});
      const client = connections();
      const stop = new AbortController();
      const reason = new Error("enough");
      const under = [origin, silent.origin].map((at) => client.exchange(request(at), taking({ signal: stop.signal })));
      const other = client.exchange(request(silent.origin), taking());
      const ended = Promise.allSettled([...under, Promise.race([other, Promise.resolve("goes on")])]);
      stop.abort(reason);
      const [one, two, three] = await ended;
      assert.deepEqual(
        [one, two],
        [
          { status: "rejected", reason },
          { status: "rejected", reason },
        ],
      );
      assert.deepEqual(three, { status: "fulfilled", value: "goes on" });
      await assert.rejects(client.exchange(request(origin), taking({ signal: stop.signal })), reason);
      client.destroy();
      await assert.rejects(other, /connections were closed/);
    });
  });

  it("a process ends with connections that nobody uses", async () => {
    const { origin } = await serve(always(hello));
    const code = `
    import { Connections } from ${JSON.stringify(new URL("../../components/promotion/oci/connections.ts", import.meta.url).href)};
    const connections = new Connections({ connectTimeout: 60_000, stallTimeout: 60_000 });
    const taking = { limit: 10, what: "x", signal: new AbortController().signal };
    const request = { origin: ${JSON.stringify(origin)}, path: "/x", method: "GET", headers: {}, patience: 60_000 };
    for (let round = 0; round < 2; round++) console.log((await connections.exchange(request, taking)).status);
  `;
    const { execFile } = await import("node:child_process");
    const { promisify } = await import("node:util");
    const run = promisify(execFile)(process.execPath, ["--input-type=module", "--eval", code]);
    assert.equal((await run).stdout, "200\n200\n");
  });
});

/** A server whose n-th connection is given to the n-th script, any further one to the last. */
interface Scripted {
  readonly origin: string;
  /** So many have connected. */
  readonly count: () => number;
}

type Script = (peer: Peer) => Promise<void> | void;

/** The server's end of a connection. */
class Peer {
  readonly socket: Socket;
  #text = "";
  #wake: (() => void) | undefined;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on("error", () => {}); // the client may end it as it likes
    socket.on("data", (bytes: Buffer) => {
      this.#text += bytes.toString("latin1");
      this.#wake?.();
    });
  }

  /** The next request, with a body of so many bytes. */
  async request(body = 0): Promise<string> {
    for (;;) {
      const end = this.#text.indexOf("\r\n\r\n");
      if (end >= 0 && this.#text.length >= end + 4 + body) {
        const text = this.#text.slice(0, end + 4 + body);
        this.#text = this.#text.slice(end + 4 + body);
        return text;
      }
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  write(text: string | Buffer): void {
    this.socket.write(text, "latin1");
  }
}

async function serve(...scripts: Script[]): Promise<Scripted> {
  let count = 0;
  const server = createServer((socket) => {
    const script = scripts[Math.min(count++, scripts.length - 1)]!;
    void script(new Peer(socket));
  });
  servers.push(server);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return { origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, count: () => count };
}

function connections(rules: { connectTimeout?: number; stallTimeout?: number } = {}): Connections {
  const made = new Connections({ connectTimeout: 60_000, stallTimeout: 60_000, ...rules });
  opened.push(made);
  return made;
}

function request(origin: string, rest: Partial<Request> = {}): Request {
  return { origin, path: "/x", method: "GET", headers: {}, patience: 60_000, ...rest };
}

function taking(rest: Partial<Taking> = {}): Taking {
  return { limit: 1_000_000, what: "ask for x", signal: new AbortController().signal, ...rest };
}

/** Answers each request with the same. */
function always(answer: string): Script {
  return async (peer) => {
    for (;;) {
      await peer.request();
      peer.write(answer);
    }
  };
}
