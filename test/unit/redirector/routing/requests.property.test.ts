import assert from "node:assert/strict";
import fc from "fast-check";
import { it } from "mocha";
import { createApp } from "../../../../redirector/app.ts";
import { parseConfig } from "../../../../redirector/config.ts";
import { Existence } from "../../../../redirector/mirrors/existence.ts";
import { RequestMetrics } from "../../../../redirector/telemetry/metrics.ts";
import { anyText } from "../../../support/any-text.ts";
import { asked } from "../../../support/redirector/asked.ts";
import { caseConfig, caseRanges, cases, holds } from "../../../support/redirector/cases.ts";
import { silentLog } from "../../../support/redirector/silent-log.ts";

const parsed = parseConfig(
  JSON.stringify({ ...caseConfig((name) => `https://${name}.example`), existence: { entries: 50 } }),
);
assert.ok("config" in parsed);
const { config } = parsed;
const bases = [...config.imageMirrors, ...config.fileMirrors].map(({ url }) => url);
const existence = new Existence(config.existence, async ({ url }) => holds(url));
const metrics = new RequestMetrics();
const app = createApp(config, {
  ranges: caseRanges().ranges,
  holds: (question) => existence.holds(question),
  metrics,
  log: silentLog,
  leaving: () => undefined,
});

/** Parts of which requests are made that come close to all the rules, and a bit of everything else. */
const part = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.constantFrom(
      "/",
      "/v2/",
      "/v2",
      "/binaries/",
      "pause",
      "manifests",
      "blobs",
      "tags",
      "list",
      "referrers",
      "_catalog",
      "uploads",
    ),
  },
  {
    weight: 2,
    arbitrary: fc.constantFrom(
      `sha256:${"a".repeat(64)}`,
      `sha512:${"b".repeat(128)}`,
      "sha256:",
      `sha256-${"c".repeat(64)}.sig`,
      "3.9",
    ),
  },
  {
    weight: 3,
    arbitrary: fc.constantFrom(
      "..",
      "%2e%2e",
      ".",
      "//",
      "\\",
      "%2f",
      "%5c",
      "%00",
      "%0d%0a",
      "\r\n",
      "\0",
      "%zz",
      "%",
      "?",
      "#",
      "@",
      "é",
      "%c3%a9",
      "%ff",
      ":",
      " ",
      "+",
    ),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      "http://evil.example",
      "https://u:p@evil.example:1",
      "//evil.example",
      "javascript:",
      "x".repeat(300),
    ),
  },
  { weight: 1, arbitrary: anyText({ maxLength: 8 }) },
);
const target = fc.oneof(
  fc.array(part, { maxLength: 12 }).map((parts) => parts.join("")),
  fc.array(part, { maxLength: 8 }).map((parts) => `/v2/${parts.join("/")}`),
  fc.array(part, { maxLength: 8 }).map((parts) => `/binaries/${parts.join("/")}`),
  fc.constantFrom(...cases.map((each) => each.target)),
  fc
    .tuple(fc.constantFrom(...cases.map((each) => each.target)), fc.nat(200), anyText({ maxLength: 3 }))
    .map(([text, at, inserted]) => text.slice(0, at) + inserted + text.slice(at)),
);
const address = fc.oneof(
  fc.ipV4(),
  fc.ipV6(),
  fc.constantFrom("35.180.1.1", "35.220.26.1", "::ffff:20.42.0.1", "junk", "", "[", "1.2.3.4:5"),
  fc.string({ maxLength: 12 }),
);
const request = fc.record({
  method: fc.oneof(
    { weight: 5, arbitrary: fc.constantFrom("GET", "HEAD") },
    fc.constantFrom("POST", "DELETE", "get", "OPTIONS", "PRI", ""),
    fc.string({ maxLength: 5 }),
  ),
  target,
  headers: fc.record(
    {
      "x-forwarded-for": fc.array(address, { maxLength: 4 }).map((list) => list.join(",")),
      "x-client-latlong": fc.oneof(
        fc.tuple(fc.double(), fc.double()).map((pair) => pair.join(",")),
        fc.string({ maxLength: 20 }),
      ),
      "user-agent": anyText({ maxLength: 20 }),
      traceparent: fc.string({ maxLength: 60 }),
    },
    { requiredKeys: [] },
  ),
  healthy: fc.array(fc.boolean(), { minLength: bases.length, maxLength: bases.length }),
});

it("any request gets a response, with a Location only below a configured mirror or a configured page", async () => {
  let redirects = 0;
  await fc.assert(
    fc.asyncProperty(request, async ({ method, target: text, headers, healthy }) => {
      [...app.mirrors.images, ...app.mirrors.files].forEach((mirror, index) => {
        mirror.healthy = healthy[index] ?? true;
      });
      const answer = await app.handle(
        asked(method, text, (name) => (headers as Partial<Record<string, string>>)[name]),
      );
      assert.ok([200, 307, 400, 404, 405, 414, 503].includes(answer.status), String(answer.status));
      assert.equal(answer.location !== undefined, answer.status === 307);
      assert.match(answer.body ?? "", /^[\n\x20-\x7e]*$/);
      if (answer.location === undefined) return;
      redirects++;
      assert.match(answer.location, /^[\x21-\x7e]+$/);
      const location = new URL(answer.location);
      if (answer.location === config.pages.home || answer.location === config.pages.privacy) return;
      const base = bases.find((each) => answer.location?.startsWith(`${each}/`));
      assert.ok(base, answer.location);
      // As the most obliging URL parser resolves it: still in the mirror's own folder, and nothing lost to a fragment.
      assert.equal(location.origin, new URL(base).origin);
      assert.ok(location.pathname.startsWith(`${new URL(base).pathname}/`), location.href);
      assert.equal(location.hash, "");
      assert.equal(location.username + location.password, "");
      assert.equal(location.href, answer.location.replaceAll("'", location.search.includes("%27") ? "%27" : "'"));
    }),
    { numRuns: 20_000 },
  );
  assert.ok(redirects > 1000, `${redirects} redirects`);
});

it("caches and counters stay bounded for any requests", async () => {
  for (let i = 0; i < 5000; i++) {
    const digest = `sha256:${i.toString(16).padStart(64, "0")}`;
    await app.handle(asked("GET", `/v2/p${i}/blobs/${digest}`, undefined, `35.180.${i >> 8}.${i & 255}`));
  }
  assert.ok(existence.size <= 50);
  assert.equal(existence.asking, 0);
  assert.ok(metrics.expose().split("\n").length < 200);
});
