import assert from "node:assert/strict";
import fc from "fast-check";
import { it } from "mocha";
import { route } from "../../../../redirector/routing/route.ts";
import { Targets } from "../../../../redirector/routing/targets.ts";
import { anyText } from "../../../support/any-text.ts";
import { cases } from "../../../support/redirector/cases.ts";

const longest = 8192;

it("any target gets the same route each time, by any method", () => {
  const targets = new Targets(longest);
  const known = cases.map(({ target }) => target);
  const target = fc.oneof(fc.constantFrom(...known), anyText({ maxLength: 30 }));
  const method = fc.constantFrom("GET", "HEAD", "POST", "DELETE", "get", "");
  fc.assert(
    fc.property(fc.array(fc.tuple(method, target), { maxLength: 10 }), (asked) => {
      for (const [how, text] of asked) {
        assert.deepEqual(targets.read(how, text).route, route(how, text, longest), JSON.stringify([how, text]));
      }
    }),
    { numRuns: 3000 },
  );
});

it("caches targets that lead to a mirror; not others, nor long ones", () => {
  const targets = new Targets(longest);
  const again = (target: string): boolean => {
    const first = targets.read("GET", target);
    return first.checks !== undefined && targets.read("HEAD", target) === first;
  };
  assert.ok(again("/v2/pause/manifests/3.9"));
  assert.ok(again(`/v2/pause/blobs/sha256:${"a".repeat(64)}`));
  assert.ok(again("/binaries/kops/1.0/kops"));
  assert.ok(!again("/v2/pause/manifests/:"));
  assert.ok(!again("/binaries/kops/../x"));
  assert.ok(!again(`/binaries/kops/${"x".repeat(512)}`));
  for (let i = 0; i < 5000; i++) targets.read("GET", `/nothing/${i}`);
  assert.ok(again("/v2/pause/manifests/3.9"));
});

it("keeps the targets that are asked for again, however many others are asked for once", () => {
  const targets = new Targets(longest);
  const ask = (target: string) => targets.read("GET", target);
  for (let i = 0; i < 2000; i++) ask(`/v2/first/manifests/${i}`); // the cache is full
  const popular = Array.from({ length: 300 }, (_, i) => `/v2/popular/manifests/${i}`);
  const before = new Map<string, unknown>();
  let once = 0;
  let known = 0;
  for (let round = 0; round < 40; round++) {
    for (const target of popular) {
      const { checks } = ask(target);
      if (round >= 30 && checks !== undefined && before.get(target) === checks) known++;
      before.set(target, checks);
    }
    for (let i = 0; i < 1200; i++) ask(`/v2/once/manifests/${once++}`);
  }
  assert.ok(known > 0.9 * 10 * popular.length, `${known} of ${10 * popular.length}`);
});
