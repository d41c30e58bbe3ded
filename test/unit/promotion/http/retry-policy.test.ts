import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { errors } from "undici";
import { ProxyError } from "../../../../components/promotion/http/proxy.ts";
import {
  attempts,
  isProxyRefusal,
  isTransientStatus,
  isTransportError,
  isUnconnected,
  pauseAfter,
  rateLimitPause,
} from "../../../../components/promotion/http/retry-policy.ts";

const coded = (code: string) => Object.assign(new Error(code), { code });
const proxy = { url: "http://p:1", title: "http://p:1 (HTTP_PROXY)" };

describe("the retry policy", () => {
  describe("statuses", () => {
    for (const status of [408, 429, 500, 502, 503, 504, 507, 599]) {
      it(`${status} is tried again`, () => assert.equal(isTransientStatus(status), true));
    }
    for (const status of [200, 201, 301, 304, 400, 401, 403, 404, 405, 409, 412, 413, 416, 499, 501, 505]) {
      it(`${status} is not`, () => assert.equal(isTransientStatus(status), false));
    }
  });

  describe("errors", () => {
    for (const [error, transport, unconnected] of [
      [coded("ECONNREFUSED"), true, true],
      [coded("ENOTFOUND"), true, true],
      [coded("EAI_AGAIN"), true, true],
      [coded("EHOSTUNREACH"), true, true],
      [coded("ENETUNREACH"), true, true],
      [new errors.ConnectTimeoutError("late"), true, true],
      [new AggregateError([coded("ECONNREFUSED"), coded("ENETUNREACH")], ""), true, true],
      [new AggregateError([coded("ECONNREFUSED"), coded("ECONNRESET")], ""), false, false],
      [new ProxyError(proxy, { cause: coded("ECONNREFUSED") }), true, true],
      [new ProxyError(proxy, { status: 502 }), true, false],
      [coded("ECONNRESET"), true, false],
      [coded("EPIPE"), true, false],
      [coded("ERR_SSL_WRONG_VERSION_NUMBER"), true, false],
      [coded("ERR_TLS_CERT_ALTNAME_INVALID"), true, false],
      [coded("HTTP_PROTOCOL"), true, false],
      [new errors.HeadersTimeoutError(), true, false],
      [new errors.BodyTimeoutError(), true, false],
      [new errors.SocketError("other side closed"), true, false],
      [new errors.HeadersOverflowError(), true, false],
      // Bugs of ours.
      [new errors.InvalidArgumentError("invalid request path"), false, false],
      [coded("ERR_INVALID_ARG_TYPE"), false, false],
      [new TypeError("x is not a function"), false, false],
      ["text", false, false],
      [undefined, false, false],
    ] as [unknown, boolean, boolean][]) {
      it(String(error), () =>
        assert.deepEqual([isTransportError(error), isUnconnected(error)], [transport, unconnected]),
      );
    }

    for (const [status, isRefusal] of [
      [403, true],
      [407, true],
      [502, false],
      [503, false],
    ] as const) {
      it(`a proxy's ${status} is ${isRefusal ? "final" : "tried again"}`, () => {
        assert.equal(isProxyRefusal(new ProxyError(proxy, { status })), isRefusal);
      });
    }
  });

  it("pauses grow, at random between half and all, and stay bounded", () => {
    const pauses = Array.from({ length: attempts + 3 }, (_, at) => [pauseAfter(at + 1, 0), pauseAfter(at + 1, 1)]);
    assert.deepEqual(pauses, [
      [100, 200],
      [250, 500],
      [750, 1_500],
      [2_000, 4_000],
      ...Array.from({ length: 5 }, () => [5_000, 10_000]),
    ]);
  });

  it("Retry-After is followed for two minutes at most; without it the pause doubles up to 30 s", () => {
    for (const [retryAfterMs, refusals, pause] of [
      [0, 0, 0],
      [5_000, 3, 5_000],
      [86_400_000, 0, 120_000],
      [undefined, 0, 1_000],
      [undefined, 1, 2_000],
      [undefined, 5, 30_000],
      [undefined, 100, 30_000],
    ] as const) {
      assert.equal(rateLimitPause(retryAfterMs, refusals), pause);
    }
  });
});
