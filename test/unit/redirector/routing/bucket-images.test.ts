import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { createApp } from "../../../../redirector/app.ts";
import { emptyTable } from "../../../../redirector/cloud-ranges/table.ts";
import { parseConfig, type RedirectorConfig, type RedirectorConfigInput } from "../../../../redirector/config.ts";
import type { ExistenceCheck, Presence } from "../../../../redirector/mirrors/existence.ts";
import type { ListRequest, ListResult } from "../../../../redirector/mirrors/lists.ts";
import { ManifestHeads } from "../../../../redirector/mirrors/manifest-heads.ts";
import { RequestMetrics } from "../../../../redirector/telemetry/metrics.ts";
import { asked } from "../../../support/redirector/asked.ts";
import { silentLog } from "../../../support/redirector/silent-log.ts";

const digest = `sha256:${"a".repeat(64)}`;
const near = { latitude: 50.45, longitude: 3.82 };
const registry = {
  name: "canonical",
  url: "https://r.example/v2/p/images",
  cloud: "gcp",
  region: "far",
  latitude: 41.26,
  longitude: -95.86,
} as const;
const bucket = {
  name: "bucket",
  kind: "objects",
  url: "https://b.example",
  cloud: "aws",
  region: "near",
  ...near,
} as const;
const other = { ...bucket, name: "other", url: "https://o.example", longitude: 10 } as const;

/** An app in whose mirrors these URLs exist. */
function app(
  imageMirrors: RedirectorConfigInput["imageMirrors"],
  there: readonly string[],
  down: readonly string[] = [],
) {
  const config = { host: "h.example", region: { name: "near", ...near }, imageMirrors };
  const parsed = parseConfig(JSON.stringify(config)) as { config: RedirectorConfig };
  const checks: string[] = [];
  const made = createApp(parsed.config, {
    ranges: emptyTable,
    holds: ({ url, hidesAbsence }: ExistenceCheck): Presence => {
      checks.push(`${url}${hidesAbsence ? " *" : ""}`);
      return there.includes(url) ? "present" : "absent";
    },
    lists: ({ kind, url, isObject }: ListRequest): Promise<ListResult> => {
      checks.push(`${url}${isObject ? " *" : ""}`);
      if (!there.includes(url)) return Promise.resolve("absent");
      return Promise.resolve(kind === "tags" ? { kind, tags: ["v1"] } : { kind, referrers: [{ digest }] });
    },
    heads: (url) =>
      Promise.resolve(there.includes(url) ? { digest, mediaType: "application/x", length: 7 } : undefined),
    metrics: new RequestMetrics(),
    log: silentLog,
    leaving: () => undefined,
  });
  for (const mirror of made.mirrors.images) if (down.includes(mirror.site.name)) mirror.healthy = false;
  return { checks, ask: async (method: string, target: string) => made.handle(asked(method, target)) };
}

