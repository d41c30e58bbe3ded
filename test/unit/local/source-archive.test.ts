import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { strToU8, zipSync } from "fflate";
import { after, before, describe, it } from "mocha";
import { packTar } from "modern-tar";
import { unpackSource } from "../../../local/cloud/source-archive.ts";

let dir: string;

describe("source archive", () => {
  before(async () => {
    dir = await mkdtemp(join(tmpdir(), "source-archive-"));
  });
  after(() => rm(dir, { recursive: true }));

  it("unpacks files with content and permissions from an archive that tar made", async () => {
    const from = join(dir, "from");
    await mkdir(join(from, "deep/er"), { recursive: true });
    await writeFile(join(from, "run"), "#!/bin/sh\n", { mode: 0o755 });
    const long = "x".repeat(100_000);
    await writeFile(join(from, "deep/er/file.txt"), long);
    const archive = execFileSync("tar", ["-cz", "-C", from, "."]);
    const to = join(dir, "to");
    await unpackSource(archive, to, "gs://b/o");
    assert.equal((await stat(join(to, "run"))).mode & 0o777, 0o755);
    assert.equal(await readFile(join(to, "deep/er/file.txt"), "utf8"), long);
  });

  it("refuses archives that are not .tar.gz, damaged, too large or have entries outside the directory", async () => {
    const refused = (bytes: Uint8Array, message: RegExp) =>
      assert.rejects(unpackSource(Buffer.from(bytes), join(dir, "refused"), "gs://b/o"), message);
    await refused(
      zipSync({ f: strToU8("content") }),
      /gs:\/\/b\/o is a zip; Cloud Run deploys source from a \.tar\.gz only/,
    );
    await refused(strToU8("nothing of the kind"), /is not gzip/);
    await refused(new Uint8Array(), /is not gzip/);
    await refused(gzipSync("a text, ".repeat(200)), /cannot be unpacked as a \.tar\.gz/);
    const file = (name: string) => packTar([{ header: { name, size: 1000 }, body: "x".repeat(1000) }]);
    const good = gzipSync(await file("f"));
    await refused(good.subarray(0, good.length - 10), /cannot be unpacked as a \.tar\.gz: unexpected end/);
    const damaged = await file("f");
    damaged[1] = 1; // in the header, which has a checksum
    await refused(gzipSync(damaged), /cannot be unpacked as a \.tar\.gz/);
    await refused(gzipSync(await file("../out")), /cannot be unpacked as a \.tar\.gz/);
    await assert.rejects(stat(join(dir, "out")), /ENOENT/);
    await refused(Buffer.alloc(250 * 1024 * 1024 + 1), /at most 262144000 \(250 MiB\)/);
  });
});
