import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { gunzipSync } from "node:zlib";
import { it } from "mocha";
import { unpackTar } from "modern-tar";
import { buildRedirector } from "../../../redirector/build.ts";
import { afterTest } from "../../support/cleanup.ts";
import { caseRanges } from "../../support/redirector/cases.ts";

it("builds are reproducible, depend on the table, and are skipped if nothing changed", async () => {
  const folder = await mkdtemp(path.join(tmpdir(), "redirector-build-"));
  afterTest(() => rm(folder, { recursive: true }));
  const ranges = path.join(folder, "ranges.bin");
  await writeFile(ranges, caseRanges().bytes);
  const one = await buildRedirector({ out: path.join(folder, "one.tar.gz"), ranges });
  const two = await buildRedirector({ out: path.join(folder, "two/two.tar.gz"), ranges });
  assert.equal(one.reused || two.reused, false);
  assert.equal(one.sha256, two.sha256);
  const bytes = await readFile(one.archive);
  assert.ok(bytes.equals(await readFile(two.archive)));
  const page = ["contents.json", "icon.svg", "icon.svg.gz", "page.css", "page.css.gz", "page.js", "page.js.gz"].map(
    (file) => `644 catalogue/${file}`,
  );
  assert.deepEqual(await entries(bytes), ["755 catalogue/", ...page, "644 cloud-ranges.bin", "755 redirector"]);

  const before = (await stat(one.archive)).mtimeMs;
  const again = await buildRedirector({ out: one.archive, ranges });
  assert.equal(again.reused, true);
  assert.equal((await stat(one.archive)).mtimeMs, before);

  await writeFile(two.archive, "not an archive");
  const without = await buildRedirector({ out: two.archive, ranges: path.join(folder, "none") });
  assert.deepEqual([without.reused, without.hasRanges], [false, false]);
  assert.deepEqual(await entries(await readFile(two.archive)), ["755 catalogue/", ...page, "755 redirector"]);
});

it("an unknown target is an error with Bun's message", async () => {
  const folder = await mkdtemp(path.join(tmpdir(), "redirector-build-"));
  afterTest(() => rm(folder, { recursive: true }));
  await assert.rejects(
    buildRedirector({ out: path.join(folder, "x.tar.gz"), target: "bun-amiga-68k" }),
    /bun build ended with 1:\n.*amiga/s,
  );
});

/** What an archive holds, in its order: permissions and name. All else in its headers must be the same on every machine. */
async function entries(archive: Uint8Array): Promise<string[]> {
  const unpacked = await unpackTar(gunzipSync(archive));
  return unpacked.map(({ header: { name, mode, mtime, uid, gid, uname, gname } }) => {
    assert.deepEqual([mtime?.toISOString(), uid, gid, uname, gname], ["1980-01-01T00:00:00.000Z", 0, 0, "", ""], name);
    return `${mode?.toString(8)} ${name}`;
  });
}
