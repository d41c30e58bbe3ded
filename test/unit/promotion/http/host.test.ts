import assert from "node:assert/strict";
import { install } from "@sinonjs/fake-timers";
import { describe, it } from "mocha";
import { UnreachableError } from "../../../../components/promotion/http/errors.ts";
import { Host } from "../../../../components/promotion/http/host.ts";
import { afterTest } from "../../../support/cleanup.ts";

const rules = { parallel: 4, probes: [1, 1], maxErrorTime: 20, resting: 60_000 };
const { signal } = new AbortController();
const once = { count: 1, last: false };

describe("a host", () => {
  it("has so many requests at a time", async () => {
    const host = new Host("h", rules);
    assert.equal(await mostAtATime(host, 20), 4);
  });

  it("that refuses connections is probed once for all, then given up for all", async () => {
    const host = new Host("h", rules);
    let probes = 0;
    const probe = async () => {
      probes++;
      throw new Error("refused");
    };
    const refused = () => host.refused(new Error("refused"), probe, signal);
    const results = await Promise.allSettled([refused(), refused(), refused()]);
    for (const result of results) assert.ok(result.status === "rejected" && result.reason instanceof UnreachableError);
    assert.equal(probes, 2);
    await assert.rejects(async () => host.ready(signal), /h is unreachable: refused/);
    await assert.rejects(async () => host.within(async () => {}), UnreachableError);
  });

  it("that comes back is used again by those who waited", async () => {
    const host = new Host("h", rules);
    let probes = 0;
    const probe = async () => {
      if (++probes < 2) throw new Error("refused");
    };
    const waiting = host.refused(new Error("refused"), probe, signal);
    const later = host.ready(signal);
    await Promise.all([waiting, later]);
    assert.equal(probes, 2);
  });

  it("that rests is asked again afterwards", async () => {
    const clock = install({ toFake: ["Date"], now: 1_000_000 });
    afterTest(() => clock.uninstall());
    const host = new Host("h", { ...rules, probes: [], resting: 30_000 });
    await assert.rejects(
      host.refused(new Error("x"), async () => {}, signal),
      UnreachableError,
    );
    clock.setSystemTime(1_029_999);
    assert.throws(() => host.refuseIfDead(), UnreachableError);
    await assert.rejects(async () => host.ready(signal), UnreachableError);
    clock.setSystemTime(1_030_000);
    await host.ready(signal);
  });

  it("is given up when one request has used up its attempts and nobody was luckier", () => {
    const host = new Host("h", rules);
    host.failed(new Error("500"), once);
    host.failed(new Error("500"), { count: 2, last: false });
    assert.throws(() => host.failed(new Error("500"), { count: 3, last: true }), UnreachableError);
    const other = new Host("h", rules);
    other.failed(new Error("500"), once);
    other.failed(new Error("500"), { count: 2, last: false });
    other.answered();
    assert.doesNotThrow(() => other.failed(new Error("500"), { count: 3, last: true }));
  });

  it("is given up when it has answered nothing but errors for long", async () => {
    const host = new Host("h", rules);
    host.failed(new Error("stalled"), once);
    host.failed(new Error("stalled"), once);
    await new Promise((resolve) => setTimeout(resolve, 30));
    assert.throws(() => host.failed(new Error("stalled"), once), UnreachableError);
  });

  it("that asks for time gets it, and then fewer requests at a time", async () => {
    const host = new Host("h", rules);
    const began = performance.now();
    host.slowDown(120);
    host.slowDown(50); // a shorter wish does not shorten the longer
    await host.ready(signal);
    assert.ok(performance.now() - began >= 115);
    assert.equal(await mostAtATime(host, 8), 2);
    for (let answers = 0; answers < 64; answers++) host.answered();
    assert.equal(await mostAtATime(host, 8), 4);
  });

  it("is not waited for when the run is stopped", async () => {
    const host = new Host("h", rules);
    host.slowDown(60_000);
    const stop = new AbortController();
    const waiting = host.ready(stop.signal)!;
    stop.abort(new Error("stopped"));
    await assert.rejects(waiting, /stopped/);
  });
});

/** Runs so many requests of one turn of the event loop each. @returns how many were under way at a time, at most. */
async function mostAtATime(host: Host, requests: number): Promise<number> {
  let now = 0;
  let most = 0;
  const work = async () => {
    most = Math.max(most, ++now);
    await new Promise((resolve) => setImmediate(resolve));
    now--;
  };
  await Promise.all(Array.from({ length: requests }, () => host.within(work)));
  return most;
}
