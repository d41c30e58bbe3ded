import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { describe, it } from "mocha";
import { parseConfig, type RedirectorConfig } from "../../../../redirector/config.ts";
import { Existence } from "../../../../redirector/mirrors/existence.ts";
import { mirrorOf } from "../../../../redirector/mirrors/mirrors.ts";
import { PresenceDocuments } from "../../../../redirector/mirrors/presence-documents.ts";
import { probePublished } from "../../../../redirector/mirrors/probe-published.ts";
import { PublishedObjects } from "../../../../redirector/mirrors/published-objects.ts";
import { keyOfDigest, keyOfTag, writeKeys } from "../../../../redirector/presence-format.ts";

const site = { name: "a", url: "https://a", cloud: "gcp", region: "r", latitude: 0, longitude: 0, weight: 1 } as const;
const read = parseConfig(
  JSON.stringify({ host: "h", region: { name: "r", latitude: 0, longitude: 0 }, fileMirrors: [site] }),
) as { config: RedirectorConfig };
const digest = `sha256:${"a".repeat(64)}`;
const tagged = { asked: "a", url: "https://a/app/v1", route: { kind: "manifest", path: "/app/manifests/v1" } } as const;
const byDigest = { ...tagged, route: { kind: "manifest", path: `/app/manifests/${digest}` } } as const;

function documentOf(tag: string, project = "demo"): string {
  return JSON.stringify({
    schemaVersion: 1,
    project,
    keys: writeKeys([keyOfTag("app", tag)]),
    images: { app: { [digest]: writeKeys([keyOfDigest("app", digest)]) } },
  });
}

/** File mirrors whose objects are in `stores`, and a redirector that reads them. */
function world(objects = 100) {
  const clock = { now: 0 };
  const stores = new Map<string, Map<string, string>>([
    ["https://one", new Map()],
    ["https://two", new Map()],
  ]);
  const gets: string[] = [];
  const published = new PublishedObjects(() => clock.now);
  const documents = new PresenceDocuments(
    { ...read.config.presence, objects },
    () => [...stores.keys()],
    published,
    (url, etag) => {
      gets.push(url);
      const { origin, pathname } = new URL(url);
      const text = stores.get(origin)?.get(pathname.slice(1));
      if (text === "down") return Promise.resolve(new Response("", { status: 503 }));
      if (text === undefined) return Promise.resolve(new Response("", { status: 404 }));
      const own = `"${hex(text)}"`;
      if (etag === own) return Promise.resolve(new Response(null, { status: 304 }));
      return Promise.resolve(new Response(text, { headers: { etag: own } }));
    },
    () => clock.now,
  );
  const publish = (store: string, projects: Record<string, string>, mirrors = ["a"]) => {
    const index: Record<string, unknown> = {};
    for (const [name, text] of Object.entries(projects)) {
      stores.get(store)!.set(`catalog/presence/${hex(text)}.json`, text);
      index[name] = { document: hex(text), mirrors };
    }
    stores.get(store)!.set("catalog/presence.json", JSON.stringify({ schemaVersion: 1, projects: index }));
  };
  return { clock, stores, gets, published, documents, publish };
}

const hex = (text: string) => createHash("sha256").update(text).digest("hex");

it("reads the index and only the documents that changed", async () => {
  const { documents, published, publish, gets } = world();
  publish("https://one", { demo: documentOf("v1"), other: documentOf("x", "other") });
  assert.equal(await documents.refresh(), "changed");
  assert.equal(gets.length, 3);
  assert.equal(published.presence({ ...tagged }), "present");
  assert.equal(published.presence({ ...byDigest }), "present");
  assert.equal(await documents.refresh(), "unchanged");
  assert.equal(gets.length, 4);
  publish("https://one", { demo: documentOf("v2"), other: documentOf("x", "other") });
  assert.equal(await documents.refresh(), "changed");
  assert.deepEqual(gets.slice(5), [`https://one/catalog/presence/${hex(documentOf("v2"))}.json`]);
  assert.equal(published.presence({ ...tagged }), undefined, "what was removed is not promised");
  assert.equal(published.presence({ ...byDigest }), "present");
});

