/** A mirror that lags, is rebuilt or fails hides no tag and no signature that another mirror has. */
import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { createApp } from "../../../../redirector/app.ts";
import { emptyTable } from "../../../../redirector/cloud-ranges/table.ts";
import { parseConfig, type RedirectorConfig } from "../../../../redirector/config.ts";
import type { ListResult } from "../../../../redirector/mirrors/lists.ts";
import { RequestMetrics } from "../../../../redirector/telemetry/metrics.ts";
import { asked } from "../../../support/redirector/asked.ts";
import { silentLog } from "../../../support/redirector/silent-log.ts";

const hex = "a".repeat(64);
const mirrors = ["canonical", "near", "next", "far"];

interface Mirrors {
  /** What each mirror's list has, or why it gives none; "down": its probes fail. */
  readonly canonical: readonly string[] | "absent" | "failing" | "unread" | "down";
  readonly near: Mirrors["canonical"];
  readonly next: Mirrors["canonical"];
  readonly far: Mirrors["canonical"];
}

/** The answer of a redirector near `near`, and the mirrors that it asked. */
async function ask(target: string, lists: Mirrors, canonicalWeight = 1) {
  const place = { cloud: "gcp", region: "r", latitude: 0 } as const;
  const imageMirrors = mirrors.map((name, index) => ({
    ...place,
    name,
    url: `https://${name}.example/v2/p`,
    longitude: [170, 0, 20, 40][index]!,
    ...(name === "canonical" && { weight: canonicalWeight }),
  }));
  const config = { host: "h.example", region: { name: "r", latitude: 0, longitude: 0 }, imageMirrors };
  const read: string[] = [];
  const app = createApp((parseConfig(JSON.stringify(config)) as { config: RedirectorConfig }).config, {
    ranges: emptyTable,
    holds: () => "present",
    lists: ({ kind, url }): Promise<ListResult> => {
      const name = new URL(url).hostname.split(".")[0] as keyof Mirrors;
      read.push(name);
      const items = lists[name];
      if (items === "down") throw new Error(`${name} is asked, which is down`);
      if (typeof items === "string") return Promise.resolve(items);
      return Promise.resolve(
        kind === "tags" ? { kind, tags: items } : { kind, referrers: items.map((digest) => ({ digest, from: name })) },
      );
    },
    metrics: new RequestMetrics(),
    log: silentLog,
    leaving: () => undefined,
  });
  for (const mirror of app.mirrors.images)
    if (lists[mirror.site.name as keyof Mirrors] === "down") mirror.healthy = false;
  const { status, location, body } = await app.handle(asked("GET", target));
  return { status, location, body: status === 200 ? (JSON.parse(body!) as Record<string, unknown>) : {}, read };
}

const all = ["s1", "s2"];
const cases: [what: string, lists: Mirrors, expected: readonly string[] | string, asked: readonly string[]][] = [
  ["the nearest mirror lags", { canonical: all, near: ["s1"], next: [], far: [] }, all, ["canonical", "near"]],
  [
    "the nearest mirror has no such repository",
    { canonical: all, near: "absent", next: [], far: [] },
    all,
    ["canonical", "near"],
  ],
  [
    "the nearest mirror fails",
    { canonical: all, near: "failing", next: all, far: [] },
    all,
    ["canonical", "near", "next"],
  ],
  [
    "the canonical mirror was lost and is empty",
    { canonical: [], near: all, next: [], far: [] },
    all,
    ["canonical", "near"],
  ],
  [
    "the canonical mirror was lost, with its repository",
    { canonical: "absent", near: all, next: [], far: [] },
    all,
    ["canonical", "near"],
  ],
  ["each has what the other lacks", { canonical: ["s2"], near: ["s1"], next: [], far: [] }, all, ["canonical", "near"]],
  [
    "the canonical mirror is down, and the nearest lags",
    { canonical: "down", near: ["s1"], next: all, far: [] },
    all,
    ["near", "next"],
  ],
  [
    "the canonical mirror fails, and the nearest lags",
    { canonical: "failing", near: ["s1"], next: all, far: [] },
    all,
    ["canonical", "near", "next"],
  ],
  ["only the farthest is healthy", { canonical: "down", near: "down", next: "down", far: all }, all, ["far"]],
  [
    "no mirror has it",
    { canonical: "absent", near: "absent", next: all, far: all },
    "canonical",
    ["canonical", "near"],
  ],
  [
    "the canonical mirror's list is too long",
    { canonical: "unread", near: ["s1"], next: [], far: [] },
    "canonical",
    ["canonical", "near"],
  ],
  [
    "the canonical mirror fails, and no other has it",
    { canonical: "failing", near: "absent", next: "absent", far: [] },
    "canonical",
    ["canonical", "near", "next"],
  ],
  [
    "all mirrors fail",
    { canonical: "failing", near: "failing", next: "failing", far: [] },
    "canonical",
    ["canonical", "near", "next"],
  ],
];

describe("lists of several mirrors", () => {
  for (const [what, lists, expected, read] of cases) {
    it(`${what}: ${typeof expected === "string" ? `the client is redirected to ${expected}` : "the list is whole"}`, async () => {
      const tags = await ask("/v2/a/tags/list", lists);
      const referrers = await ask(`/v2/a/referrers/sha256:${hex}`, lists);
      assert.deepEqual([tags.read, referrers.read], [read, read]);
      if (typeof expected === "string") {
        assert.deepEqual([tags.status, tags.location], [307, `https://${expected}.example/v2/p/a/tags/list`]);
        assert.equal(referrers.location, `https://${expected}.example/v2/p/a/referrers/sha256:${hex}`);
        return;
      }
      const digests = (referrers.body["manifests"] as { digest: string }[]).map(({ digest }) => digest).sort();
      assert.deepEqual([tags.body["tags"], digests], [expected, expected]);
    });
  }

  it("of a referrer that two mirrors list, it returns what the canonical mirror says", async () => {
    const { body } = await ask(`/v2/a/referrers/sha256:${hex}`, { canonical: ["s1"], near: ["s1"], next: [], far: [] });
    assert.deepEqual(body["manifests"], [{ digest: "s1", from: "canonical" }]);
  });

  it("a canonical mirror of weight 0 is no source of lists while others are healthy", async () => {
    const { read } = await ask("/v2/a/tags/list", { canonical: [], near: all, next: all, far: all }, 0);
    assert.deepEqual(read, ["near", "next"]);
  });

  for (const [tag, canonicalIs, to] of [
    [`sha256-${hex}.sig`, "healthy", "canonical"],
    [`sha256-${hex}`, "healthy", "canonical"],
    [`sha256-${hex}.sig`, "down", "near"],
    ["v1", "healthy", "near"],
  ] as const)
    it(`the tag ${tag.replace(hex, "<hex>")} is read from the ${to} mirror, as the canonical one is ${canonicalIs}`, async () => {
      const canonical = canonicalIs === "down" ? "down" : [];
      const { location } = await ask(`/v2/a/manifests/${tag}`, { canonical, near: [], next: [], far: [] });
      assert.equal(location, `https://${to}.example/v2/p/a/manifests/${tag}`);
    });
});
