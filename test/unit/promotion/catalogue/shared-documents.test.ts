/** The documents that all projects share, in a mirror in memory: what a loss of some of them costs the others. */
import assert from "node:assert/strict";
import { it } from "mocha";
import { type Published, projectEntry } from "../../../../components/catalogue/entry.ts";
import type { ListingDocument } from "../../../../components/catalogue/formats.ts";
import { projectBits } from "../../../../components/catalogue/listing-parts.ts";
import type { CatalogueMirror } from "../../../../components/promotion/catalogue/catalogue-mirror.ts";
import { SharedDocuments } from "../../../../components/promotion/catalogue/shared-documents.ts";

const { signal } = new AbortController();

/** A mirror with its objects. */
function mirrorOf(objects = new Map<string, Uint8Array>()) {
  const mirror = {
    name: "m",
    url: "gs://m",
    read: async (key: string) => {
      const bytes = objects.get(key);
      return bytes && Buffer.from(bytes);
    },
    has: async (key: string) => objects.has(key),
    keys: async (folder: string) => [...objects.keys()].filter((key) => key.startsWith(folder)),
    write: async (key: string, bytes: Uint8Array) => void objects.set(key, bytes),
    remove: async (key: string) => void objects.delete(key),
  };
  return { objects, mirrors: [mirror as unknown as CatalogueMirror] };
}

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

it("a part that is damaged everywhere fails the changes of the projects in it, and no other of the same write", async () => {
  const { objects, mirrors } = mirrorOf();
  const names = ["large", ...Array.from({ length: 9 }, (_, at) => `small-${at}`)];
  const own = projectBits("large");
  const other = names.find((name) => projectBits(name)[0] !== own[0])!;
  const first = new SharedDocuments(signal);
  const entries = [entryOf("large", 9_000), entryOf(other, 3)];
  await Promise.all(entries.map((entry) => first.apply({ entry, mirrors })));
  const { listing } = json(objects, "catalog/listing.json") as ListingDocument;
  const damaged = listing.find(({ bits }) => bits.startsWith(own.slice(0, 1)))!;
  objects.set(damaged.part, Buffer.from("no gzip"));
  const next = new SharedDocuments(signal);
  const [large, small] = await Promise.allSettled([
    next.apply({ entry: entryOf("large", 9_001), mirrors }),
    next.apply({ entry: entryOf(other, 4), mirrors }),
  ]);
  assert.match(String(large.status === "rejected" && large.reason), /is missing or damaged in all mirrors/);
  assert.deepEqual(small.status === "fulfilled" && [...small.value], []);
  const index = json(objects, "catalog/index.json") as { projects: { name: string; files: { files: number } }[] };
  assert.deepEqual(Object.fromEntries(index.projects.map(({ name, files }) => [name, files.files])), {
    large: 9_000,
    [other]: 4,
  });
});
