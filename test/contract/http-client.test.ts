/** HTTP/1.1 as servers may speak it and as they should not: what a connection makes of bytes that a test has written itself. */
import assert from "node:assert/strict";
import { createServer, type Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import { after, describe, it } from "mocha";
import { HttpClient } from "../../components/promotion/http/client.ts";
import type { HttpRequest, Receiving } from "../../components/promotion/http/exchange.ts";
import { listenOnLoopback } from "../support/loopback-server.ts";
import { selfSigned, trustInFile } from "../support/self-signed.ts";

const opened: HttpClient[] = [];

describe("the HTTP/1.1 client", () => {
  after(async () => {
    await Promise.all(opened.map((client) => client.destroy()));
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
        "first 102, 103",
        `HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n${hello}`,
        "GET",
        "hello",
      ],
    ] as const) {
      it(kind, async () => {
        const { origin, count } = await serve(always(answer));
        const client = connections();
        for (let round = 0; round < 3; round++) {
          const got = await client.exchange(request(origin, { method }), receiving());
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
      [`HTTP/1.1 103 Early Hints\r\n\r\n${hello}`, false],
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
      assert.equal((await connections().exchange(request(origin), receiving())).body.toString(), "hello");
    }
  });

  it("a body goes into the memory that is given for it, and not beyond what it says; that of a refusal does not", async () => {
    const big = "x".repeat(700_000);
    const answers = [`HTTP/1.1 200 OK\r\ncontent-length: ${big.length}\r\n\r\n${big}`, chunkedHello];
    for (const answer of [...answers, hello.replace("200 OK", "404 Not Found")]) {
      const { origin } = await serve(always(answer));
      const into = Buffer.alloc(big.length + 10, ".");
      const { status, body } = await connections().exchange(request(origin), receiving({ into }));
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
      receiving(),
    );
    for (const method of ["POST", "GET", "DELETE"] as const)
      await client.exchange(request(origin, { method }), receiving());
    assert.deepEqual(seen, [
      `PUT /a?b=c%20d HTTP/1.1\r\nhost: ${host}\r\nconnection: keep-alive\r\nx-a: b\r\ncontent-length: 5\r\n\r\nhello`,
      `POST /x HTTP/1.1\r\nhost: ${host}\r\nconnection: keep-alive\r\ncontent-length: 0\r\n\r\n`,
      `GET /x HTTP/1.1\r\nhost: ${host}\r\nconnection: keep-alive\r\n\r\n`,
      `DELETE /x HTTP/1.1\r\nhost: ${host}\r\nconnection: keep-alive\r\n\r\n`,
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
      await assert.rejects(client.exchange(request(origin, bad), receiving()), { code: "UND_ERR_INVALID_ARG" });
    }
    const { body } = await client.exchange(request(origin), receiving());
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
          const got = await client.exchange(request(origin, { method }), receiving());
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
      const got = await client.exchange(request(origin, { method: "PUT", body }), receiving());
      assert.deepEqual([got.status, got.body.toString()], [413, "big"]);
      assert.equal((await client.exchange(request(origin), receiving())).status, 200);
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
      await Promise.all([client.exchange(request(origin), receiving()), client.exchange(request(origin), receiving())]);
      assert.equal((await client.exchange(request(origin), receiving())).body.toString(), "hello");
      assert.equal(count(), 3);
    });

    it("a fresh one that ends without an answer is a failure", async () => {
      const { origin, count } = await serve(async (peer) => {
        await peer.request();
        peer.socket.end();
      });
      await assert.rejects(connections().exchange(request(origin), receiving()), { code: "UND_ERR_SOCKET" });
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
      await client.exchange(request(origin), receiving());
      await assert.rejects(client.exchange(request(origin), receiving()), { code: "UND_ERR_SOCKET" });
      assert.equal(count(), 1);
    });
  });

  describe("what is no answer ends the request", () => {
    for (const [why, answer, error] of [
      ["another protocol", "SSH-2.0-x\r\n\r\n", { code: "HTTP_PROTOCOL" }],
      ["a head without end", `HTTP/1.1 200 OK\r\n${"x: y\r\n".repeat(40_000)}`, { code: "UND_ERR_HEADERS_OVERFLOW" }],
      ["a head without end in one line", "x".repeat(200_000), { code: "HTTP_PROTOCOL" }],
      ["a change of the protocol", "HTTP/1.1 101 Switching Protocols\r\n\r\n", { code: "HTTP_PROTOCOL" }],
      [
        "a length and chunks",
        hello.replace("\r\n\r\n", "\r\ntransfer-encoding: chunked\r\n\r\n"),
        { code: "UND_ERR_RES_CONTENT_LENGTH_MISMATCH" },
      ],
      ["100, which nobody asked for", `HTTP/1.1 100 Continue\r\n\r\n${hello}`, { code: "UND_ERR_SOCKET" }],
      ["bad chunks", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nx\r\n", { code: "HTTP_PROTOCOL" }],
      ["a body that says it is too large", "HTTP/1.1 200 OK\r\ncontent-length: 11\r\n\r\n", { name: "TooLargeError" }],
      [
        "chunks that are too large",
        chunkedHello.replace("2\r\nhe", `a\r\n${"x".repeat(10)}`),
        { name: "TooLargeError" },
      ],
      ["a body without end", `HTTP/1.1 200 OK\r\n\r\n${"x".repeat(11)}`, { name: "TooLargeError" }],
    ] as const) {
      it(why, async () => {
        const { origin } = await serve(always(answer));
        await assert.rejects(connections().exchange(request(origin), receiving({ limit: 10 })), error);
      });
    }
  });

  describe("what two readers could read differently is refused", () => {
    const ok = "HTTP/1.1 200 OK";
    const chunked = `${ok}\r\ntransfer-encoding: chunked\r\n\r\n`;
    for (const [why, answer] of [
      ["two lengths", `${ok}\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello`],
      ["two lengths in one", `${ok}\r\ncontent-length: 5, 6\r\n\r\nhello`],
      ["a length with a sign", `${ok}\r\ncontent-length: +5\r\n\r\nhello`],
      ["a negative length", `${ok}\r\ncontent-length: -5\r\n\r\nhello`],
      ["a length in hex", `${ok}\r\ncontent-length: 0x5\r\n\r\nhello`],
      ["an empty length", `${ok}\r\ncontent-length: \r\n\r\nhello`],
      ["a length beyond all numbers", `${ok}\r\ncontent-length: 99999999999999999999\r\n\r\nhello`],
      [
        "a length and sound chunks",
        `${ok}\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n`,
      ],
      ["a blank before the colon", `${ok}\r\ncontent-length : 5\r\n\r\nhello`],
      ["a line that goes on", `${ok}\r\nx: a\r\n b\r\ncontent-length: 5\r\n\r\nhello`],
      ["a line without a colon", `${ok}\r\nx\r\ncontent-length: 5\r\n\r\nhello`],
      ["a line without a name", `${ok}\r\n: x\r\ncontent-length: 5\r\n\r\nhello`],
      ["a lone LF in a value", `${ok}\r\nx: a\ncontent-length: 5\r\n\r\nhello`],
      ["a lone LF at a value's end", `${ok}\r\ncontent-length: 5\n\r\nhello`],
      ["a lone CR in a value", `${ok}\r\nx: a\rb\r\ncontent-length: 5\r\n\r\nhello`],
      ["a NUL", `${ok}\r\nx: a\0b\r\ncontent-length: 5\r\n\r\nhello`],
      ["HTTP/2", "HTTP/2 200\r\ncontent-length: 5\r\n\r\nhello"],
      ["HTTP/1.2", "HTTP/1.2 200 OK\r\ncontent-length: 5\r\n\r\nhello"],
      ["no status", "HTTP/1.1 OK\r\ncontent-length: 5\r\n\r\nhello"],
      ["a status of two digits", "HTTP/1.1 20 OK\r\ncontent-length: 5\r\n\r\nhello"],
      ["a status below 100", "HTTP/1.1 099 OK\r\ncontent-length: 5\r\n\r\nhello"],
      ["a chunk's size that is none", `${chunked}x\r\n`],
      ["no chunk size", `${chunked}\r\n`],
      ["a chunk's size with a sign", `${chunked}+5\r\nhello\r\n0\r\n\r\n`],
      ["a chunk's size as 0x", `${chunked}0x5\r\nhello\r\n0\r\n\r\n`],
      ["a chunk's size with a blank before it", `${chunked} 5\r\nhello\r\n0\r\n\r\n`],
      ["a chunk's size beyond all numbers", `${chunked}fffffffffffffffff\r\n`],
      ["a chunk's size that ends in LF alone", `${chunked}5\nhello\r\n0\r\n\r\n`],
      ["a chunk longer than it says", `${chunked}5\r\nhello!\r\n0\r\n\r\n`],
      ["a chunk that ends in LF alone", `${chunked}5\r\nhello\n0\r\n\r\n`],
      ["a control character in a chunk's extension", `${chunked}5;\u0001\r\nhello\r\n0\r\n\r\n`],
      ["a trailer that ends in LF alone", `${chunked}0\r\nx: y\n\r\n`],
      ["trailers without end", `${chunked}0\r\n${"x: y\r\n".repeat(40_000)}`],
    ] as const) {
      it(why, async () => {
        const { origin } = await serve(always(answer));
        const got = await connections()
          .exchange(request(origin, { responseTimeout: 2000 }), receiving())
          .then(
            ({ status, body }) => `${status} ${body}`,
            (error: Error & { code?: string }) => error,
          );
        assert.ok(got instanceof Error, String(got));
        assert.notEqual((got as { code?: string }).code, "UND_ERR_HEADERS_TIMEOUT");
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
      const { status, headers, body } = await client.exchange(request(origin), receiving({ limit: 10 }));
      assert.deepEqual([status, headers["retry-after"]], [503, "7"]);
      assert.ok(page.startsWith(body.toString()));
      assert.equal((await client.exchange(request(origin), receiving())).body.toString(), "hello");
      assert.equal(count(), 2);
    }
  });

  describe("what stands still is given up", () => {
    // The other timeout does not end within the test: a busy machine may take longer than 50 ms for any step.
    for (const [what, sent, code, timeouts] of [
      ["before the response", "", "UND_ERR_HEADERS_TIMEOUT", [50, 1_000_000]],
      ["in its head", "HTTP/1.1 200 OK\r\nx: ", "UND_ERR_HEADERS_TIMEOUT", [50, 1_000_000]],
      ["in its body", hello.slice(0, -1), "UND_ERR_BODY_TIMEOUT", [1_000_000, 50]],
    ] as const) {
      it(what, async () => {
        const { origin } = await serve(async (peer) => {
          await peer.request();
          peer.write(sent);
        });
        const [responseTimeout, stallTimeout] = timeouts;
        const client = connections({ stallTimeout });
        await assert.rejects(client.exchange(request(origin, { responseTimeout }), receiving()), { code });
      });
    }

    it("in a request's body that is not taken", async () => {
      const { origin } = await serve((peer) => void peer.socket.pause());
      const client = connections({ stallTimeout: 50 });
      const body = Buffer.alloc(64 * 1024 * 1024);
      const sent = client.exchange(request(origin, { method: "PUT", body, responseTimeout: 1_000_000 }), receiving());
      await assert.rejects(sent, { code: "HTTP_STALLED" });
    });

    it("but not a body that goes slowly over TLS", async () => {
      const tls = selfSigned("0.0.0.0");
      trustInFile(tls);
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
      const origin = `https://${(await listenOnLoopback(server, "0.0.0.0")).host}`;
      const client = connections({ stallTimeout: 2_000 });
      const put = request(origin, { method: "PUT", body });
      assert.equal((await client.exchange(put, receiving())).status, 201);
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
      const responseTimeout = 1_000_000;
      // Over a connection that stands: to make one may take this machine longer than 50 ms.
      await client.exchange(request(origin, { responseTimeout }), receiving());
      const put = request(origin, { method: "PUT", body: Buffer.from("bytes"), responseTimeout });
      assert.equal((await client.exchange(put, receiving())).status, 200);
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
      const under = [origin, silent.origin].map((at) =>
        client.exchange(request(at), receiving({ signal: stop.signal })),
      );
      const other = client.exchange(request(silent.origin), receiving());
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
      await assert.rejects(client.exchange(request(origin), receiving({ signal: stop.signal })), reason);
      await client.destroy();
      await assert.rejects(other, /connections were closed/);
    });
  });

  it("a process ends with connections that nobody uses", async () => {
    const { origin } = await serve(always(hello));
    const code = `
    import { HttpClient } from ${JSON.stringify(new URL("../../components/promotion/http/client.ts", import.meta.url).href)};
    const connections = new HttpClient({ connectTimeout: 60_000, stallTimeout: 60_000 });
    const taking = { limit: 10, what: "x", signal: new AbortController().signal };
    const request = { origin: ${JSON.stringify(origin)}, path: "/x", method: "GET", headers: {}, responseTimeout: 60_000, attempt: 1 };
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
  return { origin: (await listenOnLoopback(server)).url, count: () => count };
}

function connections(rules: { connectTimeout?: number; stallTimeout?: number } = {}): HttpClient {
  const made = new HttpClient({ connectTimeout: 60_000, stallTimeout: 60_000, ...rules });
  opened.push(made);
  return made;
}

function request(origin: string, rest: Partial<HttpRequest> = {}): HttpRequest {
  return { origin, path: "/x", method: "GET", headers: {}, responseTimeout: 60_000, attempt: 1, ...rest };
}

function receiving(rest: Partial<Receiving> = {}): Receiving {
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
