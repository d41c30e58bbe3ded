/** The documents that all projects share, in a mirror in memory: what a loss of some of them costs the others. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { it } from "mocha";
import { type ProjectEntry, type Published, projectEntry } from "../../../../components/catalogue/entry.ts";
import type { ListingDocument, RecentDocument } from "../../../../components/catalogue/formats.ts";
import { CatalogueMirror } from "../../../../components/promotion/catalogue/catalogue-mirror.ts";
import { checkEntry } from "../../../../components/promotion/catalogue/check-entry.ts";
import { newestFirst } from "../../../../components/promotion/catalogue/newest-first.ts";
import { SharedDocuments } from "../../../../components/promotion/catalogue/shared-documents.ts";
import { writeEntry } from "../../../../components/promotion/catalogue/write-entry.ts";
import type { Bucket } from "../../../../components/promotion/storage/bucket.ts";
import { catalogueLines } from "../../../support/catalogue-lines.ts";

const { signal } = new AbortController();

/** "documents": to write those of projects. */
type Refusal = "nothing" | "documents" | "writes" | "all";

/** A mirror with its objects. `refuses` is what it does not do. */
function mirrorOf(objects = new Map<string, Uint8Array>(), name = "m", refuses: Refusal = "nothing") {
  const refuse = (): never => {
    throw new Error(`${name} refuses`);
  };
  const describe = (key: string) => {
    const bytes = objects.get(key)!;
    return { key, size: bytes.length, version: "1", sha256: createHash("sha256").update(bytes).digest("hex") };
  };
  const bucket = {
    url: `gs://${name}`,
    stat: async (key: string) => (refuses === "all" ? refuse() : objects.has(key) ? describe(key) : undefined),
    read: async ({ key }: { key: string }) => [objects.get(key)!],
    list: async function* (prefix: string) {
      if (refuses === "all") refuse();
      for (const key of [...objects.keys()].sort()) if (key.startsWith(prefix)) yield describe(key);
    },
    replace: async (key: string, bytes: Uint8Array) =>
      refuses === "nothing" || (refuses === "documents" && !key.startsWith("catalog/projects/"))
        ? void objects.set(key, bytes)
        : refuse(),
    remove: async ({ key }: { key: string }) => (refuses === "nothing" ? void objects.delete(key) : refuse()),
  };
  const mirror = new CatalogueMirror(name, bucket as unknown as Bucket, signal);
  return { objects, mirror, mirrors: [mirror] };
}

/** Mirrors of these objects, opened anew: as the next run has them. */
const opened = (stores: Record<string, Map<string, Uint8Array>>, refusing?: string, refuses: Refusal = "writes") =>
  Object.entries(stores).map(
    ([name, objects]) => mirrorOf(objects, name, name === refusing ? refuses : "nothing").mirror,
  );

/** What one run writes of projects, with their documents; the failures. */
async function run(mirrors: readonly CatalogueMirror[], ...entries: readonly ProjectEntry[]): Promise<string[]> {
  const shared = new SharedDocuments(signal);
  const written = await Promise.all(
    entries.map((entry) => writeEntry(entry, new Set(), mirrors, shared, signal, "artifacts.example")),
  );
  return written.flatMap(({ failures }) => failures);
}

const lines = async (objects: ReadonlyMap<string, Uint8Array>) =>
  (await catalogueLines(async (key) => objects.get(key) as Buffer)).map((line) =>
    line.split("\t").slice(1, 3).join(" "),
  );
const promoted = (objects: ReadonlyMap<string, Uint8Array>) =>
  (json(objects, "catalog/recent.json") as RecentDocument).promotions.map(({ project }) => project);

/** A project with so many files. */
function entryOf(name: string, count: number, letter = "a") {
  const files = Array.from({ length: count }, (_, at) => ({
    path: `v1/${at}`,
    sha256: letter.repeat(64),
    bytes: 1,
  }));
  const about = { description: "", imagePrefix: name, filePrefix: name, images: new Map(), facts: new Map() };
  return projectEntry({ name, ...about, files, heldBy: ["files-m"] } as Published);
}

const json = (objects: ReadonlyMap<string, Uint8Array>, key: string) =>
  JSON.parse(Buffer.from(objects.get(key)!).toString()) as unknown;
const indexed = (objects: ReadonlyMap<string, Uint8Array>) =>
  (json(objects, "catalog/index.json") as { projects: { name: string }[] }).projects.map(({ name }) => name);
const listed = (objects: ReadonlyMap<string, Uint8Array>) =>
  Object.keys((json(objects, "catalog/presence.json") as { projects: object }).projects);

