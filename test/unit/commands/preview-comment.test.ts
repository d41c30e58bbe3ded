import assert from "node:assert/strict";
import { it } from "mocha";
import { previewReport } from "../../../components/commands/preview-comment.ts";

const report = (output: string) =>
  previewReport({ marker: "artifacts-preview", title: "Preview", output, runUrl: "https://example.org/run/1" });

it("signs come first, so that GitHub colours the lines", () => {
  const lines = report(
    "  ~ promotion:index:PromotedImages: (update)\n      ~ images: \n          - tool:v1 sha256:a\n          + tool:v1 sha256:b\n            tool:v2 sha256:c\n",
  ).split("\n");
  assert.deepEqual(lines.slice(3, 10), [
    "```diff",
    "!   promotion:index:PromotedImages: (update)",
    "!       images: ",
    "-           tool:v1 sha256:a",
    "+           tool:v1 sha256:b",
    "            tool:v2 sha256:c",
    "```",
  ]);
});

it("a report begins with its marker and ends with its run", () => {
  const text = report("nothing\n");
  assert.match(text, /^<!-- artifacts-preview -->\n### Preview\n/);
  assert.match(text, /\[The run\]\(https:\/\/example\.org\/run\/1\)\n$/);
});

it("what is too long is cut between lines, and says how much is missing", () => {
  const text = report(`${"x".repeat(99)}\n`.repeat(10_000));
  assert.ok(text.length < 65_536, String(text.length));
  const kept = text.split("\n").filter((line) => line === "x".repeat(99)).length;
  assert.ok(kept >= 590, String(kept));
  assert.match(text, new RegExp(`^${(10_000 - kept).toLocaleString("en-US")} more lines: see \\[the run\\]`, "m"));
  assert.match(text, /\n```\n/);
});

it("what is printed can't get out of its block or hide in it", () => {
  const text = report("```\n@everybody ``````` \u001b[31mred\u001b[0m\u0008\u0000 \u202eevil\ttab\r\n");
  assert.match(text, /^`{8}diff$/m);
  assert.equal(text.match(/^`{8}$/gm)?.length, 1);
  assert.match(text, /^@everybody ``````` red evil tab$/m);
});
