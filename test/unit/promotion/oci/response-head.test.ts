import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { ProtocolError, readResponseHead } from "../../../../components/promotion/oci/response-head.ts";

const ok = "HTTP/1.1 200 OK";

describe("where a body ends (RFC 9112, 6.3)", () => {
  for (const [method, lines, expected] of [
    ["GET", [ok, "content-length: 5"], { kind: "length", bytes: 5 }],
    ["GET", [ok, "Content-Length:5"], { kind: "length", bytes: 5 }],
    ["GET", [ok, "content-length: \t 5 "], { kind: "length", bytes: 5 }],
    ["GET", [ok, "content-length: 5", "content-length: 5"], { kind: "length", bytes: 5 }],
    ["GET", [ok, "content-length: 5, 5"], { kind: "length", bytes: 5 }],
    ["GET", [ok, "content-length: 0"], { kind: "length", bytes: 0 }],
    ["GET", [ok, "transfer-encoding: chunked"], { kind: "chunked" }],
    ["GET", [ok, "Transfer-Encoding: Chunked"], { kind: "chunked" }],
    ["GET", [ok], { kind: "close" }],
    ["HEAD", [ok, "content-length: 5"], { kind: "length", bytes: 0 }],
    ["HEAD", [ok, "transfer-encoding: chunked"], { kind: "length", bytes: 0 }],
    ["HEAD", [ok], { kind: "length", bytes: 0 }],
    ["PUT", ["HTTP/1.1 204 No Content"], { kind: "length", bytes: 0 }],
    ["GET", ["HTTP/1.1 304 Not Modified", "content-length: 5"], { kind: "length", bytes: 0 }],
    ["POST", ["HTTP/1.1 100 Continue"], { kind: "length", bytes: 0 }],
    ["PUT", ["HTTP/1.1 201 Created", "content-length: 0"], { kind: "length", bytes: 0 }],
  ] as const) {
    it(`${method}: ${lines.join(" | ")}`, () => {
      assert.deepEqual(readResponseHead(lines.join("\r\n"), method).framing, expected);
    });
  }
});

describe("whether the connection goes on", () => {
  for (const [lines, isLast] of [
    [[ok], false],
    [[ok, "connection: keep-alive"], false],
    [[ok, "connection: close"], true],
    [[ok, "Connection: Close"], true],
    [[ok, "connection: upgrade, close"], true],
    [[ok, "connection: x-close"], false],
    [["HTTP/1.0 200 OK"], true],
    [["HTTP/1.0 200 OK", "connection: keep-alive"], false],
  ] as const) {
    it(lines.join(" | "), () => assert.equal(readResponseHead(lines.join("\r\n"), "GET").isLast, isLast));
  }
});

it("header fields by small names, several of one name joined, none of them a way to an object's own", () => {
  const lines = [
    "HTTP/1.1 401 ",
    'WWW-Authenticate: Bearer realm="https://a/t"',
    "www-authenticate: Basic",
    "__proto__: x",
    "constructor: y",
    "set-cookie: a=b",
    "x-latin: \u00e9",
    "empty:",
  ];
  const { status, headers } = readResponseHead(lines.join("\r\n"), "GET");
  assert.equal(status, 401);
  assert.deepEqual(Object.entries(headers), [
    ["www-authenticate", 'Bearer realm="https://a/t", Basic'],
    ["__proto__", "x"],
    ["constructor", "y"],
    ["x-latin", "\u00e9"],
    ["empty", ""],
  ]);
  assert.equal(Object.getPrototypeOf(headers), null);
});

describe("refused", () => {
  for (const [why, text] of [
    [
      "a length and chunks: one reader would see another end",
      `${ok}\r\ncontent-length: 5\r\ntransfer-encoding: chunked`,
    ],
    ["two lengths", `${ok}\r\ncontent-length: 5\r\ncontent-length: 6`],
    ["two lengths in one", `${ok}\r\ncontent-length: 5, 6`],
    ["a length with a sign", `${ok}\r\ncontent-length: +5`],
    ["a negative length", `${ok}\r\ncontent-length: -5`],
    ["a length in hex", `${ok}\r\ncontent-length: 0x5`],
    ["an empty length", `${ok}\r\ncontent-length: `],
    ["a length beyond all numbers", `${ok}\r\ncontent-length: 9999999999999999`],
    ["another coding", `${ok}\r\ntransfer-encoding: gzip`],
    ["chunked twice", `${ok}\r\ntransfer-encoding: chunked\r\ntransfer-encoding: chunked`],
    ["chunked after another coding", `${ok}\r\ntransfer-encoding: gzip, chunked`],
    ["a blank before the colon", `${ok}\r\ncontent-length : 5`],
    ["a line that goes on", `${ok}\r\nx: a\r\n b`],
    ["a line without a colon", `${ok}\r\nx`],
    ["a line without a name", `${ok}\r\n: x`],
    ["a lone LF in a value", `${ok}\r\nx: a\ncontent-length: 5`],
    ["a lone LF at a value's end", `${ok}\r\ncontent-length: 5\n`],
    ["a lone CR in a value", `${ok}\r\nx: a\rb`],
    ["a NUL", `${ok}\r\nx: a\0b`],
    ["HTTP/2", "HTTP/2 200"],
    ["HTTP/1.2", "HTTP/1.2 200 OK"],
    ["no status", "HTTP/1.1 OK"],
    ["a status of two digits", "HTTP/1.1 20 OK"],
    ["a status below 100", "HTTP/1.1 099 OK"],
    ["another protocol", "SSH-2.0-OpenSSH_9.9"],
    ["nothing", ""],
  ] as const) {
    it(why, () => assert.throws(() => readResponseHead(text, "GET"), ProtocolError));
  }
});