it("lines that an operator removes are written again; index and what redirectors read keep all projects meanwhile", async () => {
  const { objects, mirrors } = mirrorOf();
  const first = new SharedDocuments(signal);
  await Promise.all(["one", "two"].map((name) => first.apply({ entry: entryOf(name, 3), mirrors })));
  assert.deepEqual(
    [indexed(objects), listed(objects)],
    [
      ["one", "two"],
      ["one", "two"],
    ],
  );
  objects.delete("catalog/listing.json");
  await new SharedDocuments(signal).apply({ entry: entryOf("two", 3), mirrors });
  assert.deepEqual(
    [indexed(objects), listed(objects)],
    [
      ["one", "two"],
      ["one", "two"],
    ],
  );
  assert.equal((json(objects, "catalog/listing.json") as ListingDocument).listing.length, 1);
});

it("a part that is damaged everywhere is made anew from whole entries; the others have no lines until they are written again", async () => {
  const { objects, mirrors } = mirrorOf();
  const first = new SharedDocuments(signal);
  await Promise.all(["large", "lost"].map((name) => first.apply({ entry: entryOf(name, 3), mirrors })));
  const { listing } = json(objects, "catalog/listing.json") as ListingDocument;
  for (const { part } of listing) objects.set(part, Buffer.from("no gzip"));
  assert.deepEqual(await run(mirrorOf(objects).mirrors, entryOf("large", 4), entryOf("small", 1)), []);
  assert.deepEqual(indexed(objects), ["large", "lost", "small"]);
  const counts = Map.groupBy(await lines(objects), (line) => line.split(" ")[0]!);
  assert.deepEqual([counts.get("large")?.length, counts.get("lost"), counts.get("small")?.length], [4, undefined, 1]);
});

it("an entry that may be in a mirror that cannot be read is not taken for lost", async () => {
  const stores = { canonical: new Map<string, Uint8Array>(), second: new Map<string, Uint8Array>() };
  await run(opened(stores), entryOf("one", 2));
  const { listing } = json(stores.second, "catalog/listing.json") as ListingDocument;
  for (const { part } of listing) stores.second.delete(part);
  stores.second.delete("catalog/projects/one.json");
  const before = stores.second.get("catalog/listing.json");
  const failures = await run(opened(stores, "canonical", "all"), entryOf("one", 3)).catch((error: unknown) => [error]);
  assert.match(String(failures[0]), /canonical refuses/);
  assert.equal(stores.second.get("catalog/listing.json"), before);
});

it("a mirror that could not be written is older: the next run begins with what the others have, and loses nothing", async () => {
  const stores = { canonical: new Map(), second: new Map(), third: new Map() };
  assert.deepEqual(await run(opened(stores), entryOf("one", 1)), []);
  const refused = await run(opened(stores, "canonical"), entryOf("two", 1), entryOf("one", 2));
  assert.equal(refused.length, 2, "one line for each project");
  assert.deepEqual(indexed(stores.canonical), ["one"]);
  assert.deepEqual(await run(opened(stores), entryOf("three", 1)), []);
  for (const [name, objects] of Object.entries(stores)) {
    assert.deepEqual(indexed(objects), ["one", "three", "two"], name);
    assert.deepEqual(listed(objects), ["one", "three", "two"], name);
    assert.deepEqual(
      (await lines(objects)).sort(),
      ["one binaries/one/v1/0", "one binaries/one/v1/1", "three binaries/three/v1/0", "two binaries/two/v1/0"],
      name,
    );
    assert.deepEqual(promoted(objects).sort(), ["one", "one", "three", "two"], name);
  }
});

it("a mirror that has an older document of a project beside a new index is not read first for it", async () => {
  const stores = { canonical: new Map<string, Uint8Array>(), second: new Map<string, Uint8Array>() };
  await run(opened(stores), entryOf("one", 1), entryOf("two", 1));
  const [failure] = await run(opened(stores, "canonical", "documents"), entryOf("one", 2));
  assert.match(failure ?? "", /^project one, catalogue, mirror canonical: canonical refuses$/);
  assert.deepEqual(stores.canonical.get("catalog/index.json"), stores.second.get("catalog/index.json"));
  const order = async (project: string) => (await newestFirst(project, opened(stores))).map(({ name }) => name);
  assert.deepEqual(await order("one"), ["second", "canonical"]);
  assert.deepEqual(await order("two"), ["canonical", "second"]);
  const read = await checkEntry("one", entryOf("one", 2).index!.sha256!, opened(stores), signal);
  assert.deepEqual(read, { incomplete: ["canonical"], failures: [] });

  // What is made anew is made of the newer one.
  const lost = "catalog/listing.json";
  for (const objects of Object.values(stores)) objects.delete(lost);
  assert.deepEqual(await run(opened(stores), entryOf("two", 1)), []);
  const ofOne = (await lines(stores.canonical)).filter((line) => line.startsWith("one"));
  assert.deepEqual(ofOne, ["one binaries/one/v1/0", "one binaries/one/v1/1"]);
});

