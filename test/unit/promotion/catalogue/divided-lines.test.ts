/** How the catalogue's lines are divided into parts: by the lines alone, small, and so that a change touches few. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { it } from "mocha";
import type { ListingDocument } from "../../../../components/catalogue/formats.ts";
import { fileListingLine, imageListingLine } from "../../../../components/catalogue/listing.ts";
import { divideLines, joinParts, linesWithin } from "../../../../components/catalogue/listing-parts.ts";
import { DividedLines } from "../../../../components/promotion/catalogue/divided-lines.ts";
import { randomOf } from "../../../support/generate-manifests.ts";

const longest = 512 * 1024;
const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");
const folderOf = (project: string) => `binaries/${project}/`;

/** Lines of so many files in releases of 50, as a project has them. */
function filesOf(project: string, count: number, salt = ""): string {
  return Array.from({ length: count }, (_, at) => {
    const path = `v1.${Math.floor(at / 50)}.0/bin/linux/amd64/tool-${at % 50}`;
    return fileListingLine(project, `binaries/${project}/${path}`, sha256(`${project} ${path} ${salt}`));
  }).join("");
}

/** All lines of texts. Of a divided project they are not in the order in which they were given. */
function sorted(texts: Iterable<string>): string[] {
  return [...texts].flatMap((text) => text.split("\n").filter((line) => line !== "")).sort();
}

/** Divided lines whose parts are in a map, with the keys that were read. */
function stored(
  parts: ListingDocument["listing"] = [],
  texts: ReadonlyMap<string, string> = new Map(),
  remake = (bits: string) => Promise.reject<string>(new Error(`${bits} is lost`)),
) {
  const read: string[] = [];
  const lines = new DividedLines(
    "listing",
    parts,
    (key) => {
      read.push(key);
      return Promise.resolve(texts.get(key));
    },
    remake,
  );
  /** As the next run finds them. */
  const next = async () => {
    const all = await Promise.all(lines.parts.map(async ({ part }) => [part, await lines.textOf(part)] as const));
    return stored(lines.parts, new Map(all));
  };
  const all = async () => joinParts(await Promise.all(lines.parts.map(({ part }) => lines.textOf(part))));
  return { lines, read, next, all };
}

it("the lines are in the same parts whatever was there before, and no part is too long", async () => {
  const random = randomOf(7);
  const wanted = new Map<string, string>();
  let store = stored();
  for (let step = 0; step < 60; step++) {
    const project = `project-${Math.floor(random() * 12)}`;
    const count = Math.floor([0, 5, 400, 9_000][Math.floor(random() * 4)]! * random());
    const lines =
      random() < 0.2
        ? imageListingLine(project, `${project}/tool`, `sha256:${sha256(`${step}`)}`, ["v1"])
        : filesOf(project, count, `${step}`);
    const before = await store.lines.replace(project, lines, folderOf);
    assert.ok(sorted([before]).join() === sorted([wanted.get(project) ?? ""]).join(), `step ${step}`);
    if (lines === "") wanted.delete(project);
    else wanted.set(project, lines);
    if (step % 10 === 0) store = await store.next();
    const anew = divideLines("", wanted, folderOf);
    assert.deepEqual(
      store.lines.parts.map(({ bits }) => bits),
      [...anew.keys()].sort(),
      `step ${step}`,
    );
    for (const { bits, part } of store.lines.parts) {
      assert.ok(part.endsWith(`/${sha256(anew.get(bits)!)}.tsv.gz`), `step ${step}: ${bits}`);
      assert.ok(anew.get(bits)!.length <= longest);
    }
  }
  assert.ok(sorted((await store.all()).values()).join() === sorted(wanted.values()).join());
});

it("a new release of a large project changes one part, and one of a small project reads nothing of the large one", async () => {
  const large = filesOf("large", 30_000);
  const first = stored();
  await first.lines.replace("large", large, folderOf);
  for (let at = 0; at < 40; at++) await first.lines.replace(`small-${at}`, filesOf(`small-${at}`, 50), folderOf);
  const before = first.lines.parts.map(({ part }) => part);
  assert.ok(before.length > 10, `${before.length}`);

  const store = await first.next();
  await store.lines.replace("small-7", filesOf("small-7", 100), folderOf);
  const changed = store.lines.parts.filter(({ part }) => !before.includes(part));
  assert.equal(changed.length, 1);
  assert.equal(store.read.length, 1);
  const text = await store.lines.textOf(changed[0]!.part);
  assert.doesNotMatch(text, /\tlarge\t/);

  const next = await store.next();
  const present = store.lines.parts.map(({ part }) => part);
  await next.lines.replace("large", large + filesOf("large", 30_050).slice(large.length), folderOf);
  assert.equal(next.lines.parts.filter(({ part }) => !present.includes(part)).length, 1);
});

it("the parts of a release that is too long for one are by its files' names", () => {
  const lines = Array.from({ length: 20_000 }, (_, at) =>
    fileListingLine("p", `binaries/p/v1/${at}`, sha256(`${at}`)),
  ).join("");
  const parts = divideLines("", new Map([["p", lines]]), folderOf);
  assert.ok(parts.size >= 4 && parts.size <= 10, `${parts.size}`);
  for (const text of parts.values()) assert.ok(text.length <= longest);
});

it("lines of nobody are no part", () => {
  assert.deepEqual(divideLines("", new Map([["p", ""]]), folderOf), new Map());
  assert.deepEqual(joinParts([""]), new Map());
});

it("a part that is lost is made anew with the same lines, at each depth of the division", async () => {
  const wanted = new Map([
    ["large", filesOf("large", 20_000)],
    ["release", fileListingLine("release", "binaries/release/v1/f", sha256("f"))],
    [
      "flat",
      Array.from({ length: 9_000 }, (_, at) => fileListingLine("flat", `binaries/flat/${at}`, sha256(`${at}`))).join(
        "",
      ),
    ],
  ]);
  const first = stored();
  for (const [project, lines] of wanted) await first.lines.replace(project, lines, folderOf);
  const { parts } = first.lines;
  const depths = new Set(parts.map(({ bits }) => Math.ceil(bits.length / 32)));
  assert.deepEqual([...depths].sort(), [1, 2, 3], "parts of projects, of releases and of names");
  const before = await first.all();
  for (const lost of parts) {
    const texts = new Map<string, string>();
    for (const { part } of parts) if (part !== lost.part) texts.set(part, await first.lines.textOf(part));
    const next = stored(parts, texts, (bits) => Promise.resolve(linesWithin(bits, wanted, folderOf)));
    await next.lines.mend((part) => Promise.resolve(part === lost.part));
    assert.deepEqual(next.lines.parts, parts, lost.bits);
    assert.deepEqual(await next.all(), before);
  }
});

it("a part whose lines are gone is named no more, and one that cannot be made anew stays", async () => {
  const first = stored();
  await first.lines.replace("one", filesOf("one", 3), folderOf);
  const lost = (remake?: (bits: string) => Promise<string>) => stored(first.lines.parts, new Map(), remake).lines;
  const gone = lost(() => Promise.resolve(""));
  await gone.mend(() => Promise.resolve(true));
  assert.deepEqual(gone.parts, []);
  const stays = lost();
  await stays.mend(() => Promise.resolve(true));
  assert.deepEqual(stays.parts, first.lines.parts);
});
