import assert from "node:assert/strict";
import { setTimeout as wait } from "node:timers/promises";
import { it } from "mocha";
import { startProber } from "../../../../redirector/mirrors/health.ts";
import { type Mirror, mirrorOf } from "../../../../redirector/mirrors/mirrors.ts";

const settings = {
  intervalSeconds: 0.02,
  recheckSeconds: 0.01,
  timeoutSeconds: 0.2,
  unhealthyAfter: 3,
  healthyAfter: 2,
  concurrency: 2,
};

it("three failures in a row make a mirror unhealthy, two successes healthy; fewer change nothing", async () => {
  const answers = [true, false, false, true, false, false, false, true, false, true, true];
  const states: boolean[] = [];
  const turns: boolean[] = [];
  const done = Promise.withResolvers<void>();
  const mirror = named("a");
  const prober = startProber([mirror], settings, {
    probe: async () => {
      states.push(mirror.healthy);
      const answer = answers.shift();
      if (answer === undefined) done.resolve();
      if (answer === false) throw new Error("refused");
      return answer ?? true;
    },
    turned: ({ healthy }) => turns.push(healthy),
  });
  await done.promise;
  prober.stop();
  assert.deepEqual(states, [true, true, true, true, true, true, true, false, false, false, false, true]);
  assert.deepEqual(turns, [false, true]);
  assert.equal(prober.probed[0]?.counts.failed, 6);
});

it("a probe without response fails after the timeout", async () => {
  const mirror = named("a");
  const turned = Promise.withResolvers<void>();
  const prober = startProber(
    [mirror],
    { ...settings, timeoutSeconds: 0.05 },
    {
      probe: () => new Promise<boolean>(() => undefined),
      turned: () => turned.resolve(),
    },
  );
  await turned.promise;
  prober.stop();
  assert.equal(mirror.healthy, false);
});

it("limits concurrent probes, and probes all mirrors", async () => {
  let running = 0;
  let most = 0;
  const seen = new Set<string>();
  const all = Promise.withResolvers<void>();
  const mirrors = ["a", "b", "c", "d", "e"].map(named);
  const prober = startProber(mirrors, settings, {
    probe: async (mirror) => {
      most = Math.max(most, ++running);
      await wait(5);
      running--;
      seen.add(mirror.site.name);
      if (seen.size === mirrors.length) all.resolve();
      return true;
    },
    turned: () => undefined,
  });
  await all.promise;
  prober.stop();
  assert.equal(most, 2);
});

it("after stop there are no probes and no changes", async () => {
  let probes = 0;
  const begun = Promise.withResolvers<void>();
  const mirror = named("a");
  const prober = startProber([mirror], settings, {
    probe: async () => {
      if (++probes === 3) begun.resolve();
      return true;
    },
    turned: () => assert.fail("turned"),
  });
  await begun.promise;
  prober.stop();
  const before = probes;
  await wait(100);
  assert.equal(probes, before);
});

it("ignores the result of a probe during which the process was suspended", async () => {
  const mirror = named("a");
  const done = Promise.withResolvers<void>();
  let first = true;
  const prober = startProber(
    [mirror],
    { ...settings, timeoutSeconds: 0.05, unhealthyAfter: 1 },
    {
      probe: async () => {
        if (first) {
          first = false;
          // As when Cloud Run takes the CPU away: nothing runs, then the timers are all late.
          const until = performance.now() + 1200;
          while (performance.now() < until);
          throw new Error("too late");
        }
        done.resolve();
        return true;
      },
      turned: () => undefined,
    },
  );
  await done.promise;
  prober.stop();
  assert.equal(prober.probed[0]?.counts.ignored, 1);
  assert.equal(prober.probed[0]?.counts.failed, 0);
  assert.equal(mirror.healthy, true);
});

function named(name: string): Mirror {
  return mirrorOf({ name, url: "https://x.example", cloud: "gcp", latitude: 0, longitude: 0, weight: 1 });
}
