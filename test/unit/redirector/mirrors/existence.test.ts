import assert from "node:assert/strict";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { describe, it } from "mocha";
import {
  Existence,
  type ExistenceCheck,
  headObject,
  type ObjectFound,
  type Presence,
} from "../../../../redirector/mirrors/existence.ts";
import { afterTest } from "../../../support/cleanup.ts";
import { serveOnLoopback } from "../../../support/loopback-server.ts";

const settings = {
  mirrors: true,
  entries: 4,
  presentSeconds: 100,
  agedSeconds: 1000,
  absentSeconds: 10,
  timeoutSeconds: 0.05,
  concurrency: 2,
};
const about = (url: string, asked = "b"): ExistenceCheck => ({ asked, url });
const never = () => new Promise<boolean>(() => undefined);

it("caches positive and negative results, each for its configured time", async () => {
  let now = 0;
  const asked: string[] = [];
  const existence = new Existence(
    settings,
    async ({ url }) => {
      asked.push(url);
      return url === "yes";
    },
    () => now,
  );
  assert.equal(await existence.holds(about("yes")), "present");
  assert.equal(await existence.holds(about("no")), "absent");
  now = 9_999;
  assert.equal(existence.holds(about("yes")), "present");
  assert.equal(existence.holds(about("no")), "absent");
  assert.deepEqual(asked, ["yes", "no"]);
  now = 10_001;
  assert.equal(existence.holds(about("yes")), "present");
  assert.equal(await existence.holds(about("no")), "absent");
  now = 100_001;
  assert.equal(await existence.holds(about("yes")), "present");
  assert.deepEqual(asked, ["yes", "no", "no", "yes"]);
});

it("believes an absence no longer than the check says", async () => {
  let [now, requests] = [0, 0];
  const existence = new Existence(
    settings,
    () => Promise.resolve(++requests > 2),
    () => now,
  );
  const check = { ...about("x"), absentSeconds: 5 };
  assert.equal(await existence.holds(check), "absent");
  now = 4_999;
  assert.equal(existence.holds(check), "absent");
  now = 5_001;
  assert.equal(await existence.holds({ ...check, absentSeconds: 50 }), "absent");
  now = 15_000;
  assert.equal(existence.holds(check), "absent", "not longer than the settings say");
  now = 15_002;
  assert.equal(await existence.holds(check), "present");
});

describe("what is named by digest", () => {
  function mirror() {
    const state = { now: 0, asked: [] as string[], lost: new Set<string>() };
    const existence = new Existence(
      settings,
      async ({ url }) => {
        state.asked.push(url);
        return !state.lost.has(url);
      },
      () => state.now,
    );
    return { state, existence, holds: (url: string) => existence.holds({ ...about(url), isKept: true }) };
  }

  it("is believed to be there for longer, and asked for once more in the background, one object in a second", async () => {
    const { state, holds } = mirror();
    for (const url of ["a", "b"]) assert.equal(await holds(url), "present");
    state.now = 99_999;
    assert.equal(holds("a"), "present");
    assert.deepEqual(state.asked, ["a", "b"], "it is fresh");
    state.now = 100_001;
    for (const url of ["a", "b", "a"]) assert.equal(holds(url), "present", "nobody waits");
    await new Promise(setImmediate);
    assert.deepEqual(state.asked, ["a", "b", "a"], "one in this second");
    state.now = 101_002;
    for (const url of ["a", "b"]) assert.equal(holds(url), "present");
    await new Promise(setImmediate);
    assert.deepEqual(state.asked, ["a", "b", "a", "b"], "a is fresh again");
    state.now = 1_200_000;
    assert.equal(await holds("a"), "present", "it was believed for long enough");
    assert.equal(state.asked.length, 5);
  });

  it("that a mirror has lost makes it be asked for everything anew", async () => {
    const { state, holds } = mirror();
    for (const url of ["a", "b", "c"]) await holds(url);
    state.now = 200_000;
    state.lost = new Set(["a", "b"]);
    assert.equal(holds("a"), "present", "nobody waits");
    await new Promise(setImmediate);
    assert.equal(holds("a"), "absent");
    assert.equal(await holds("b"), "absent");
    assert.equal(await holds("c"), "present");
  });

  it("by tag, or a file, is asked for again after the shorter time", async () => {
    const { state, existence } = mirror();
    await existence.holds(about("tag"));
    state.now = 100_001;
    assert.equal(typeof existence.holds(about("tag")), "object");
  });
});

