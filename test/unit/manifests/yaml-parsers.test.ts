// The faster of the two parsers against the other one: the same tree with the same places for each text that it takes, and no text that the other
// one refuses.
import assert from "node:assert/strict";
import { existsSync, globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { it } from "mocha";
import { Lexer } from "yaml";
import { type Limits, treeFromEvents } from "../../../components/manifests/yaml/from-events.ts";
import { parseAnyYaml } from "../../../components/manifests/yaml/parse.ts";
import { skip } from "../../support/annotations.ts";
import { generateManifests } from "../../support/generate-manifests.ts";
import { mutated, yamlish } from "../../support/manifest-fuzz.ts";
import { simpleBlocks, simpleLines } from "../../support/simple-yaml.ts";

/** Always the same texts, or FUZZ_RUNS others. */
const fuzz =
  process.env["FUZZ_RUNS"] === undefined ? { numRuns: 2000, seed: 8 } : { numRuns: Number(process.env["FUZZ_RUNS"]) };
const runs = fuzz.numRuns;
const limits: Limits = { depth: 20, line: 64 * 1024, lexemes: 1_000_000 };

/** Holds a text's tree to what the yaml package makes of it. @returns whether the faster parser took the text. */
function assertSame(text: string): boolean {
  const tree = treeFromEvents(text, limits);
  if (tree === undefined) return false;
  assert.deepEqual({ ok: true, root: tree.root }, parseAnyYaml(text));
  return true;
}

const small = generateManifests({
  seed: 13,
  biggest: { images: 3, digests: 6 },
  second: { images: 2, digests: 4 },
  others: { projects: 2, images: 4, digests: 6 },
  files: { releases: 2, each: 3, projects: 2 },
});

it("takes every generated manifest", () => {
  for (const [path, text] of small) assert.ok(assertSame(text), path);
});

for (const [what, texts, share] of [
  ["text that looks like YAML", yamlish, 0.1],
  ["manifests with mistakes", mutated([...small.values()]), 0.1],
  ["simple lines in any order", simpleLines, 0.02],
  ["blocks of simple lines, some moved", simpleBlocks, 0.1],
] as const)
  it(`reads ${what} as the yaml package does`, () => {
    let taken = 0;
    fc.assert(
      fc.property(texts, (text) => {
        if (assertSame(text)) taken++;
      }),
      fuzz,
    );
    assert.ok(taken > runs * share, `only ${taken} of ${runs} texts were taken: the test says little`);
  });

for (const text of ["", "\n", " ", "# c", "- a", "a: b\n# c\n\nb: [c]", "-\n  - a\n", "- - a\n  - b: 'c'\n    d: e\n"])
  it(`takes ${JSON.stringify(text)}`, () => assert.ok(assertSame(text)));

const long = "a".repeat(1_100);
for (const text of [
  ...[
    "a: &b c",
    "a: *b",
    "a: !c d",
    "<<: a",
    "? a",
    "[a]: b",
    "%YAML 1.2\n---\n",
    "---\na: b",
    "a: b\n...",
    "- a\n--- a",
  ],
  ...["\ta: b", "a:\tb", "a: b\t", "a: b\r\n", "\u{feff}a: b", "a: é", "a: \u{7f}", "# \u{0}", "# \r", "# \u{feff}"],
  ...["a: |\n  b", "a: >-\n  b", "a: b\n  c", "- a\n b", 'a: "b\n  c"', "a:\n  b", '"a\\n"', "'a''b'", 'a: "\\x41"'],
  ...["a:", "- ", "a: []\nb:", "a: ~", "a: [b,]", "[{a: b}]", "{a}", '{"a":b}', "[a b]", "[a: b]", "[a\n]", "[ # c\n]"],
  ...["a:b", "a : b", "a: b: c", "a: - b", "a: b: #c", "a: 'b' c", "a: [b] c", "a#b: [c]#d", ": a", "- a: b\n c: d"],
  ...[
    `${long}: b`,
    `"${long}": b`,
    `{${long}: b}`,
    `a: ${"a".repeat(66_000)}`,
    "- ".repeat(30),
    "<<<<<<< a",
    "=======",
  ],
])
  it(`leaves ${JSON.stringify(text.length > 100 ? `${text.slice(0, 20)}...` : text)} to the yaml package`, () => {
    // One of the texts may be right: it is not simple all the same.
    assert.equal(treeFromEvents(text, limits), undefined);
  });

it("takes no text of more lexemes than the yaml package may read", () => {
  fc.assert(
    fc.property(fc.oneof(simpleBlocks, yamlish), (text) => {
      const lexemes = [...new Lexer().lex(text)].length;
      assert.equal(treeFromEvents(text, { ...limits, lexemes: lexemes - 1 }), undefined);
    }),
    { ...fuzz, numRuns: Math.ceil(runs / 4) },
  );
  for (const text of [...small.values(), "\n".repeat(50), "- - - - a\n", " # c\n".repeat(9), "- [ a , b ] # c\n"]) {
    const lexemes = [...new Lexer().lex(text)].length;
    assert.equal(treeFromEvents(text, { ...limits, lexemes: lexemes - 1 }), undefined, text);
  }
});

it("takes nothing so deep that the yaml package may refuse it", () => {
  const taken = Array.from({ length: 40 }, (_, depth) => depth).filter((depth) =>
    assertSame(`${"- ".repeat(depth)}a\n`),
  );
  assert.ok(taken.length > 10 && taken.every((depth) => depth < 20), taken.join());
});

it("the real manifests of k8s.io: nearly all are taken, each read as the yaml package does", function () {
  const shared = join(import.meta.dirname, "../../../../shared");
  const paths = globSync("data-k8s.io*/**/*.yaml", { cwd: shared });
  if (!existsSync(shared) || paths.length === 0) {
    console.warn(`SKIPPED: ${shared} has no data of k8s.io`);
    skip(this, `${shared} has no data of k8s.io`);
    return;
  }
  const taken = paths.filter((path) => assertSame(readFileSync(join(shared, path), "utf8"))).length;
  assert.ok(taken > 0.95 * paths.length, `${taken} of ${paths.length} were taken`);
});

it("gives up a long line that is simple but for its end soon, whatever it begins with and repeats", () => {
  const started = process.cpuUsage();
  for (const unit of [
    "a ",
    "  ",
    "- ",
    "a: ",
    '"a", ',
    '"a" , ',
    "'",
    "''",
    '"',
    "[",
    "[a,",
    "a,",
    "a:",
    "{a: b, ",
    "a: b, ",
    " #",
  ])
    for (const start of ["", "- ", "a: ", "[", "{", "a: [", "a: {a: b", "a: [b", '"', "- - ", "a: b"])
      for (const end of ["!!", "#", " #\t\u{0}", "]!", '"!', ": !", "}!", " \t"])
        treeFromEvents(start + unit.repeat(60_000 / unit.length) + end, limits);
  const seconds = process.cpuUsage(started).user / 1e6;
  // Half a second; were it the square of the length, half a minute.
  assert.ok(seconds < 10, `${seconds.toFixed(1)} s`);
});
