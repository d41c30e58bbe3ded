import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { it } from "mocha";
import { writeComments } from "../../../components/commands/write-comments.ts";
import { afterTest } from "../../support/cleanup.ts";

it("a report's folder has its comments and all details, which control no terminal, and nothing of an earlier one", async () => {
  const folder = await mkdtemp(join(tmpdir(), "comments-"));
  afterTest(() => rm(folder, { recursive: true }));
  await writeFile(join(folder, "comment-3.md"), "earlier");
  const details = [{ heading: "What the engine says", text: "\u001b[31mred\u001b[0m\n\u202eright" }];
  await writeComments(folder, ["one", "two"], details);
  assert.deepEqual((await readdir(folder)).sort(), ["comment-1.md", "comment-2.md", "details.txt"]);
  assert.equal(await readFile(join(folder, "details.txt"), "utf8"), "What the engine says\n\nred\nright\n");
});