it("sends one request for concurrent checks of an object", async () => {
  const answer = Promise.withResolvers<boolean>();
  let asked = 0;
  const existence = new Existence(settings, () => {
    asked++;
    return answer.promise;
  });
  const all = [existence.holds(about("x")), existence.holds(about("x")), existence.holds(about("x"))];
  assert.equal(existence.asking, 1);
  answer.resolve(true);
  assert.deepEqual(await Promise.all(all.map((each) => Promise.resolve(each))), ["present", "present", "present"]);
  assert.equal(asked, 1);
  assert.equal(existence.counts.shared, 2);
  assert.equal(existence.asking, 0);
});

it("evicts the least recently used results at the configured limit", async () => {
  const existence = new Existence(settings, async () => true);
  for (const url of ["1", "2", "3"]) await existence.holds(about(url));
  assert.equal(existence.holds(about("1")), "present");
  await existence.holds(about("4"));
  await existence.holds(about("5"));
  assert.ok(existence.size <= 4);
  assert.equal(existence.holds(about("1")), "present", "it was used");
  assert.equal(typeof existence.holds(about("2")), "object", "2 is forgotten");
  for (let i = 0; i < 100; i++) {
    await existence.holds(about(`n${i}`));
    assert.ok(existence.size <= 4, `${existence.size}`);
    assert.equal(existence.holds(about("1")), "present", "what is used all the time stays");
  }
  assert.ok(existence.counts.evicted >= 95, `${existence.counts.evicted} forgotten`);
});

it("keeps its cache and memory bounded for ten times as many digests", async () => {
  const remembered = 5_000;
  const existence = new Existence({ ...settings, entries: remembered }, async () => true);
  const ask = async (from: number, to: number): Promise<number> => {
    for (let i = from; i < to; i++) {
      await existence.holds(
        about(`https://bucket.example/containers/images/sha256:${i.toString(16).padStart(64, "0")}`),
      );
    }
    return await reachableBytes();
  };
  await ask(0, 100); // what is compiled and loaded at the first use
  const empty = await reachableBytes();
  const first = await ask(100, 100 + remembered / 2);
  const each = (first - empty) / (remembered / 2);
  const after = await ask(100 + remembered / 2, 10 * remembered);
  assert.ok(existence.size <= remembered && existence.size >= remembered / 2);
  assert.equal(existence.asking, 0);
  assert.ok(each > 20, `${each} bytes for a digest: what is remembered is measured`);
  const kept = (after - empty) / each;
  assert.ok(kept < 2 * remembered, `memory for ${Math.round(kept)} digests, of ${10 * remembered} asked for`);
});

/**
 * Bytes of the heap that something still refers to. One collection does not free all: what a WeakRef has shown in this turn of the event loop
 * and what waits for its finalizer is freed later. So it collects, a turn each time, until that frees nothing more.
 */
async function reachableBytes(): Promise<number> {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  let least = Number.POSITIVE_INFINITY;
  for (let idle = 0; idle < 5; ) {
    await new Promise((resolve) => setImmediate(resolve));
    collect();
    const used = process.memoryUsage().heapUsed;
    idle = used < least - 10_000 ? 0 : idle + 1;
    least = Math.min(least, used);
  }
  return least;
}

it("times out on a slow mirror, even if the request ignores the abort signal", async () => {
  const existence = new Existence(settings, never);
  assert.equal(await existence.holds(about("x")), "failing");
  assert.equal(existence.counts.failed, 1);
  assert.equal(existence.size, 0, "not knowing is not remembered");
  assert.equal(existence.asking, 0);
});

