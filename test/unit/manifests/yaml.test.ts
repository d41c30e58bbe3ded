// The fast parser against the yaml package: wherever the fast one answers, both must see the same.
import assert from "node:assert/strict";
import fc from "fast-check";
import { it } from "mocha";
import { parseFull } from "../../../components/manifests/yaml/full.ts";
import { parseRegular } from "../../../components/manifests/yaml/regular.ts";
import { generateManifests } from "../../support/generate-manifests.ts";
import { mutated, yamlish } from "../../support/manifest-fuzz.ts";

const runs = Number(process.env["FUZZ_RUNS"] ?? 3000);

/** True if the fast parser answered. */
function sameWhereFast(text: string): boolean {
  const fast = parseRegular(text);
  if (fast === undefined) return false;
  assert.deepEqual({ ok: true, root: fast.root }, parseFull(text));
  return true;
}

const small = generateManifests({
  seed: 7,
  biggest: { images: 3, digests: 6 },
  second: { images: 2, digests: 4 },
  others: { projects: 2, images: 4, digests: 6 },
  files: { releases: 2, each: 3, projects: 2 },
});

it("the fast parser takes the spelling that manifests have", () => {
  for (const [path, text] of small) if (!path.endsWith("project.yaml")) assert.ok(sameWhereFast(text), path);
});

for (const text of [
  "",
  "\n# nothing\n  \n",
  "- a\n- \"b c\"\n- 'd'\n",
  "files:\n- name: a/b\n  sha256: 0a\n",
  "files:\n  - name: a/b # x\n    sha256: 0a",
  "a:\n  b:\n    - c\n    -  d: [e, \"f\",'g' ] # h\n       i: [ ]\nj: k:l\n",
  "a: b\r\nc: d\r\n",
])
  it(`the fast parser takes ${JSON.stringify(text)}`, () => assert.ok(sameWhereFast(text)));

it("the fast parser leaves to the yaml package what it does not know for sure", () => {
  for (const text of [
    "a: b c",
    "a: |\n  b",
    "a: &b c",
    "a: *b",
    "a: !c d",
    "? a",
    "{a: b}",
    "a: {b: c}",
    "---\na: b",
    "a:\n",
    "\ta: b",
    "a: 'b''c'",
    'a: "\\n"',
    "a: [b\n]",
    "<<: x",
    "- - a",
    "a: [b: c]",
    "a:b",
    "-",
    "...",
    "a: b\n c: d",
    "- a\n  b: c",
    "a: b\n- c",
    `${"a".repeat(1025)}: b`,
  ])
    assert.equal(parseRegular(text), undefined, text);
});

it("the fast parser sees what the yaml package sees, in text that looks like YAML", () => {
  let fast = 0;
  fc.assert(
    fc.property(yamlish, (text) => {
      if (sameWhereFast(text)) fast++;
    }),
    { numRuns: runs },
  );
  assert.ok(fast > runs / 20, `only ${fast} of ${runs} texts were in the regular style: the test says little`);
});

it("the fast parser sees what the yaml package sees, in manifests with mistakes", () => {
  let fast = 0;
  fc.assert(
    fc.property(mutated([...small.values()]), (text) => {
      if (sameWhereFast(text)) fast++;
    }),
    { numRuns: runs },
  );
  assert.ok(fast > runs / 20, `only ${fast} of ${runs} texts were in the regular style: the test says little`);
});
