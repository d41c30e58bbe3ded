import assert from "node:assert/strict";
import fc from "fast-check";
import { it } from "mocha";
import { sliceOf, textOf } from "../../../../redirector/http1/byte-slice.ts";
import { Connection, type ConnectionSettings } from "../../../../redirector/http1/connection.ts";
import { HeadReader } from "../../../../redirector/http1/head.ts";
import { Output } from "../../../../redirector/http1/output.ts";
import type { IncomingRequest, OutgoingResponse } from "../../../../redirector/http1/request.ts";
import { malformedResponse } from "../../../../redirector/routing/response.ts";
import { anyText } from "../../../support/any-text.ts";

const headers = [["Content-Type", "text/plain"]] as const;

it("parses a head: names in any case, trimmed values, repeated lines joined", () => {
  const text =
    "\r\nGET /a?b HTTP/1.1\r\nhost: x\r\nX-FORWARDED-FOR:1\r\nx-forwarded-for: \t2 \r\nUser-Agent: \r\nX-Client-Latlong: 1,2\r\nAccept: a/b\r\nAccept-Encoding: gzip\r\n\r\nrest";
  const head = new HeadReader(1000).read(latin1(text), 0, sliceOf("peer"));
  assert.ok(head && "method" in head);
  assert.deepEqual(
    [head.method, head.target, head.peer && textOf(head.peer), head.keepAlive, head.hasBody],
    ["GET", "/a?b", "peer", true, false],
  );
  assert.equal(head.forwardedFor && textOf(head.forwardedFor), "1, 2");
  assert.equal(head.header("user-agent"), "");
  assert.equal(head.latlong && textOf(head.latlong), "1,2");
  assert.equal(head.header("accept"), "a/b");
  assert.equal(head.header("accept-encoding"), "gzip");
  assert.equal(head.header("traceparent"), undefined);
  assert.equal(text.slice(head.end), "rest");
});

it("closes after a response to HTTP/1.0 or to Connection: close", () => {
  const keepAlive = (text: string): boolean | undefined => {
    const head = new HeadReader(1000).read(latin1(text), 0, undefined);
    return head && "method" in head ? head.keepAlive : undefined;
  };
  assert.equal(keepAlive("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), true);
  assert.equal(keepAlive("GET / HTTP/1.1\r\nHost: x\r\nConnection: Keep-Alive, Close\r\n\r\n"), false);
  assert.equal(keepAlive("GET / HTTP/1.0\r\n\r\n"), false);
  assert.equal(keepAlive("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"), false);
});

it("any bytes are a refused head, an incomplete head or a request within the input, never a crash", () => {
  const piece = fc.constantFrom(
    "GET ",
    "HEAD ",
    "/",
    "/v2/",
    " HTTP/1.1",
    " HTTP/1.0",
    "\r\n",
    "\n",
    "\r",
    "Host: x",
    ":",
    " ",
    "\t",
    "Content-Length: 5",
    "Transfer-Encoding: chunked",
    "Connection: close",
    "\0",
    "\u00ff",
    "%2e",
    "a",
  );
  fc.assert(
    fc.property(fc.array(fc.oneof(piece, anyText({ maxLength: 3 })), { maxLength: 30 }), (pieces) => {
      const text = Buffer.from(pieces.join(""), "latin1").toString("latin1");
      const head = new HeadReader(200).read(latin1(text), 0, undefined);
      if (head === undefined) return;
      if ("reason" in head) assert.ok([400, 414, 431, 501, 505].includes(head.status));
      else {
        assert.ok(head.end <= text.length);
        assert.ok(text.slice(0, head.end).endsWith("\r\n\r\n"));
        assert.match(head.target, /^[\x21-\x7e]+$/);
        assert.match(head.method, /^[!-~]+$/);
      }
    }),
    { numRuns: 5000 },
  );
});

it("the responses do not depend on how the bytes are split", async () => {
  const requests = [
    "GET /sync HTTP/1.1\r\nHost: x\r\n\r\n",
    "HEAD /sync HTTP/1.1\r\nHost: x\r\n\r\n",
    "GET /later HTTP/1.1\r\nHost: x\r\nA: b\r\n\r\n",
    "GET /sync HTTP/1.1\r\nHost: x\r\nX-Client-Latlong: 1,2\r\n\r\n",
    "GET /throws HTTP/1.1\r\nHost: x\r\n\r\n",
    "GET /rejects HTTP/1.1\r\nHost: x\r\n\r\n",
    "POST /sync HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc",
  ];
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.constantFrom(...requests), { maxLength: 5 }),
      fc.array(fc.nat(400), { maxLength: 8 }),
      async (sent, cuts) => {
        const text = sent.join("");
        const whole = await talk([text]);
        const points = [...new Set([0, ...cuts.filter((cut) => cut < text.length), text.length])].sort((a, b) => a - b);
        const parts = points.slice(1).map((end, index) => text.slice(points[index], end));
        assert.deepEqual(await talk(parts), whole);
        const body = sent.findIndex((each) => each.startsWith("POST"));
        assert.equal(whole.output.split("HTTP/1.1 ").length - 1, body === -1 ? sent.length : body + 1);
        assert.equal(whole.ended, body !== -1);
      },
    ),
  );
});