it("skips checks at the concurrency limit, without counting failures", () => {
  const existence = new Existence(settings, never);
  const waiting = [existence.holds(about("1")), existence.holds(about("2"))];
  assert.ok(waiting.every((each) => each instanceof Promise));
  assert.equal(existence.holds(about("3")), "unknown");
  assert.equal(existence.counts.skipped, 1);
});

it("opens the circuit breaker for ten seconds after five failing objects in a row, then sends one request", async () => {
  let now = 0;
  let broken = false;
  const asked: string[] = [];
  const turns: unknown[] = [];
  const ask = async ({ url }: ExistenceCheck): Promise<boolean> => {
    asked.push(url);
    if (broken && url.startsWith("bad")) throw new Error("503");
    return true;
  };
  const existence = new Existence(
    { ...settings, concurrency: 50 },
    ask,
    () => now,
    (...turn) => turns.push(turn),
  );
  const bad = (number: number): Presence | Promise<Presence> => existence.holds(about(`bad${number}`, "bad"));
  assert.equal(await bad(0), "present");
  broken = true;
  for (let i = 1; i <= 5; i++) {
    assert.equal(bad(0), "present", "as long as it does not fail");
    assert.equal(await bad(i), "failing");
  }
  assert.equal(bad(6), "failing", "at once");
  assert.equal(bad(0), "failing", "known or not");
  assert.equal(asked.length, 6);
  assert.deepEqual(existence.failing, ["bad"]);
  assert.equal(await existence.holds(about("x", "good")), "present", "the others are not");
  now = 10_001;
  const trial = bad(0); // known or not
  assert.equal(bad(8), "failing", "at once, while one is asked for all");
  assert.equal(await trial, "failing");
  assert.equal(bad(9), "failing");
  assert.deepEqual(asked.slice(6), ["x", "bad0"]);
  now = 20_002;
  broken = false;
  assert.equal(await bad(0), "present");
  assert.equal(await bad(10), "present");
  assert.deepEqual(turns, [
    ["bad", true],
    ["bad", false],
  ]);
  assert.deepEqual(existence.failing, []);
});

it("one broken object does not make a mirror failing", async () => {
  const existence = new Existence(settings, async ({ url }) => {
    if (url === "broken") throw new Error("500");
    return true;
  });
  for (let i = 0; i < 20; i++) assert.equal(await existence.holds(about("broken")), "failing");
  assert.equal(await existence.holds(about("x")), "present");
});

it("a mirror with status 429 is busy for ten seconds, also for what it is known to hold", async () => {
  let now = 0;
  let asked = 0;
  const existence = new Existence(
    settings,
    async () => (asked++ === 1 ? undefined : true),
    () => now,
  );
  assert.equal(await existence.holds(about("known")), "present");
  assert.equal(existence.isBusy(about("known").asked), false);
  assert.equal(await existence.holds(about("1")), "busy");
  assert.equal(existence.holds(about("2")), "busy");
  assert.equal(existence.holds(about("known")), "busy");
  assert.equal(existence.isBusy(about("known").asked), true);
  assert.equal(asked, 2);
  now = 10_001;
  assert.equal(existence.holds(about("known")), "present");
  assert.equal(await existence.holds(about("2")), "present");
});

it("invalidates the results of one mirror only", async () => {
  let asked = 0;
  const existence = new Existence(settings, async () => {
    asked++;
    return true;
  });
  await existence.holds(about("x", "one"));
  await existence.holds(about("y", "other"));
  existence.forget("one");
  assert.equal(existence.holds(about("y", "other")), "present");
  assert.equal(await existence.holds(about("x", "one")), "present");
  assert.equal(asked, 3);
});

it("does not cache a result that was in progress when its mirror was invalidated", async () => {
  const first = Promise.withResolvers<boolean>();
  let asked = 0;
  const existence = new Existence(settings, async () => (asked++ === 0 ? await first.promise : false));
  const early = existence.holds(about("x"));
  existence.forget("b");
  first.resolve(true);
  assert.equal(await early, "present");
  assert.equal(await existence.holds(about("x")), "absent");
});

