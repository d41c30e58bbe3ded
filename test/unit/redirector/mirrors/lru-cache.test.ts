import assert from "node:assert/strict";
import fc from "fast-check";
import { it } from "mocha";
import { LruCache } from "../../../../redirector/mirrors/lru-cache.ts";

it("keeps recently used values, and at most the capacity of others", () => {
  const recent = new LruCache<number>(10);
  for (let i = 0; i < 1000; i++) {
    recent.set(`once ${i}`, i);
    if (i === 0) recent.set("often", -1);
    assert.equal(recent.get("often"), -1, String(i));
    assert.ok(recent.size <= 10);
    assert.equal(recent.get(`once ${i}`), i);
  }
  assert.equal(recent.get("once 0"), undefined);
  assert.equal(recent.size + recent.evicted, 1001);
});

it("any sequence: a value is the last one set or evicted, and no key is stored twice", () => {
  const use = fc.tuple(fc.constantFrom("get", "set"), fc.nat(8));
  fc.assert(
    fc.property(fc.array(use, { maxLength: 60 }), fc.integer({ min: 2, max: 9 }), (uses, most) => {
      const recent = new LruCache<number>(most);
      const last = new Map<string, number>();
      let lately: string[] = [];
      for (const [at, [what, key]] of uses.entries()) {
        const name = String(key);
        if (what === "set") {
          recent.set(name, at);
          last.set(name, at);
        } else {
          const found = recent.get(name);
          if (found !== undefined) assert.equal(found, last.get(name));
          // Whoever is among the most recently used half has to be known.
          else assert.ok(!lately.slice(0, Math.floor(most / 2)).includes(name), `${name} of ${lately.join()}`);
        }
        if (what === "set" || recent.get(name) !== undefined)
          lately = [name, ...lately.filter((each) => each !== name)];
        assert.ok(recent.size <= most);
      }
    }),
    { numRuns: 2000 },
  );
});
