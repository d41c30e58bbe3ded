// The reader's trees against what the yaml package makes of the same text, and its limits against text that is made to hurt.
import assert from "node:assert/strict";
import fc from "fast-check";
import { it } from "mocha";
import { parseDocument } from "yaml";
import { parseYaml } from "../../../components/manifests/yaml/parse.ts";
import type { Node, Parsed } from "../../../components/manifests/yaml/tree.ts";
import { generateManifests } from "../../support/generate-manifests.ts";
import { mutated, yamlish } from "../../support/manifest-fuzz.ts";

const runs = Number(process.env["FUZZ_RUNS"] ?? 3000);

/** A tree as plain values; a map as a list of its pairs, since a key may stand twice. */
function plain(node: Node | undefined): unknown {
  if (node === undefined) return null;
  if (node.kind === "scalar") return node.text;
  if (node.kind === "list") return node.items.map(plain);
  return { pairs: node.entries.map(({ key, value }) => [key.text, plain(value)]) };
}

/** The same of the package's own tree, read as text alone (YAML's failsafe schema). */
function byPackage(text: string): unknown {
  const document = parseDocument(text, { schema: "failsafe", uniqueKeys: false, logLevel: "silent" });
  assert.deepEqual(document.errors, []);
  return document.toJS({ mapAsMap: true });
}

/** As {@link plain}, of the maps that the package makes; of a key that stands twice it keeps the last. */
function withoutRepeats(tree: unknown): unknown {
  if (Array.isArray(tree)) return tree.map(withoutRepeats);
  if (tree instanceof Map) return { pairs: [...tree].map(([key, value]) => [key ?? "", withoutRepeats(value)]) };
  if (typeof tree === "object" && tree !== null && "pairs" in tree)
    return {
      pairs: [...new Map(tree.pairs as [string, unknown][])].map(([key, value]) => [key, withoutRepeats(value)]),
    };
  return tree ?? "";
}

/** Every node lies inside of its parent, in order, and a plain scalar on one line is what the text has there. */
function assertPlaces(text: string, node: Node, from: number, to: number): void {
  assert.ok(
    node.start >= from && node.end <= to && node.start <= node.end,
    `${node.start}-${node.end} in ${from}-${to}`,
  );
  if (node.kind === "scalar") {
    const spelled = text.slice(node.start, node.end);
    if (node.plain && !/[\r\n]/.test(spelled)) assert.equal(spelled, node.text);
    return;
  }
  let last = node.start;
  for (const child of node.kind === "list" ? node.items : node.entries.flatMap(({ key, value }) => [key, value])) {
    assertPlaces(text, child, last, node.end);
    last = child.end;
  }
}

/** Parses and holds the result to what every result must be. @returns whether the text was read. */
function read(text: string): boolean {
  const parsed = parseYaml(text);
  if (!parsed.ok) {
    assert.ok(parsed.errors.length > 0 && parsed.errors.length <= 5);
    for (const { start, message } of parsed.errors) {
      assert.ok(start >= 0 && start <= text.length);
      assert.match(message, /^[^\p{Cc}\p{Cf}\p{Cs}]+$/u);
    }
    return false;
  }
  assert.deepEqual(withoutRepeats(plain(parsed.root)), withoutRepeats(byPackage(text)));
  if (parsed.root !== undefined) assertPlaces(text, parsed.root, 0, text.length);
  return true;
}

const small = generateManifests({
  seed: 7,
  biggest: { images: 3, digests: 6 },
  second: { images: 2, digests: 4 },
  others: { projects: 2, images: 4, digests: 6 },
  files: { releases: 2, each: 3, projects: 2 },
});

it("reads generated manifests as the yaml package does", () => {
  for (const [path, text] of small) assert.ok(read(text), path);
});

for (const text of [
  "",
  "\n# nothing\n  \n",
  "- a\n- \"b c\"\n- 'd'\n",
  "files:\n- name: a/b\n  sha256: 0a\n",
  "files:\n  - name: a/b # x\n    sha256: 0a",
  "a:\n  b:\n    - c\n    -  d: [e, \"f\",'g' ] # h\n       i: [ ]\nj: k:l\n",
  "a: b\r\nc: d\r\n",
  '"a b": ["c\'d", "e\\tf", "", "g\n  h", "\'\'", " i "]\n',
  'a: |\n  "b"\n',
  "a: |\n  b\n  c\nd: >\n  e\n",
  "---\na: {b: 'c''d', e: \"\\n\", f}\n...\n",
  "? a\n: b\n",
])
  it(`reads ${JSON.stringify(text)} as the yaml package does`, () => assert.ok(read(text)));

it("refuses what a manifest has no use for", () => {
  for (const [text, expected] of [
    ["a: &b c", /^anchors/],
    ["a: *b", /Unresolved alias|^aliases/],
    ["a: !c d", /^YAML tags/],
    ["[a]: b", /^a key must be text/],
    ["a: b\n---\nc: d\n---\n", /^a second YAML document starts here/],
    ["\ta: b\n\tc: d", /^not YAML: /],
    ["- a\n  b: c", /^not YAML: /],
  ] as const) {
    const parsed = parseYaml(text);
    assert.ok(!parsed.ok, text);
    assert.match(parsed.errors[0]?.message ?? "", expected);
  }
});

it("reads text that looks like YAML as the yaml package does", () => {
  let clean = 0;
  fc.assert(
    fc.property(yamlish, (text) => {
      if (read(text)) clean++;
    }),
    { numRuns: runs },
  );
  assert.ok(clean > runs / 20, `only ${clean} of ${runs} texts were without errors: the test says little`);
});