describe("a bucket as an image mirror", () => {
  const keys: [what: string, path: string, key: string][] = [
    ["a tag", "/a/b/manifests/v1", "containers/registry/a/b/_manifests/v1"],
    ["a digest", `/a/manifests/${digest}`, `containers/registry/a/_manifests/${digest}`],
    ["a name like a path of the API", "/a/manifests/b/manifests/v1", "containers/registry/a/manifests/b/_manifests/v1"],
    ["a blob", `/a/blobs/${digest}`, `containers/images/${digest}`],
  ];
  for (const [what, path, key] of keys)
    it(`${what} is the object ${key}, without the query`, async () => {
      const url = `https://b.example/${key}`;
      const { ask, checks } = app([registry, bucket], [url]);
      const { status, location } = await ask("GET", `/v2${path}?ns=h.example`);
      assert.deepEqual([status, location, checks], [307, url, [`${url} *`]]);
    });

  const lists: [what: string, path: string, key: string, field: string][] = [
    ["tags", "/a/b/tags/list", "containers/registry/a/b/_tags/list", "tags"],
    ["referrers", `/a/b/referrers/${digest}`, `containers/registry/a/b/_referrers/${digest}`, "manifests"],
  ];
  for (const [what, path, key, field] of lists)
    it(`the list of ${what} is read from ${key}`, async () => {
      const { ask, checks } = app([registry, bucket], [`https://b.example/${key}`]);
      const { status, body } = await ask("GET", `/v2${path}?n=5`);
      assert.deepEqual([status, checks], [200, [`${registry.url}${path}`, `https://b.example/${key} *`]]);
      assert.equal((JSON.parse(body!) as Record<string, unknown[]>)[field]?.length, 1);
    });

  it("HEAD of a manifest is answered with the digest, of a blob it is redirected", async () => {
    const [manifest, blob] = [
      "https://b.example/containers/registry/a/_manifests/v1",
      `https://b.example/containers/images/${digest}`,
    ];
    const { ask } = app([bucket], [manifest, blob]);
    const { status, headers, length } = await ask("HEAD", "/v2/a/manifests/v1");
    assert.deepEqual([status, length, new Map(headers).get("Docker-Content-Digest")], [200, 7, digest]);
    assert.equal((await ask("HEAD", `/v2/a/blobs/${digest}`)).location, blob);
  });

  it("what it lacks is looked for in the canonical mirror, else in the next bucket, and is unknown when all lack it", async () => {
    const inOther = "https://o.example/containers/registry/a/_manifests/v1";
    const toCanonical = await app([registry, bucket, other], [inOther]).ask("GET", "/v2/a/manifests/v1");
    assert.equal(toCanonical.location, "https://r.example/v2/p/images/a/manifests/v1");
    const withoutIt = app([registry, bucket, other], [inOther], ["canonical"]);
    assert.equal((await withoutIt.ask("GET", "/v2/a/manifests/v1")).location, inOther);
    const nowhere = await withoutIt.ask("GET", "/v2/a/manifests/v2");
    assert.equal(nowhere.status, 404);
    assert.match(nowhere.body!, /MANIFEST_UNKNOWN/);
  });

  it("of what has no referrers it has no list: the list is empty", async () => {
    const { ask } = app([registry, bucket], [], ["canonical"]);
    const { status, body } = await ask("GET", `/v2/a/referrers/${digest}`);
    assert.deepEqual([status, (JSON.parse(body!) as { manifests: unknown[] }).manifests], [200, []]);
    assert.equal((await ask("GET", "/v2/a/tags/list")).status, 404);
  });
});

describe("heads of manifests in a bucket", () => {
  const settings = { keptSeconds: 10, timeoutSeconds: 1, concurrency: 1 };
  const bytes = "{}";
  const hash = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";

  it("are read once for all who ask, kept for a short time by tag, and without limit by digest", async () => {
    let [reads, now] = [0, 0];
    const fetched = () => {
      reads++;
      return Promise.resolve(
        new Response(bytes, { headers: { "content-type": "application/vnd.oci.image.index.v1+json" } }),
      );
    };
    const heads = new ManifestHeads(settings, fetched, () => now);
    const [one, two] = await Promise.all([heads.read("https://b/v1"), heads.read("https://b/v1")]);
    assert.deepEqual(one, { digest: hash, mediaType: "application/vnd.oci.image.index.v1+json", length: 2 });
    assert.deepEqual([two, reads], [one, 1]);
    await heads.read(`https://b/${hash}`);
    now = 10_001;
    await heads.read("https://b/v1");
    await heads.read(`https://b/${hash}`);
    assert.equal(reads, 3);
  });

  const failures: [string, () => Promise<Response>][] = [
    ["403", () => Promise.resolve(new Response("", { status: 403 }))],
    ["a broken connection", () => Promise.reject(new Error("reset"))],
    [
      "more than a manifest may have",
      () => Promise.resolve(new Response("x", { headers: { "content-length": "5000000" } })),
    ],
  ];
  for (const [what, answer] of failures)
    it(`${what}: there is none`, async () =>
      assert.equal(await new ManifestHeads(settings, answer).read("https://b/v1"), undefined));

  it("a type that is none does not become a header", async () => {
    const odd = () => Promise.resolve(new Response(bytes, { headers: { "content-type": "text/html; charset=x" } }));
    assert.equal((await new ManifestHeads(settings, odd).read("https://b/v1"))?.mediaType, "application/octet-stream");
  });
});