it("an index that names no documents, of an earlier version, is read as it was", async () => {
  const stores = { canonical: new Map<string, Uint8Array>(), second: new Map<string, Uint8Array>() };
  await run(opened(stores), entryOf("one", 1));
  await run(opened(stores, "canonical", "documents"), entryOf("one", 2));
  for (const objects of Object.values(stores)) {
    const index = json(objects, "catalog/index.json") as { projects: object[] };
    const projects = index.projects.map((project) => ({ ...project, sha256: undefined }));
    objects.set("catalog/index.json", Buffer.from(JSON.stringify({ ...index, projects })));
  }
  assert.deepEqual(
    (await newestFirst("one", opened(stores))).map(({ name }) => name),
    ["canonical", "second"],
  );
  assert.deepEqual(await run(opened(stores), entryOf("one", 2)), []);
  assert.deepEqual((await checkEntry("one", entryOf("one", 2).index!.sha256!, opened(stores), signal)).incomplete, []);
});

it("a mirror that cannot be read holds back itself alone, and is not written while it may be newer", async () => {
  const stores = { canonical: new Map(), second: new Map() };
  await run(opened(stores), entryOf("one", 1));
  await run(opened(stores, "second"), entryOf("two", 1));
  const [failure, ...more] = await run(opened(stores, "canonical", "all"), entryOf("three", 1));
  assert.match(failure ?? "", /^project three, catalogue, mirror canonical: canonical refuses$/);
  assert.deepEqual(more, []);
  assert.deepEqual(indexed(stores.second), ["one", "three"]);
  assert.deepEqual(indexed(stores.canonical), ["one", "two"]);

  const shared = new SharedDocuments(signal);
  let refuses: "all" | "nothing" = "all";
  const canonical = mirrorOf(stores.canonical, "canonical").mirror;
  const unreadable = mirrorOf(stores.canonical, "canonical", "all").mirror;
  const late = new Proxy(canonical, {
    get: (target, name) => {
      const from = refuses === "all" ? unreadable : target;
      const value: unknown = Reflect.get(from, name, from);
      return typeof value === "function" ? (value.bind(from) as unknown) : value;
    },
  });
  for (const [objects, revision] of [
    [stores.second, 1],
    [stores.canonical, 9],
  ] as const) {
    const index = json(objects, "catalog/index.json") as object;
    objects.set("catalog/index.json", Buffer.from(JSON.stringify({ ...index, revision })));
  }
  const mirrors = [late, mirrorOf(stores.second, "second").mirror];
  await shared.apply({ entry: entryOf("four", 1), mirrors });
  refuses = "nothing";
  const errors = await shared.apply({ entry: entryOf("five", 1), mirrors });
  assert.match(String(errors.get("canonical")), /it has newer documents than those with which this run began/);
  assert.deepEqual(indexed(stores.canonical), ["one", "two"]);
});

it("the same content has the same revision, and a document of a newer version anywhere stops the run", async () => {
  const { objects, mirrors } = mirrorOf();
  await run(mirrors, entryOf("one", 1));
  const before = objects.get("catalog/index.json");
  await run(mirrorOf(objects).mirrors, entryOf("one", 1));
  assert.equal(objects.get("catalog/index.json"), before);
  const newer = mirrorOf(new Map([["catalog/index.json", Buffer.from('{"schemaVersion":2}')]]), "newer").mirror;
  const [failure] = await run([...mirrors, newer], entryOf("two", 1)).catch((error: unknown) => [String(error)]);
  assert.match(failure ?? "", /gs:\/\/newer\/catalog\/index\.json is of a newer version of this program/);
  await assert.rejects(
    run([mirrorOf(new Map([["catalog/index.json", Buffer.from("{}")]])).mirror], entryOf("two", 1)),
    /is damaged/,
  );
});

it("a part that every mirror lost is made anew from the entries, and nobody is told that all of it was added now", async () => {
  const stores = { canonical: new Map<string, Uint8Array>(), second: new Map<string, Uint8Array>() };
  await run(opened(stores), entryOf("one", 2), entryOf("two", 2));
  const before = await lines(stores.canonical);
  const part = [...stores.canonical.keys()].find((key) => key.startsWith("catalog/listing/"))!;
  stores.canonical.delete(part);
  stores.second.set(part, Buffer.from("no gzip"));
  assert.deepEqual(await run(opened(stores), entryOf("one", 2)), []);
  for (const objects of Object.values(stores)) {
    assert.deepEqual(await lines(objects), before);
    assert.deepEqual(promoted(objects).sort(), ["one", "two"]);
  }
});

it("a lost listing is made anew from the entries; a project without a whole entry gets its lines with the next one, unannounced", async () => {
  const { objects, mirrors } = mirrorOf();
  await run(mirrors, entryOf("one", 2), entryOf("two", 2), entryOf("three", 2));
  const before = await lines(objects);
  objects.delete("catalog/listing.json");
  objects.delete("catalog/projects/two.json");
  assert.deepEqual(await run(mirrorOf(objects).mirrors, entryOf("one", 2)), []);
  assert.deepEqual(
    await lines(objects),
    before.filter((line) => !line.startsWith("two")),
  );
  assert.deepEqual(await run(mirrorOf(objects).mirrors, entryOf("two", 2)), []);
  assert.deepEqual(await lines(objects), before);
  assert.deepEqual(promoted(objects).sort(), ["one", "three", "two"]);
});