it("reads manifests with mistakes as the yaml package does", () => {
  let clean = 0;
  fc.assert(
    fc.property(mutated([...small.values()]), (text) => {
      if (read(text)) clean++;
    }),
    { numRuns: runs },
  );
  assert.ok(clean > runs / 20, `only ${clean} of ${runs} texts were without errors: the test says little`);
});

/**
 * Parses a text that is made to hurt, and fails if that takes far longer than any text of a line or three takes (some 0.5 s). Processor
 * time, because what else the machine does is no fault of the reader's.
 */
function inTime(text: string): Parsed {
  const started = process.cpuUsage();
  const parsed = parseYaml(text);
  const seconds = process.cpuUsage(started).user / 1e6;
  assert.ok(seconds < 10, `${text.length} characters took ${seconds.toFixed(1)} s: ${text.slice(0, 60)}`);
  return parsed;
}

const deep = /^nested deeper than 20 levels; a manifest needs 5: remove the extra dashes, brackets or indentation$/;

it("5,000 dashes in a line, twice, are one error with its place", () => {
  assert.deepEqual(parseYaml(`${"- ".repeat(5000)}\n`.repeat(2)), {
    ok: false,
    errors: [
      {
        start: 42,
        message: "nested deeper than 20 levels; a manifest needs 5: remove the extra dashes, brackets or indentation",
      },
    ],
  });
});

it("20 levels are read, one more is an error, in each spelling", () => {
  const levels: readonly ((depth: number) => string)[] = [
    (depth) => `${"[".repeat(depth)}${"]".repeat(depth)}`,
    (depth) => `${"{a: ".repeat(depth)}b${"}".repeat(depth)}`,
    (depth) => `${"- ".repeat(depth)}a\n`,
    (depth) =>
      `${Array.from({ length: depth }, (_, level) => `${" ".repeat(level)}a:\n`).join("")}${" ".repeat(depth)}b\n`,
  ];
  for (const spelled of levels) {
    assert.ok(parseYaml(spelled(20)).ok, spelled(20));
    const parsed = parseYaml(spelled(22));
    assert.ok(!parsed.ok, spelled(22));
    assert.equal(parsed.errors.length, 1);
    assert.match(parsed.errors[0]?.message ?? "", deep);
  }
});

it("any deep nest of lists and maps, in lines or brackets, with tags and anchors between, ends soon and as an error", () => {
  const opening = fc.constantFrom(
    "- ",
    "- ",
    "? ",
    ": ",
    "a: ",
    "[",
    "{",
    "{a: ",
    "[? ",
    "- a: ",
    "&a ",
    "!t ",
    "!!map ",
    "\n",
    "# c\n",
    '"a": ',
    "- |\n",
    "- [",
    "*a ",
    "{a}: ",
  );
  // Each level may go on below the one before, deeper by some columns.
  const level = fc.record({
    text: fc.array(opening, { minLength: 1, maxLength: 3 }),
    below: fc.boolean(),
    by: fc.nat(3),
  });
  fc.assert(
    fc.property(
      fc.array(level, { minLength: 1, maxLength: 12 }),
      fc.integer({ min: 1, max: 600 }),
      (pattern, times) => {
        let text = "";
        let indent = 0;
        for (let round = 0; round < times && text.length < 60_000; round++)
          for (const { text: parts, below, by } of pattern) {
            indent += below ? by : 0;
            text += (below ? `\n${" ".repeat(indent)}` : "") + parts.join("");
          }
        read(inTime(text).ok ? text : text.slice(0, 2_000));
      },
    ),
    { numRuns: Math.ceil(runs / 10) },
  );
});

const most = 60_000;
/** Text of a unit up to the length of a line. */
const fill = (unit: string): string => unit.repeat(Math.floor(most / unit.length));
for (const unit of ["- ", "? ", ": ", "[", "{", "[{a: ", "- &a ", "- !t ", "- ? : ", '{"a": ', "a: a: "])
  it(`deep: a line of ${JSON.stringify(unit)} is one error`, () => {
    const parsed = inTime(fill(unit));
    assert.ok(!parsed.ok);
    assert.equal(parsed.errors.length, 1);
  });

it("broken: long lines of one sign each are errors of at most five lines", () => {
  for (const unit of ["]", "}", ",", '"', "'", "!a ", "&a ", "*a ", "`", "{a}: ", "[a]: ", "\\", "%", "\t"]) {
    const parsed = inTime(`[${`${fill(unit)}\n`.repeat(2)}`);
    assert.ok(parsed.ok || parsed.errors.length <= 5, unit);
  }
});

it("a line of more than 64 Ki characters, and more than a million tokens, are one error", () => {
  assert.deepEqual(parseYaml(`a: b\n# ${"x".repeat(65_536)}\n`), {
    ok: false,
    errors: [{ start: 5, message: "the line has 65538 characters, 65536 at most: break it into several lines" }],
  });
  assert.deepEqual(parseYaml("\n".repeat(1_100_000)), {
    ok: false,
    errors: [{ start: 1_000_000, message: "more than a million YAML tokens up to here: split it into several files" }],
  });
});

it("the environment, which the package reads for each lexeme, is not read and is there afterwards", () => {
  const { env } = process;
  let read = 0;
  const watched = new Proxy(env, {
    get: (target, name) => {
      if (name === "LOG_TOKENS") read++;
      return Reflect.get(target, name) as unknown;
    },
  });
  process.env = watched;
  try {
    assert.ok(parseYaml("---\na: [b, c]\n").ok);
    assert.ok(!parseYaml("- \n".repeat(2) + "[".repeat(50)).ok);
    assert.equal(process.env, watched);
    assert.equal(read, 0);
  } finally {
    process.env = env;
  }
});
