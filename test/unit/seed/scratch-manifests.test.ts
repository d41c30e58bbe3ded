/** Edits of a scratch copy of the demo projects' manifests, read by the product's own reader. */
import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, beforeEach, describe, it } from "mocha";
import { fileLines, imageLines } from "../../../components/manifests/lines.ts";
import { loadManifests } from "../../../components/manifests/load.ts";
import { demoManifestsFolder as committed } from "../../../local/seed/demo-manifests.ts";
import { copyManifests } from "../../../local/seed/scratch-manifests.ts";
import { appendFile, appendRelease, revert } from "../../support/seed/edit-manifests.ts";
import { mistakes } from "../../support/seed/manifest-mistakes.ts";

const digest = `sha256:${"ab".repeat(32)}`;
let scratch: string;

const folder = (): string => join(scratch, "manifests");

describe("scratch copy of the demo manifests", () => {
  before(async () => {
    scratch = await mkdtemp(join(tmpdir(), "artifacts-scratch-"));
  });
  beforeEach(() => copyManifests(committed, join(scratch, "manifests")));
  after(() => rm(scratch, { recursive: true }));

  it("the committed manifests have no problems", async () => {
    const { projects, problems } = await loadManifests(committed);
    assert.deepEqual(problems, []);
    assert.deepEqual(
      projects.map(({ name }) => name),
      ["dotslash", "semver"],
    );
  });

  it("adds a release that the reader sees, and reverts it byte for byte", async () => {
    const before = await lines("dotslash");
    const text = await readFile(join(folder(), "dotslash/images.yaml"), "utf8");
    const change = await appendRelease(folder(), "dotslash", "dotslash", { digest, tags: ["0.5.8-9", "next"] });
    const after = await lines("dotslash");
    assert.deepEqual(difference(after, before), [`dotslash:0.5.8-9 ${digest}`, `dotslash:next ${digest}`]);
    assert.equal((await readFile(change.file, "utf8")).split("\n")[change.line - 1], change.added[0]);
    await revert(change);
    assert.equal(await readFile(change.file, "utf8"), text);
    await assert.rejects(revert(change), /images\.yaml:\d+: the added lines are not there/);
  });

  it("adds a file and reverts it", async () => {
    const before = await lines("dotslash");
    const change = await appendFile(folder(), "dotslash", "0.5.9/tool", digest.slice("sha256:".length));
    assert.deepEqual(difference(await lines("dotslash"), before), [`0.5.9/tool ${digest}`]);
    await revert(change);
    assert.equal(await lines("dotslash"), before);
  });

  it("names an image that the manifest does not have", async () => {
    await assert.rejects(
      appendRelease(folder(), "semver", "server", { digest, tags: [] }),
      /semver\/images\.yaml has no image server/,
    );
  });

  for (const { name, found, make, names } of mistakes) {
    it(`${name}: ${found === "reading" ? "the reader reports it with its line" : "the manifest is well-formed"}`, async () => {
      const change = await make(folder());
      const { problems } = await loadManifests(folder());
      if (found !== "reading") {
        assert.deepEqual(problems, []);
        return;
      }
      const errors = problems.filter(({ severity }) => severity === "error");
      assert.equal(errors.length, 1, JSON.stringify(problems));
      const [error] = errors;
      const where = `${error!.file}:${error!.line}`;
      assert.ok(change.file.endsWith(error!.file) || error!.file.endsWith(change.file), where);
      // The parser reports an unterminated value at the next line or at the end of the file.
      assert.ok(error!.line >= change.line && error!.line <= change.line + 1, `${where}, not ${change.line}`);
      for (const word of names) assert.ok(`${where} ${error!.message}`.includes(word), `${word} in ${error!.message}`);
    });
  }
});

async function lines(project: string): Promise<string> {
  const { projects, problems } = await loadManifests(folder());
  assert.deepEqual(problems, []);
  const found = projects.find(({ name }) => name === project)!;
  return imageLines(found) + fileLines(found);
}

function difference(after: string, before: string): string[] {
  const had = new Set(before.split("\n"));
  return after.split("\n").filter((line) => !had.has(line));
}
