import assert from "node:assert/strict";
import fc from "fast-check";
import { describe, it } from "mocha";
import { escapeUnprintable, printable, printableLines } from "../../../../components/promotion/text/printable.ts";
import { anyText } from "../../../support/any-text.ts";

describe("hostile characters", () => {
  for (const [what, from, to] of [
    ["C0 controls", 0x00, 0x1f],
    ["delete and C1 controls", 0x7f, 0x9f],
    ["soft hyphen", 0xad, 0xad],
    ["zero-width characters and marks of direction", 0x200b, 0x200f],
    ["line and paragraph separator", 0x2028, 0x2029],
    ["bidirectional embeddings and overrides", 0x202a, 0x202e],
    ["bidirectional isolates", 0x2066, 0x2069],
    ["byte order mark", 0xfeff, 0xfeff],
    ["lone surrogates", 0xd800, 0xdfff],
    ["tags", 0xe0000, 0xe007f],
  ] as [string, number, number][]) {
    it(what, () => {
      for (let code = from; code <= to; code++) {
        const text = `a${String.fromCodePoint(code)}b`;
        assert.equal(printable(text, 100), "a b");
        assert.equal(escapeUnprintable(text), `a\\u{${code.toString(16)}}b`);
        const inLines = code === 0x0a ? "a\nb" : code === 0x09 ? "a b" : "ab";
        // Alone, an escape begins a sequence that swallows what follows it.
        if (code !== 0x1b && code !== 0x9b) assert.equal(printableLines(text), inLines, code.toString(16));
      }
    });
  }
});

describe("commands of CI systems", () => {
  for (const [text, line, escaped] of [
    ["::error::x", ": :error: :x", "::error::x"],
    [":::", ": : :", ":::"],
    ["##[error]x", "# #[error]x", "\\u{23}#[error]x"],
    ["###[error]x", "## #[error]x", "#\\u{23}#[error]x"],
    ["#\u200b#[error]x", "# #[error]x", "#\\u{200b}#[error]x"],
    [":\u0000:error", ": :error", ":\\u{0}:error"],
  ] as const) {
    it(JSON.stringify(text), () => {
      assert.equal(printable(text, 100), line);
      assert.equal(escapeUnprintable(text), escaped);
    });
  }
});

it("removes terminal sequences from multi-line text, and keeps the lines", () => {
  assert.equal(printableLines("\u001b[31m- old\u001b[0m\r\n+\tnew\u202e\n"), "- old\n+ new\n");
});

it("truncates a long text, not inside a character", () => {
  assert.equal(printable("x".repeat(20), 5), "xxxxx...");
  assert.equal(printable("x".repeat(5), 5), "xxxxx");
  assert.equal(printable("xxxx\u{1f600}x", 5), "xxxx...");
});

const hostile = fc.string({
  unit: fc.oneof(
    fc.constantFrom(
      ":",
      "#",
      "[",
      "\n",
      "\r",
      "\u001b",
      "\u009b",
      "\u202e",
      "\u200b",
      "\ufeff",
      "a",
      "\ud800",
      "\u{1f600}",
    ),
    anyText({ minLength: 1, maxLength: 1 }),
  ),
});
const bad = /[\p{C}\p{Zl}\p{Zp}]|##\[/u;

it("removes everything hostile from any text, and keeps safe text unchanged", () => {
  fc.assert(
    fc.property(hostile, fc.nat({ max: 30 }), (text, length) => {
      const line = printable(text, length);
      assert.doesNotMatch(line, bad);
      assert.doesNotMatch(line, /::/);
      const escaped = escapeUnprintable(text);
      assert.doesNotMatch(escaped, bad);
      assert.doesNotMatch(printableLines(text), /[^\P{C}\n]|[\p{Zl}\p{Zp}]/u);
      if (!bad.test(text)) assert.equal(escaped, text);
      if (!bad.test(text) && !text.includes("::")) assert.equal(printable(text, text.length), text);
    }),
    { numRuns: 2_000 },
  );
});
