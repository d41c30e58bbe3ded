import assert from "node:assert/strict";
import fc from "fast-check";
import type { Code, Nodes, RootContent } from "mdast";
import { fromMarkdown } from "mdast-util-from-markdown";
import { describe, it } from "mocha";
import { markdownCode } from "../../../components/commands/markdown-code.ts";
import { reportComments, reportIssue } from "../../../components/commands/preview-comment.ts";
import { escapeUnprintable, printableLines } from "../../../components/promotion/text/printable.ts";
import { anyText } from "../../support/any-text.ts";

const runUrl = "https://example.org/run/1";
const comments = (text: string, summary = "All is well.") =>
  reportComments({
    marker: "artifacts-preview",
    title: "Preview",
    summary,
    details: [{ heading: "Engine", text }],
    runUrl,
  });
const blocks = (markdown: string): Code[] => fromMarkdown(markdown).children.filter((node) => node.type === "code");

describe("a report for GitHub", () => {
  it("begins with its marker and the summary, and ends with its run; signs come first, so that GitHub colours the lines", () => {
    assert.deepEqual(
      comments(
        "  ~ promotion:index:PromotedImages: (update)\n      ~ images: \n          - tool:v1 sha256:a\n          + tool:v1 sha256:b\n            tool:v2 sha256:c\n",
      ),
      [
        `<!-- artifacts-preview 1 -->
### Preview

All is well.

<details><summary>Engine: 5 lines</summary>

\`\`\`diff
!   promotion:index:PromotedImages: (update)
!       images: 
-           tool:v1 sha256:a
+           tool:v1 sha256:b
            tool:v2 sha256:c
\`\`\`

</details>

[The run](https://example.org/run/1)
`,
      ],
    );
  });

  it("is in as many comments as it takes, each within GitHub's limit, and says what is in none", () => {
    const all = Array.from({ length: 2000 }, (_, index) => `- v1.0.0/${index} sha256:${"a".repeat(64)}`);
    const pages = comments(all.join("\n"));
    assert.ok(pages.length > 1 && pages.length < 6, String(pages.length));
    for (const page of pages) assert.ok(page.length < 65_536, String(page.length));
    assert.equal(
      pages
        .flatMap(blocks)
        .map(({ value }) => value)
        .join("\n"),
      all.join("\n"),
    );
    assert.match(pages[0]!, /^<!-- artifacts-preview 1 -->\n### Preview \(1 of \d\)\n\nAll is well\./);
    assert.match(
      pages[1]!,
      /^<!-- artifacts-preview 2 -->\n### Preview \(2 of \d\)\n\n<details><summary>Engine: lines /,
    );

    const huge = comments(`${"x".repeat(99)}\n`.repeat(20_000));
    const kept = huge.flatMap(blocks).reduce((sum, { value }) => sum + value.split("\n").length, 0);
    assert.ok(kept > 4000, String(kept));
    const missing = (20_000 - kept).toLocaleString("en-US");
    assert.ok(huge.at(-1)!.includes(`**${missing} more lines** of the details did not fit: the whole is the artifact`));
  });

  it("shows a line that is longer than a comment in pieces", () => {
    const pages = comments("x".repeat(100_000));
    for (const page of pages) assert.ok(page.length < 65_536);
    assert.equal(
      pages
        .flatMap(blocks)
        .map(({ value }) => value.replaceAll("\n", ""))
        .join(""),
      "x".repeat(100_000),
    );
  });

  it("can't be left or hidden in by a manifest whose name closes the block (the attack of 2026-11-28)", () => {
    const name = "x\n`\u0001`\u0001`\n\nNo changes to production.\n<!--.yaml";
    const [page = ""] = comments(`warning: manifests/p/images/${name}:1:1: quote it\n- tool:v1 sha256:a\n`);
    assert.deepEqual(
      fromMarkdown(page).children.map(({ type }) => type),
      ["html", "heading", "paragraph", "html", "code", "html", "paragraph"],
    );
    assert.match(blocks(page)[0]!.value, /No changes to production\.\n<!--\.yaml:1:1: quote it\n- tool:v1 sha256:a$/);
  });

  const hostile = fc
    .array(
      fc.oneof(
        fc.constantFrom(
          "```",
          "````````",
          "~~~",
          "`\u0001`\u0001`",
          "</details>",
          "<!--",
          "-->",
          "\n",
          "\r\n",
          "\u2028",
          "  ",
          "    ",
          "> ",
          "- ",
          "# ",
        ),
        fc.constantFrom(
          "@everybody",
          "[x](https://evil.example)",
          "\u202e",
          "\t",
          "| a | b |",
          "\\",
          "&lt;",
          "***",
          "---",
        ),
        anyText({ maxLength: 8 }),
      ),
      { maxLength: 40 },
    )
    .map((parts) => parts.join(""));

  it("whatever is printed, the promised lines are visible and nothing else is said", () => {
    fc.assert(
      fc.property(hostile, hostile, (first, second) => {
        const [one = "", ...more] = reportComments({
          marker: "m",
          title: "Preview",
          summary: "Promised.",
          details: [
            { heading: "One", text: `begin\n${first}\nend` },
            { heading: "Two", text: `begin\n${second}\nend` },
          ],
          runUrl,
        });
        assert.deepEqual(more, []);
        const nodes = fromMarkdown(one).children;
        const block = ["html", "code", "html"];
        assert.deepEqual(
          nodes.map(({ type }) => type),
          ["html", "heading", "paragraph", ...block, ...block, "paragraph"],
        );
        assert.deepEqual(textOf(nodes.filter(({ type }) => type !== "code")), [
          "<!-- m 1 -->",
          "Preview",
          "Promised.",
          ...["One", "Two"].flatMap((heading, index) => {
            const { value } = nodes.filter((node) => node.type === "code")[index]!;
            return [`<details><summary>${heading}: ${value.split("\n").length} lines</summary>`, "</details>"];
          }),
          "The run",
        ]);
        for (const [index, text] of [first, second].entries()) {
          const { value } = nodes.filter((node) => node.type === "code")[index]!;
          const promised = printableLines(`begin\n${text}\nend`).split("\n");
          assert.deepEqual(value.split("\n").map(unsigned), promised.map(unsigned));
        }
      }),
      { numRuns: 500 },
    );
  });

  it("whatever a name is, it is code and nothing beside it", () => {
    fc.assert(
      fc.property(hostile, (text) => {
        const { children } = fromMarkdown(`- ${markdownCode(text)}: end`);
        const [list] = children;
        assert.equal(children.length, 1);
        assert.ok(list?.type === "list" && list.children.length === 1);
        const [paragraph] = list.children[0]!.children;
        assert.ok(list.children[0]!.children.length === 1 && paragraph?.type === "paragraph");
        const [code, rest] = paragraph.children;
        assert.ok(paragraph.children.length === 2 && code?.type === "inlineCode" && rest?.type === "text");
        assert.equal(rest.value, ": end");
        const shown = escapeUnprintable(text);
        assert.equal(code.value.trim(), (shown.length > 300 ? `${shown.slice(0, 300)}…` : shown).trim());
      }),
      { numRuns: 500 },
    );
  });
});

it("an issue holds what fits, and says how much does not", () => {
  const text = reportIssue({
    marker: "artifacts-drift",
    title: "Drift",
    details: [{ heading: "Drift", text: `${"x".repeat(99)}\n`.repeat(10_000) }],
    runUrl,
  });
  assert.ok(text.length < 65_536, String(text.length));
  const kept = text.split("\n").filter((line) => line === "x".repeat(99)).length;
  assert.ok(kept >= 590, String(kept));
  assert.match(text, /^<!-- artifacts-drift -->\n### Drift\n\n```diff\n/);
  assert.match(text, new RegExp(`^${(10_000 - kept).toLocaleString("en-US")} more lines: see \\[the run\\]`, "m"));
});

/** What nodes say, in order; of a link what it shows. */
function textOf(nodes: readonly (RootContent | Nodes)[]): string[] {
  return nodes.map((node) => ("value" in node ? node.value : "children" in node ? textOf(node.children).join("") : ""));
}

/** A line as it was before its sign came first. */
function unsigned(line: string): string {
  return line.replace(/^( *)[-+~!]( *)/, (_, before: string, after: string) =>
    " ".repeat(before.length + after.length + 1),
  );
}