it("sends no further responses while the client does not read, then all of them", async () => {
  const wire = new RecordingWire();
  wire.ready = false;
  const connection = new Connection(settings(), wire, undefined);
  const request = "GET /sync HTTP/1.1\r\nHost: x\r\n\r\n";
  connection.receive(latin1(request));
  connection.receive(latin1(request + request));
  assert.equal(count(wire.output), 1);
  wire.ready = true;
  connection.sent();
  assert.equal(count(wire.output), 3);
});

it("builds at most 128 KiB of long responses until the client reads, and sends them in order", () => {
  const wire = new RecordingWire();
  let made = 0;
  const body = "x".repeat(40_000);
  const long = { ...settings(), handle: () => ({ status: 200, headers, body: `${made++}${body}` }) };
  const connection = new Connection(long, wire, undefined);
  const request = "GET /long HTTP/1.1\r\nHost: x\r\n\r\n";
  wire.ready = false;
  connection.receive(latin1(request.repeat(100)));
  assert.equal(made, 4, "128 KiB of them");
  wire.ready = true;
  connection.sent();
  assert.equal(made, 100);
  assert.deepEqual(
    wire.output.match(/\r\n\r\n\d+/g)?.map((start) => Number(start)),
    Array.from({ length: 100 }, (_, index) => index),
  );
});

it("each character of a body is one byte, and each response starts with its own headers", () => {
  const wire = new RecordingWire();
  const bytes: OutgoingResponse = { status: 200, headers: [["Content-Type", "image/png"]], body: "\u00ff" };
  const connection = new Connection(
    { ...settings(), handle: ({ target }) => (target === "/bytes" ? bytes : { status: 200, headers, body: "a" }) },
    wire,
    undefined,
  );
  const [text, binary] = ["/text", "/bytes"].map((target) => `GET ${target} HTTP/1.1\r\nHost: x\r\n\r\n`) as [
    string,
    string,
  ];
  for (const sent of [text, binary, text + binary + text]) connection.receive(latin1(sent));
  const [a, b] = ["text/plain", "image/png"].map(
    (type) => `HTTP/1.1 200 OK\r\nContent-Type: ${type}\r\nDate: now\r\nContent-Length: 1\r\n\r\n`,
  );
  const [first, second] = [`${a}a`, `${b}\u00ff`];
  assert.equal(wire.output, first + second + first + second + first);
});

it("closes the connection of a client that keeps sending and never reads", () => {
  const wire = new RecordingWire();
  wire.ready = false;
  const connection = new Connection(settings(), wire, undefined);
  const request = "GET /sync HTTP/1.1\r\nHost: x\r\n\r\n".repeat(1000);
  for (let i = 0; i < 4; i++) connection.receive(latin1(request));
  assert.equal(wire.ended, "lingering");
});

it("a client that closed its sending side gets all responses, slow ones too, before the connection closes", async () => {
  const request = "GET /later HTTP/1.1\r\nHost: x\r\n\r\n";
  for (const sent of [request, request + request, `${request}GET /half`]) {
    const wire = new RecordingWire();
    const connection = new Connection(settings(), wire, undefined);
    connection.receive(latin1(sent));
    connection.finished();
    assert.equal(wire.ended, "no");
    while (wire.ended === "no") await new Promise((resolve) => setImmediate(resolve));
    assert.equal(count(wire.output), sent.split(request).length - 1);
    assert.equal(wire.ended, "once sent");
  }
  const idle = new RecordingWire();
  new Connection(settings(), idle, undefined).finished();
  assert.equal(idle.ended, "once sent");
});

it("a long request body does not cancel the response in progress", async () => {
  const wire = new RecordingWire();
  const connection = new Connection(settings(), wire, undefined);
  connection.receive(latin1("GET /later HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n"));
  for (let i = 0; i < 10; i++) connection.receive(latin1("x".repeat(100_000)));
  while (wire.ended === "no") await new Promise((resolve) => setImmediate(resolve));
  assert.match(wire.output, /^HTTP\/1.1 200 OK\r\n.*Connection: close\r\n\r\nhello$/s);
});

