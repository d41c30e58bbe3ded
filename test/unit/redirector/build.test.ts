import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { unzipSync } from "fflate";
import { buildRedirector } from "../../../redirector/build.ts";
import { caseRanges } from "./cases.ts";

test("two builds of the same input are the same bytes, another table is another zip, and nothing is built twice", async (t) => {
  const folder = await mkdtemp(path.join(tmpdir(), "redirector-build-"));
  t.after(() => rm(folder, { recursive: true }));
  const ranges = path.join(folder, "ranges.bin");
  await writeFile(ranges, caseRanges().bytes);
  const one = await buildRedirector({ out: path.join(folder, "one.zip"), ranges });
  const two = await buildRedirector({ out: path.join(folder, "two/two.zip"), ranges });
  assert.equal(one.reused || two.reused, false);
  assert.equal(one.sha256, two.sha256);
  const bytes = await readFile(one.zip);
  assert.ok(bytes.equals(await readFile(two.zip)));
  const page = ["catalogue/icon.svg", "catalogue/page.css", "catalogue/page.js"];
  assert.deepEqual(Object.keys(unzipSync(bytes)).sort(), [...page, "cloud-ranges.bin", "redirector"]);
  const data = Object.fromEntries([...page, "cloud-ranges.bin"].map((name) => [name, 0o100644]));
  assert.deepEqual(modes(bytes), { redirector: 0o100755, ...data });

  const before = (await stat(one.zip)).mtimeMs;
  const again = await buildRedirector({ out: one.zip, ranges });
  assert.equal(again.reused, true);
  assert.equal((await stat(one.zip)).mtimeMs, before);

  await writeFile(two.zip, "not a zip");
  const without = await buildRedirector({ out: two.zip, ranges: path.join(folder, "none") });
  assert.deepEqual([without.reused, without.hasRanges], [false, false]);
  assert.deepEqual(Object.keys(unzipSync(await readFile(two.zip))).sort(), [...page, "redirector"]);
});

test("a target that Bun does not know is an error in its words", async (t) => {
  const folder = await mkdtemp(path.join(tmpdir(), "redirector-build-"));
  t.after(() => rm(folder, { recursive: true }));
  await assert.rejects(
    buildRedirector({ out: path.join(folder, "x.zip"), target: "bun-amiga-68k" }),
    /bun build ended with 1:\n.*amiga/s,
  );
});

/** The Unix modes in a zip's central directory (APPNOTE.TXT section 4.3.12). */
function modes(zip: Buffer): Record<string, number> {
  const found: Record<string, number> = {};
  for (
    let at = zip.indexOf("PK\x01\x02", zip.length - 1000, "latin1");
    at !== -1;
    at = zip.indexOf("PK\x01\x02", at + 4, "latin1")
  ) {
    found[zip.toString("latin1", at + 46, at + 46 + zip.readUInt16LE(at + 28))] = zip.readUInt32LE(at + 38) >>> 16;
  }
  return found;
}
