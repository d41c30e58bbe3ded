import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { strToU8, zipSync } from "fflate";
import { unzip } from "../../../local/cloud/zip.ts";

let dir: string;
before(async () => {
  dir = await mkdtemp(join(tmpdir(), "unzip-"));
});
after(() => rm(dir, { recursive: true }));

const executable = { os: 3, attrs: 0o755 << 16 };

test("files come with their content and permissions", async () => {
  const long = "x".repeat(100_000);
  const zip = zipSync({
    run: [strToU8("#!/bin/sh\n"), executable],
    "deep/er/file.txt": strToU8(long),
    "stored.bin": [strToU8("as it is"), { level: 0 }],
  });
  await unzip(Buffer.from(zip), dir);
  assert.equal((await stat(join(dir, "run"))).mode & 0o777, 0o755);
  assert.equal(await readFile(join(dir, "deep/er/file.txt"), "utf8"), long);
  assert.equal(await readFile(join(dir, "stored.bin"), "utf8"), "as it is");
});

test("what is not a zip, is damaged or leaves the directory is refused", async () => {
  await assert.rejects(unzip(Buffer.from("no zip at all"), dir), /is not a zip/);
  await assert.rejects(
    unzip(Buffer.from(zipSync({ "../out": strToU8("x") })), dir),
    /\.\.\/out would leave the directory/,
  );
  const damaged = Buffer.from(zipSync({ f: [strToU8("content"), { level: 0 }] }));
  damaged[damaged.indexOf("content")]! ^= 1;
  await assert.rejects(unzip(damaged, dir), /f has a wrong checksum/);
});
