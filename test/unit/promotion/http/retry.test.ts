import assert from "node:assert/strict";
import { install } from "@sinonjs/fake-timers";
import { describe, it } from "mocha";
import { RateGate, retrying, TransientError } from "../../../../components/promotion/http/retry.ts";
import { parseRetryAfter } from "../../../../components/promotion/http/retry-after.ts";
import { afterTest } from "../../../support/cleanup.ts";

const never = new AbortController().signal;

describe("Retry-After", () => {
  const now = Date.parse("2026-11-24T12:00:00Z");
  for (const [header, ms] of [
    ["0", 0],
    ["120", 120_000],
    [" 5 ", 5_000],
    ["Tue, 24 Nov 2026 12:00:30 GMT", 30_000],
    ["Tue, 24 Nov 2026 11:00:00 GMT", 0],
    ["soon", undefined],
    ["", undefined],
    ["-1", undefined],
    [undefined, undefined],
  ] as const) {
    it(`${header} is ${ms} ms`, () => assert.equal(parseRetryAfter(header, now), ms));
  }
});

describe("retrying", () => {
  it("repeats what may pass, and nothing else", async () => {
    let asked = 0;
    const result = await retrying(new RateGate(), never, async () => {
      if (++asked < 3) throw new TransientError("busy", { retryAfterMs: 1 });
      return "done";
    });
    assert.deepEqual([result, asked], ["done", 3]);
    asked = 0;
    const refused = retrying(new RateGate(), never, async () => {
      asked++;
      throw new Error("no");
    });
    await assert.rejects(refused, /no/);
    assert.equal(asked, 1);
  });

  it("gives up after six attempts, with the last failure", async () => {
    let asked = 0;
    const attempt = async (): Promise<never> => {
      throw new TransientError(`busy ${++asked}`, { retryAfterMs: 0 });
    };
    await assert.rejects(retrying(new RateGate(), never, attempt), /busy 6/);
  });

  it("an abort ends the waiting", async () => {
    const stop = new AbortController();
    const waiting = retrying(new RateGate(), stop.signal, async () => {
      queueMicrotask(() => stop.abort(new Error("stopped")));
      throw new TransientError("busy", { retryAfterMs: 60_000 });
    });
    await assert.rejects(waiting, (error: Error) => error.name === "AbortError" || error.message === "stopped");
  });

  it("one request's Retry-After holds back all others to the same host", async () => {
    const clock = install({ toFake: ["Date"], now: 1_000_000 });
    afterTest(() => clock.uninstall());
    const host = new RateGate();
    host.holdBack(5_000);
    host.holdBack(2_000); // a shorter one does not shorten it
    let calls = 0;
    const begun = async () => {
      calls++;
      return "done";
    };
    const waiting = retrying(host, AbortSignal.timeout(50), begun);
    await assert.rejects(waiting);
    assert.equal(calls, 0);
    clock.setSystemTime(1_005_000);
    assert.equal(await retrying(host, never, begun), "done");
  });
});