it("maps a mirror's status to a result", async () => {
  let seen: { method?: string | undefined; accept?: string | undefined } = {};
  const server = await serveOnLoopback((request, response) => {
    seen = { method: request.method, accept: request.headers.accept };
    response.writeHead(Number(request.url?.slice(1)), { location: "http://127.0.0.1:1/" }).end();
  });
  afterTest(() => server.close());
  const origin = server.url;
  const ask = (status: number): Promise<ObjectFound> =>
    headObject({ asked: "m", url: `${origin}/${status}` }, new AbortController().signal);
  const found = [200, 302, 404, 403, 429].map(ask);
  assert.deepEqual(await Promise.all(found), [true, true, false, "refused", undefined]);
  await assert.rejects(ask(503), /answers 503/);
  assert.equal(seen.method, "HEAD");
  assert.match(seen.accept ?? "", /oci\.image\.index.*docker\.distribution\.manifest\.v2/);
});

describe("a mirror that refuses", () => {
  /** A mirror `near` that gives what `gives` says and refuses all else, and another one that gives `elsewhere/...` if `other`. */
  function mirrorThat(gives: (url: string) => boolean, other: boolean) {
    const asked: string[] = [];
    const turns: boolean[] = [];
    let now = 0;
    const existence = new Existence(
      { ...settings, concurrency: 50, entries: 1_000 },
      async ({ url }) => {
        asked.push(url);
        if (url.startsWith("elsewhere/")) return other;
        return gives(url) ? true : "refused";
      },
      () => now,
      (_, failing) => turns.push(failing),
    );
    const holds = (url: string) => existence.holds({ asked: "near", url, elsewhere: `elsewhere/${url}` });
    return { existence, holds, asked, turns, pass: (ms: number) => (now += ms) };
  }
  const settled = () => new Promise((resolve) => setImmediate(resolve));

  it("objects that another mirror serves is failing, for all objects, until it serves one again", async () => {
    let gives = false;
    const { existence, holds, turns, pass } = mirrorThat(() => gives, true);
    for (const name of ["a", "b", "c", "d", "e"]) assert.equal(await holds(name), "refused");
    await settled();
    assert.deepEqual(existence.failing, ["near"]);
    assert.equal(holds("f"), "failing");
    pass(10_001);
    assert.equal(await holds("g"), "failing", "the trial is refused");
    assert.equal(holds("h"), "failing");
    pass(10_001);
    gives = true;
    assert.equal(await holds("i"), "present");
    assert.deepEqual(existence.failing, []);
    assert.deepEqual(turns, [true, false]);
  });

  it("everything, after serving objects before, is failing: cached results do not count", async () => {
    let gives = true;
    const { holds } = mirrorThat(() => gives, false);
    assert.equal(await holds("old"), "present");
    gives = false;
    for (const name of ["a", "b", "c", "d", "e"]) await holds(name);
    await settled();
    assert.equal(holds("old"), "failing");
  });

  it("objects that no mirror has stays in use, at the cost of one extra request per five refusals", async () => {
    const { existence, holds, asked, turns } = mirrorThat((url) => url === "good", true);
    assert.equal(await holds("good"), "present");
    for (let count = 0; count < 100; count++) {
      assert.equal(await holds(`hostile-${count}`), "refused");
      assert.equal(holds("good"), "present");
    }
    await settled();
    assert.deepEqual([existence.failing, turns], [[], []]);
    assert.ok(asked.length <= 1 + 100 + 20, `${asked.length} questions`);
  });

  it("objects that no mirror has, and never served any, stays in use", async () => {
    const { existence, holds } = mirrorThat(() => false, false);
    for (let count = 0; count < 20; count++) await holds(`hostile-${count}`);
    await settled();
    assert.deepEqual(existence.failing, []);
  });
});