it("a refused head gets an OCI error below /v2/ and plain text elsewhere, and is counted", () => {
  const long = "a".repeat(2000);
  const rows: [string, number, oci: boolean][] = [
    ["GET /v2/a/manifests/1 HTTP/1.1\r\n\r\n", 400, true],
    ["GET http://x/v2/ HTTP/1.1\r\n\r\n", 400, true],
    ["GET /v2 HTTP/1.1\r\n\r\n", 400, true],
    ["GET /v2x HTTP/1.1\r\n\r\n", 400, false],
    [`GET /v2/${long}`, 414, true],
    [`GET /${long}`, 414, false],
    [`GET /v2/ HTTP/1.1\r\nHost: ${long}\r\n\r\n`, 431, true],
    [`GET / HTTP/1.1\r\nHost: ${long}\r\n\r\n`, 431, false],
    // Lines that end with LF only: refused at once, not after the timeout.
    ["GET / HTTP/1.1\nHost: x\n\n", 400, false],
    ["GET / HTTP/1.1\r\nHost: x\n\n", 400, false],
    ["\n", 400, false],
  ];
  for (const [sent, status, oci] of rows) {
    const counted: number[] = [];
    const wire = new RecordingWire();
    const refuse: ConnectionSettings["refuse"] = (head) => {
      counted.push(head.status);
      return malformedResponse(head);
    };
    new Connection({ ...settings(), refuse }, wire, undefined).receive(latin1(sent));
    assert.match(wire.output, new RegExp(`^HTTP/1.1 ${status} `), sent.slice(0, 40));
    assert.equal(wire.output.includes('\r\n\r\n{"errors":[{"code":"UNSUPPORTED","message":"'), oci, wire.output);
    assert.deepEqual(counted, [status]);
    assert.equal(wire.ended, "lingering");
  }
});

it("a server that shuts down sends Connection: close with its next response", () => {
  const wire = new RecordingWire();
  const connection = new Connection({ ...settings(), draining: () => true }, wire, undefined);
  connection.receive(latin1("GET /sync HTTP/1.1\r\nHost: x\r\n\r\nGET /sync HTTP/1.1\r\nHost: x\r\n\r\n"));
  assert.match(wire.output, /\r\nConnection: close\r\n\r\nhello$/);
  assert.equal(count(wire.output), 1);
  assert.equal(wire.ended, "once sent");
});

it("two servers in one process do not mix their pending responses", () => {
  const [outer, inner] = [new RecordingWire(), new RecordingWire()];
  const request = "GET /sync HTTP/1.1\r\nHost: x\r\n\r\n";
  const innerConnection = new Connection(
    { ...settings(), handle: () => ({ status: 200, headers, body: "inner" }) },
    inner,
    undefined,
  );
  let handled = 0;
  const outerConnection = new Connection(
    {
      ...settings(),
      // The second request reaches the other server while the first response is still pending here.
      handle: () => {
        if (++handled === 2) innerConnection.receive(latin1(request));
        return { status: 200, headers, body: "outer" };
      },
    },
    outer,
    undefined,
  );
  outerConnection.receive(latin1(request + request));
  assert.deepEqual([count(outer.output), outer.output.includes("inner")], [2, false]);
  assert.deepEqual([count(inner.output), inner.output.includes("outer")], [1, false]);
});

class RecordingWire {
  output = "";
  ready = true;
  ended: "no" | "once sent" | "lingering" = "no";

  send(bytes: Buffer, length: number): boolean {
    this.output += bytes.toString("latin1", 0, length);
    return this.ready;
  }

  end(linger: boolean): void {
    this.ended = linger ? "lingering" : "once sent";
  }
}

function settings(): ConnectionSettings {
  return {
    handle,
    heads: new HeadReader(1000),
    output: new Output(),
    draining: () => false,
    date: () => "now",
    onError: () => undefined,
    refuse: malformedResponse,
  };
}

function handle({ target }: IncomingRequest): OutgoingResponse | Promise<OutgoingResponse> {
  const response: OutgoingResponse = { status: 200, headers, body: "hello" };
  switch (target) {
    case "/later":
      return new Promise((resolve) => setImmediate(() => resolve(response)));
    case "/throws":
      throw new Error("meant");
    case "/rejects":
      return Promise.reject(new Error("meant"));
    default:
      return response;
  }
}

async function talk(parts: readonly string[]): Promise<{ output: string; ended: boolean }> {
  const wire = new RecordingWire();
  const connection = new Connection(settings(), wire, undefined);
  for (const part of parts) connection.receive(latin1(part));
  while (connection.busy) await new Promise((resolve) => setImmediate(resolve));
  return { output: wire.output, ended: wire.ended !== "no" };
}

function latin1(text: string): Buffer {
  return Buffer.from(text, "latin1");
}

function count(output: string): number {
  return output.split("HTTP/1.1 ").length - 1;
}