it("of a project with several documents only those are read that changed, and what one lacks another may have", async () => {
  const { documents, published, gets, stores } = world();
  const publish = (texts: readonly string[], mirrors = ["a"]) => {
    const [document, ...more] = texts.map(hex);
    for (const text of texts) stores.get("https://one")!.set(`catalog/presence/${hex(text)}.json`, text);
    const index = { schemaVersion: 1, projects: { demo: { document, more, mirrors } } };
    stores.get("https://one")!.set("catalog/presence.json", JSON.stringify(index));
  };
  const of = (tag: string) =>
    published.presence({ ...tagged, route: { kind: "manifest", path: `/app/manifests/${tag}` } });
  publish(["v1", "v2", "v3"].map((tag) => documentOf(tag)));
  assert.equal(await documents.refresh(), "changed");
  assert.deepEqual(["v1", "v2", "v3", "v4"].map(of), ["present", "present", "present", undefined]);
  gets.length = 0;
  publish(["v1", "v4", "v3"].map((tag) => documentOf(tag)));
  await documents.refresh();
  assert.deepEqual(gets.slice(1), [`https://one/catalog/presence/${hex(documentOf("v4"))}.json`]);
  assert.deepEqual(["v1", "v2", "v3", "v4"].map(of), ["present", undefined, "present", "present"]);
  publish(
    ["v1", "v4"].map((tag) => documentOf(tag)),
    ["b"],
  );
  await documents.refresh();
  assert.deepEqual(["v1", "v3", "v4"].map(of), ["absent", undefined, "absent"]);
  assert.equal(published.size, 4);
});

it("holds one document at a time, and asks for the memory of what it has read", async () => {
  const projects = Object.fromEntries(
    Array.from({ length: 9 }, (_, index) => {
      const keys = writeKeys(Array.from({ length: 10_000 }, (_key, at) => at + index));
      const text = JSON.stringify({ schemaVersion: 1, project: `p${index}`, keys, images: {} });
      return [`p${index}`, { text, document: hex(text), mirrors: ["a"] }];
    }),
  );
  const texts = new Map(Object.values(projects).map(({ text, document }) => [document, text]));
  let [open, most, collected] = [0, 0, 0];
  const fetchDocument = async (url: string) => {
    const text = texts.get(/([0-9a-f]{64})[.]json$/.exec(url)?.[1] ?? "");
    if (text === undefined) return new Response(JSON.stringify({ schemaVersion: 1, projects }));
    most = Math.max(most, ++open);
    await new Promise((resolve) => setTimeout(resolve, 1));
    open--;
    return new Response(text);
  };
  const published = new PublishedObjects();
  const settings = { read: true, intervalSeconds: 30, timeoutSeconds: 10, objects: 1_000_000 };
  const documents = new PresenceDocuments(
    settings,
    () => ["https://one"],
    published,
    fetchDocument,
    undefined,
    () => {
      collected++;
    },
  );
  assert.equal(await documents.refresh(), "changed");
  assert.deepEqual([published.size, most, collected], [90_000, 1, 2], "2 x 256 KiB of 9 x 80 KiB");
});

describe("a document that is not as it should be is left out, and read again", () => {
  const good = documentOf("v1");
  const bad: [string, (store: Map<string, string>, key: string) => void][] = [
    ["absent", (store, key) => store.delete(key)],
    ["of another content", (store, key) => store.set(key, documentOf("v9"))],
    ["down", (store, key) => store.set(key, "down")],
  ];
  for (const [name, spoil] of bad) {
    it(name, async () => {
      const { documents, published, publish, stores, gets } = world();
      publish("https://one", { demo: good, other: documentOf("x", "other") });
      spoil(stores.get("https://one")!, `catalog/presence/${hex(good)}.json`);
      assert.equal(await documents.refresh(), "changed");
      assert.equal(published.presence({ ...tagged }), undefined);
      assert.equal(published.size, 2, "the other project's objects are known");
      assert.equal(documents.counts.unread, 1);
      publish("https://one", { demo: good, other: documentOf("x", "other") });
      await documents.refresh();
      assert.equal(published.presence({ ...tagged }), "present");
      assert.equal(gets.length, 5, "the other document is not read again");
    });
  }
  const malformed = [
    "",
    "[]",
    '{"schemaVersion":2,"project":"demo","keys":"","images":{}}',
    '{"schemaVersion":1,"project":"demo","keys":"A","images":{}}',
    '{"schemaVersion":1,"project":"demo","keys":"","images":{"app":{"x":"https://evil.example"}}}',
    '{"schemaVersion":1,"project":"demo","keys":7,"images":{}}',
    "[".repeat(100_000),
    `{"schemaVersion":1,"project":"${"x".repeat(16 * 1024 * 1024)}","keys":"","images":{}}`,
  ];
  for (const text of malformed) {
    it(`malformed: ${text.slice(0, 70)}`, async () => {
      const { documents, published, publish } = world();
      publish("https://one", { demo: text, other: documentOf("v1", "other") });
      assert.equal(await documents.refresh(), "changed");
      assert.equal(published.size, 2);
      assert.equal(documents.counts.unread, 1);
    });
  }
});

