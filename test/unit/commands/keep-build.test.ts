import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "mocha";
import { chooseBuild, keepBuildCommand } from "../../../components/commands/keep-build.ts";
import { packSource } from "../../../redirector/source-archive.ts";

const now = new Date("2026-11-29T12:00:00Z");
const daysAgo = (days: number) => new Date(now.getTime() - days * 86_400_000);
const files = (contents: Record<string, string>) => new Map(Object.entries(contents));
const deployed = files({ redirector: "1", "cloud-ranges.bin": "a" });

describe("the build that is deployed", () => {
  const cases: [string, Record<string, string>, number, boolean][] = [
    ["the same one", { redirector: "1", "cloud-ranges.bin": "a" }, 30, true],
    ["fresh ranges, a day later", { redirector: "1", "cloud-ranges.bin": "b" }, 1, true],
    ["fresh ranges, after a week", { redirector: "1", "cloud-ranges.bin": "b" }, 7, false],
    ["another program", { redirector: "2", "cloud-ranges.bin": "a" }, 1, false],
    ["another program and fresh ranges", { redirector: "2", "cloud-ranges.bin": "b" }, 1, false],
    ["one more file", { redirector: "1", "cloud-ranges.bin": "a", page: "x" }, 1, false],
    ["no ranges", { redirector: "1" }, 1, false],
  ];
  for (const [what, built, days, kept] of cases) {
    it(`${what}: ${kept ? "the deployed one stays" : "the new one"}`, () => {
      assert.equal(chooseBuild(files(built), deployed, daysAgo(days), now).kept, kept);
    });
  }

  describe("as files", () => {
    let folder: string;
    before(async () => {
      folder = await mkdtemp(join(tmpdir(), "keep-build-"));
    });
    after(() => rm(folder, { recursive: true }));

    it("the archive that is kept replaces the new one, byte by byte; one that is damaged is refused", async () => {
      const archive = (program: string, ranges: string) =>
        packSource([
          { path: "redirector", bytes: Buffer.from(program), executable: true },
          { path: "catalogue/page.html", bytes: Buffer.from("page") },
          { path: "cloud-ranges.bin", bytes: Buffer.from(ranges) },
        ]);
      const [built, old] = [join(folder, "built.tar.gz"), join(folder, "deployed.tar.gz")];
      const run = (since: Date) =>
        keepBuildCommand.parseAsync(["--built", built, "--deployed", old, "--since", since.toISOString()], {
          from: "user",
        });
      await writeFile(old, await archive("program", "monday"));
      await writeFile(built, await archive("changed", "tuesday"));
      const changed = await readFile(built);
      await run(new Date());
      assert.deepEqual(await readFile(built), changed);
      await writeFile(built, await archive("program", "tuesday"));
      await run(new Date());
      assert.deepEqual(await readFile(built), await readFile(old));
      await writeFile(old, "not an archive");
      await assert.rejects(run(new Date()), /deployed\.tar\.gz is not a \.tar\.gz/);
    });
  });
});
