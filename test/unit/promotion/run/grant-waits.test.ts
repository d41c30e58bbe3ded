import assert from "node:assert/strict";
import { it } from "mocha";
import { GrantWaits, unknownTo } from "../../../../components/promotion/run/grant-waits.ts";

/** A mirror that denies access so often. */
function denying(times: number, address = "a") {
  let asked = 0;
  const mirror = {
    name: `mirror ${address}`,
    address,
    mayWrite: async () => {
      asked++;
      return asked > times;
    },
  };
  return { mirror, asked: () => asked };
}

function waits() {
  const clock = { seconds: 0 };
  const made = new GrantWaits(async (ms) => {
    clock.seconds += ms / 1000;
  });
  return { clock, waits: made };
}

const { signal } = new AbortController();

it("a mirror that may be written is asked once, and nothing is said", async () => {
  const { mirror, asked } = denying(0);
  const said: string[] = [];
  const { clock, waits: all } = waits();
  await all.untilTheyHold([mirror], (line) => said.push(line), signal);
  assert.deepEqual([asked(), clock.seconds, said], [1, 0, []]);
});

it("a new mirror that denies access is asked again, with progress", async () => {
  const { mirror, asked } = denying(3);
  const said: string[] = [];
  const { clock, waits: all } = waits();
  await all.untilTheyHold([mirror], (line) => said.push(line), signal);
  assert.equal(asked(), 4);
  assert.equal(clock.seconds, 1 + 2 + 5);
  assert.equal(said.length, 3);
  assert.equal(said[2], "the new mirror mirror a denies access: waiting for its grants to hold, 3 s of at most 420");
});

it("gives up after seven minutes: the run then names the denial", async () => {
  const { mirror } = denying(Number.POSITIVE_INFINITY);
  const { clock, waits: all } = waits();
  await all.untilTheyHold([mirror], () => {}, signal);
  assert.ok(clock.seconds >= 420 && clock.seconds < 440, `${clock.seconds} s`);
});

it("several projects wait for one mirror together", async () => {
  const { mirror, asked } = denying(1);
  const { waits: all } = waits();
  const other = denying(0, "b");
  await Promise.all([
    all.untilTheyHold([mirror], () => {}, signal),
    all.untilTheyHold([{ ...mirror }, other.mirror], () => {}, signal),
  ]);
  assert.deepEqual([asked(), other.asked()], [2, 1]);
});

it("an error is not waited for: the run meets it itself", async () => {
  const { clock, waits: all } = waits();
  const broken = { name: "m", address: "m", mayWrite: () => Promise.reject(new Error("unreachable")) };
  await all.untilTheyHold([broken], () => {}, signal);
  assert.equal(clock.seconds, 0);
});

it("a stopped run does not wait", async () => {
  const stop = new AbortController();
  const { mirror } = denying(Number.POSITIVE_INFINITY);
  const all = new GrantWaits(async () => stop.abort(new Error("stopped")));
  await all.untilTheyHold([mirror], () => {}, stop.signal); // without an error, after which the run would list nothing as left
});

it("a mirror is new by its name", () => {
  const names = (...list: string[]) => list.map((name) => ({ name }));
  assert.deepEqual(unknownTo(names("a"), names("a", "b")), names("b"));
  assert.deepEqual(unknownTo(undefined, names("a")), names("a"));
});