it("a malformed index: the one of the next mirror is read; with none that is good, the last one is believed for an hour", async () => {
  const { documents, published, publish, stores, clock } = world();
  publish("https://two", { demo: documentOf("v1") });
  for (const text of ["down", "{", '{"schemaVersion":1,"projects":{"demo":{"document":"../../x","mirrors":["a"]}}}']) {
    stores.get("https://one")!.set("catalog/presence.json", text);
    assert.match(await documents.refresh(), /changed/, text);
    assert.equal(published.presence({ ...tagged }), "present");
    stores.get("https://two")!.set("catalog/presence.json", "down");
    assert.equal(await documents.refresh(), "failed", text);
    assert.equal(published.presence({ ...tagged }), "present");
    publish("https://two", { demo: documentOf("v1") });
  }
  await documents.refresh();
  stores.get("https://two")!.set("catalog/presence.json", "down");
  clock.now = 3_600_001;
  assert.equal(await documents.refresh(), "failed");
  assert.equal(published.size, 0);
});

it("no mirror has an index: nothing is known", async () => {
  const { documents, published, publish, stores } = world();
  publish("https://one", { demo: documentOf("v1") });
  await documents.refresh();
  stores.get("https://one")!.delete("catalog/presence.json");
  assert.equal(await documents.refresh(), "absent");
  assert.equal(published.size, 0);
});

it("projects beyond the limit of objects are left out, and not read again and again", async () => {
  const { documents, published, publish, gets } = world(3);
  publish("https://one", { demo: documentOf("v1"), other: documentOf("x", "other") });
  assert.equal(await documents.refresh(), "changed");
  assert.equal(published.size, 2);
  assert.equal(await documents.refresh(), "unchanged");
  assert.equal(gets.length, 4);
});

it("of what is published no mirror is asked; a busy or failing mirror is not promised", async () => {
  const { documents, published, publish } = world();
  publish("https://one", { demo: documentOf("v1") });
  await documents.refresh();
  let asked = 0;
  const existence = new Existence(
    read.config.existence,
    () => {
      asked++;
      return Promise.reject(new Error("down"));
    },
    undefined,
    undefined,
    published,
  );
  assert.equal(existence.holds({ ...tagged }), "present");
  assert.deepEqual([asked, existence.counts.published], [0, 1]);
  existence.limitsRate("a");
  assert.equal(existence.holds({ ...tagged }), "busy");
  existence.forget("a");
  for (let index = 0; index < 5; index++) await existence.holds({ asked: "a", url: `https://a/${index}` });
  assert.equal(existence.holds({ ...tagged }), "failing");
  assert.equal(asked, 5);
});

describe("a probe asks for what was promised", () => {
  const cases = [
    { status: 200, healthy: true, doubted: false, lost: 0, busy: 0, root: 0 },
    { status: 307, healthy: true, doubted: false, lost: 0, busy: 0, root: 0 },
    { status: 404, healthy: true, doubted: true, lost: 1, busy: 0, root: 0 },
    { status: 403, healthy: true, doubted: true, lost: 1, busy: 0, root: 0 },
    { status: 429, healthy: true, doubted: false, lost: 0, busy: 1, root: 0 },
    { status: 503, healthy: false, doubted: true, lost: 0, busy: 0, root: 1 },
    { status: 0, healthy: false, doubted: true, lost: 0, busy: 0, root: 1 },
  ];
  for (const { status, healthy, doubted, lost, busy, root } of cases) {
    it(`${status || "no answer"}`, async () => {
      const { documents, published, publish } = world();
      publish("https://one", { demo: documentOf("v1") });
      await documents.refresh();
      published.presence({ ...tagged });
      const counts = { lost: 0, busy: 0, root: 0 };
      const heads: string[] = [];
      const probe = probePublished(
        published,
        { limitsRate: () => counts.busy++, lost: () => counts.lost++ },
        (url) => {
          heads.push(url);
          return status === 0 ? Promise.reject(new Error("reset")) : Promise.resolve(status);
        },
        () => {
          counts.root++;
          return Promise.resolve(false);
        },
      );
      assert.equal(await probe(mirrorOf(site), AbortSignal.timeout(1000)), healthy);
      assert.deepEqual(heads, [tagged.url]);
      assert.deepEqual(counts, { lost, busy, root });
      assert.deepEqual(published.doubted, doubted ? ["a"] : []);
      assert.equal(
        await probe(mirrorOf(site), AbortSignal.timeout(1000)),
        false,
        "nothing was promised since: its root",
      );
    });
  }
});
