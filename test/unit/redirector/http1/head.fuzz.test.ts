/**
 * A bounded fuzz of the HTTP/1.1 server: heads that are mutated byte by byte, pipelines of them, and every mixture of body framings. The same inputs in every run;
 * FUZZ_SEED=<number> tries others.
 */

import assert from "node:assert/strict";
import fc from "fast-check";
import { describe, it } from "mocha";
import { Connection } from "../../../../redirector/http1/connection.ts";
import { HeadReader } from "../../../../redirector/http1/head.ts";
import { Output } from "../../../../redirector/http1/output.ts";
import { malformedResponse } from "../../../../redirector/routing/response.ts";
import { anyText } from "../../../support/any-text.ts";

const seed = Number(process.env["FUZZ_SEED"] ?? 20_261_129);

/** What comes out of a connection that got these bytes. */
interface Outcome {
  /** `METHOD target` of each request that was handled. */
  readonly handled: readonly string[];
  readonly output: string;
  readonly ended: boolean;
}

describe(`a fuzz of the HTTP/1.1 server (FUZZ_SEED=${seed})`, () => {
  it("mutated heads: never a crash, at most one response a request, and nothing after a refusal", () => {
    check(
      fc.property(mutated, (text) => {
        const { handled, output, ended } = outcomeOf([text]);
        const statuses = statusesIn(output);
        const refusals = statuses.filter((status) => status !== 200);
        assert.equal(statuses.length, handled.length + refusals.length);
        assert.ok(refusals.length <= 1, output);
        if (refusals.length > 0) {
          assert.notEqual(statuses.at(-1), 200, "a refusal is the last response");
          assert.ok(ended, "a refusal ends the connection");
        }
        for (const request of handled) assert.match(request, /^[!-~]+ [!-~]+$/);
      }),
      4000,
    );
  });

  it("requests, responses and close do not depend on how the bytes are split", () => {
    check(
      fc.property(mutated, fc.array(fc.nat(2000), { maxLength: 12 }), (text, cuts) => {
        const points = [...new Set([0, ...cuts.filter((cut) => cut < text.length), text.length])].sort((a, b) => a - b);
        const parts = points.slice(1).map((end, index) => text.slice(points[index], end));
        assert.deepEqual(outcomeOf(parts), outcomeOf([text]));
      }),
      3000,
    );
  });

  it("byte by byte equals all at once", () => {
    check(
      fc.property(mutated, (text) => assert.deepEqual(outcomeOf([...text]), outcomeOf([text]))),
      300,
    );
  });

  it("every mixture of body framings: bytes after such a request are never parsed as a request", () => {
    const smuggled = "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n";
    check(
      fc.property(fc.array(framing, { minLength: 1, maxLength: 3 }), body, (fields, sent) => {
        const head = `POST /first HTTP/1.1\r\nHost: x\r\n${fields.map((field) => `${field}\r\n`).join("")}\r\n`;
        const { handled, ended } = outcomeOf([`${head}${sent}${smuggled}`]);
        assert.ok(handled.length <= 1, handled.join());
        assert.ok(ended);
      }),
      3000,
    );
  });

  it("a pipeline of valid requests gets all responses in order, whatever refused request follows", () => {
    check(
      fc.property(fc.array(fc.nat(999), { minLength: 1, maxLength: 30 }), mutated, (numbers, rest) => {
        const valid = numbers.map((number) => `GET /${number} HTTP/1.1\r\nHost: x\r\n\r\n`).join("");
        const { handled } = outcomeOf([valid + rest]);
        assert.deepEqual(
          handled.slice(0, numbers.length),
          numbers.map((number) => `GET /${number}`),
        );
      }),
      1000,
    );
  });
});

/** Bodies are framed by these, in all spellings that parsers are known to disagree about (RFC 9112 section 11.2). */
const framing = fc.constantFrom(
  "Content-Length: 5",
  "Content-Length: 35",
  "Content-Length: +5",
  "Content-Length: 5, 5",
  "Content-Length: 0x5",
  "Content-Length:\t5",
  "content-length: 00005",
  "Content-Length: 99999999999999999999",
  "Transfer-Encoding: chunked",
  "Transfer-Encoding: xchunked",
  "Transfer-Encoding: chunked, chunked",
  "Transfer-Encoding: identity, chunked",
  "Transfer-Encoding: chunked, identity",
  "Transfer-Encoding:\tchunked",
  "Transfer-Encoding: CHUNKED",
  'Transfer-Encoding: "chunked"',
  "transfer-encoding: gzip, chunked",
);
const body = fc.constantFrom(
  "",
  "hello",
  "5\r\nhello\r\n0\r\n\r\n",
  "0\r\n\r\n",
  "5;a=b\r\nhello\r\n0\r\nTrailer: x\r\n\r\n",
  "FFFFFFFFFFFFFFFF\r\n",
  "-1\r\n\r\n",
  "5\nhello\n0\n\n",
);
const whole = fc.constantFrom(
  "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
  "HEAD /v2/a/manifests/1 HTTP/1.1\r\nHost: x.example:443\r\nAccept: a/b, c/d;q=0.5\r\n\r\n",
  "GET /binaries/a HTTP/1.0\r\n\r\n",
  "GET http://x/v2/ HTTP/1.1\r\nHost: x\r\nConnection: keep-alive\r\n\r\n",
  "\r\nGET /a?b=c HTTP/1.1\r\nhost: [::1]:80\r\nX-Forwarded-For: 1.2.3.4, 5.6.7.8\r\n\r\n",
  "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello",
  "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
);
const odd = fc.oneof(
  fc.constantFrom("\r", "\n", "\r\n", "\0", " ", "\t", ":", "\x7f", "\x85", "\u00ff", "HTTP/1.1", "Host: y\r\n"),
  anyText({ maxLength: 2 }).map((text) => Buffer.from(text, "latin1").toString("latin1")),
  framing.map((field) => `${field}\r\n`),
);
/** Up to four requests in a row, with up to six places changed: something put in, taken away, or both. */
const mutated = fc
  .tuple(
    fc.array(whole, { minLength: 1, maxLength: 4 }),
    fc.array(fc.tuple(fc.nat(600), fc.nat(3), odd), { maxLength: 6 }),
  )
  .map(([requests, changes]) => {
    let text = requests.join("");
    for (const [at, removed, added] of changes) {
      const place = at % (text.length + 1);
      text = text.slice(0, place) + added + text.slice(place + removed);
    }
    return text;
  });

function check<Input>(property: fc.IProperty<Input>, numRuns: number): void {
  fc.assert(property, { seed, numRuns });
}

function outcomeOf(parts: readonly string[]): Outcome {
  const handled: string[] = [];
  let output = "";
  let ended = false;
  const connection = new Connection(
    {
      handle: ({ method, target }) => {
        handled.push(`${method} ${target}`);
        return { status: 200, headers: [], body: "ok" };
      },
      heads: new HeadReader(1000),
      output: new Output(),
      draining: () => false,
      date: () => "now",
      onError: (error) => assert.fail(String(error)),
      refuse: malformedResponse,
    },
    {
      send: (bytes, length) => {
        output += bytes.toString("latin1", 0, length);
        return true;
      },
      end: () => {
        ended = true;
      },
    },
    undefined,
  );
  for (const part of parts) connection.receive(Buffer.from(part, "latin1"));
  return { handled, output, ended };
}

function statusesIn(output: string): number[] {
  return [...output.matchAll(/(?:^|\n|ok)HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status));
}
