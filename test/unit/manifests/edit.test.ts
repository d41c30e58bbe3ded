import assert from "node:assert/strict";
import fc from "fast-check";
import { it } from "mocha";
import { EditError } from "../../../components/manifests/edit.ts";
import { addFile, removeFile } from "../../../components/manifests/edit-files.ts";
import { addDigest, removeDigest, removeImage, removeTag } from "../../../components/manifests/edit-images.ts";
import { problemLine } from "../../../components/manifests/problem.ts";
import { readManifests } from "../../../components/manifests/read.ts";
import { generateManifests } from "../../support/generate-manifests.ts";

const digest = (letter: string) => `sha256:${letter.repeat(64)}`;
const [a, b, c, d] = ["a", "b", "c", "d"].map(digest) as [string, string, string, string];

/** k8s.io's spelling with everything that is to stay: header, comments, blank lines, trailing comments. */
const usual = `# Owners: us

# about app
- name: app
  dmap:
    # the first
    "${a}": ["v1.9.0"] # released
    # not built: v1.9.1

    "${b}": ["v1.10.0", "v1.10"]

# about web
- name: web/server
  dmap:
    "${c}": ["1"]
`;

/** What a diff of two texts shows: lines that went and came, in order. */
function changes(before: string, after: string): string[] {
  const [old, now] = [before.split("\n"), after.split("\n")];
  const length = Array.from({ length: old.length + 1 }, () => new Array<number>(now.length + 1).fill(0));
  for (let i = old.length - 1; i >= 0; i--)
    for (let j = now.length - 1; j >= 0; j--)
      length[i]![j] = old[i] === now[j] ? length[i + 1]![j + 1]! + 1 : Math.max(length[i + 1]![j]!, length[i]![j + 1]!);
  const lines: string[] = [];
  for (let i = 0, j = 0; i < old.length || j < now.length; ) {
    if (i < old.length && j < now.length && old[i] === now[j]) [i, j] = [i + 1, j + 1];
    else if (j < now.length && (i === old.length || length[i]![j + 1]! >= length[i + 1]![j]!))
      lines.push(`+${now[j++]}`);
    else lines.push(`-${old[i++]}`);
  }
  return lines;
}

const edits: Record<string, [edit: (text: string) => string, changes: string[]]> = {
  "a digest, in the order of versions": [(text) => addDigest(text, "app", d, ["v1.9.5"]), [`+    "${d}": ["v1.9.5"]`]],
  "a digest before all others": [(text) => addDigest(text, "app", d, ["v1.8.0"]), [`+    "${d}": ["v1.8.0"]`]],
  "a digest after all others": [(text) => addDigest(text, "app", d, ["v1.11.0-rc1"]), [`+    "${d}": ["v1.11.0-rc1"]`]],
  "a digest without a tag": [(text) => addDigest(text, "app", d, []), [`+    "${d}": []`]],
  "a tag": [
    (text) => addDigest(text, "app", a, ["v1.9"]),
    [`+    "${a}": ["v1.9.0", "v1.9"] # released`, `-    "${a}": ["v1.9.0"] # released`],
  ],
  "what is there": [(text) => addDigest(text, "app", b, ["v1.10"]), []],
  "an image, in the order of names": [
    (text) => addDigest(text, "cli", d, ["v1"]),
    ["+- name: cli", "+  dmap:", `+    "${d}": ["v1"]`],
  ],
  "an image before all others": [
    (text) => addDigest(text, "aaa", d, ["v1"]),
    ["+- name: aaa", "+  dmap:", `+    "${d}": ["v1"]`],
  ],
  "an image after all others": [
    (text) => addDigest(text, "zoo", d, ["v1"]),
    ["+- name: zoo", "+  dmap:", `+    "${d}": ["v1"]`],
  ],
  "an image whose name looks like a number": [
    (text) => addDigest(text, "1.10", d, ["v1"]),
    ['+- name: "1.10"', "+  dmap:", `+    "${d}": ["v1"]`],
  ],
  "without a tag": [
    (text) => removeTag(text, "app", "v1.10"),
    [`+    "${b}": ["v1.10.0"]`, `-    "${b}": ["v1.10.0", "v1.10"]`],
  ],
  "without the first tag": [
    (text) => removeTag(text, "app", "v1.10.0"),
    [`+    "${b}": ["v1.10"]`, `-    "${b}": ["v1.10.0", "v1.10"]`],
  ],
  "without the only tag of a digest": [
    (text) => removeTag(text, "app", "v1.9.0"),
    [`-    "${a}": ["v1.9.0"] # released`],
  ],
  "without the only tag, the digest kept": [
    (text) => removeTag(text, "app", "v1.9.0", true),
    [`+    "${a}": [] # released`, `-    "${a}": ["v1.9.0"] # released`],
  ],
  "without a digest": [(text) => removeDigest(text, "app", b), [`-    "${b}": ["v1.10.0", "v1.10"]`]],
  "without the only digest of an image": [
    (text) => removeDigest(text, "web/server", c),
    ["-- name: web/server", "-  dmap:", `-    "${c}": ["1"]`],
  ],
  "without an image": [
    (text) => removeImage(text, "web/server"),
    ["-- name: web/server", "-  dmap:", `-    "${c}": ["1"]`],
  ],
};

for (const [what, [edit, expected]] of Object.entries(edits)) {
  it(`images: ${what}`, () => assert.deepEqual(changes(usual, edit(usual)).sort(), [...expected].sort()));
  it(`images: ${what}, with CRLF, BOM and no newline at the end`, () => {
    const windows = `\uFEFF${usual.replace(/\n$/, "").replaceAll("\n", "\r\n")}`;
    const edited = edit(windows);
    assert.equal(edited, `\uFEFF${edit(usual).replace(/\n$/, "").replaceAll("\n", "\r\n")}`);
  });
}

it("images: where a new one stands among comments", () => {
  assert.ok(addDigest(usual, "aaa", d, ["v1"]).startsWith(`# Owners: us\n\n- name: aaa\n  dmap:\n    "s`));
  const headed = `# all\n- name: b\n  dmap:\n    # first\n    "${a}": ["v2"]\n`;
  assert.equal(
    addDigest(headed, "a", d, ["v1"]),
    `# all\n- name: a\n  dmap:\n    "${d}": ["v1"]\n- name: b\n  dmap:\n    # first\n    "${a}": ["v2"]\n`,
  );
  assert.equal(
    addDigest(headed, "b", d, ["v1"]),
    `# all\n- name: b\n  dmap:\n    "${d}": ["v1"]\n    # first\n    "${a}": ["v2"]\n`,
  );
});

it("images: other spellings keep theirs", () => {
  const padded = `- name: 'app'\n  dmap:\n      '${a}': [ 'v2' ]\n      '${b}': [ 'v1' ]\n`;
  assert.equal(
    addDigest(padded, "app", d, ["v1.5"]),
    `- name: 'app'\n  dmap:\n      '${a}': [ 'v2' ]\n      '${d}': [ 'v1.5' ]\n      '${b}': [ 'v1' ]\n`,
  );
  assert.equal(addDigest(padded, "web", d, ["v1"]), `${padded}- name: 'web'\n  dmap:\n      '${d}': [ 'v1' ]\n`);
  const lined = `-   name: app\n    dmap:\n      ${a}:\n        - v1\n        - v1.0 # same\n`;
  assert.equal(addDigest(lined, "app", a, ["v1.0.0"]), `${lined}        - "v1.0.0"\n`);
  assert.equal(addDigest(lined, "app", d, ["v2"]), `${lined}      "${d}":\n        - "v2"\n`);
  assert.equal(removeTag(lined, "app", "v1"), lined.replace("        - v1\n", ""));
  assert.equal(
    removeTag(removeTag(lined, "app", "v1"), "app", "v1.0", true),
    `-   name: app\n    dmap:\n      ${a}: []\n`,
  );
  assert.equal(addDigest(lined, "web", d, ["v1"]), `${lined}-   name: web\n    dmap:\n      "${d}":\n        - "v1"\n`);
  const plain = `registries:\n- name: r\n  src: true\nimages:\n- name: app\n  dmap:\n    "${a}": []\n`;
  assert.equal(addDigest(plain, "app", a, ["v1"]), plain.replace("[]", '["v1"]'));
  assert.equal(removeImage(plain, "app"), "registries:\n- name: r\n  src: true\nimages: []\n");
});

it("images: the first one of a manifest that wants nothing", () => {
  const first = `- name: app\n  dmap:\n    "${a}": ["v1"]\n`;
  for (const empty of ["", "# nothing yet\n", "# nothing yet"])
    assert.equal(
      addDigest(empty, "app", a, ["v1"]),
      `${empty === "" || empty.endsWith("\n") ? empty : `${empty}\n`}${first}`,
    );
  assert.equal(addDigest("# none\n[]\n", "app", a, ["v1"]), `# none\n${first}`);
  assert.equal(addDigest("images: [] # none\n", "app", a, ["v1"]), `images: # none\n${first}`);
  assert.equal(removeImage(first, "app"), "");
});

it("images: what a command does not do is said", () => {
  assert.throws(() => addDigest(usual, "app", d, ["v1.9.0"]), new EditError(`tag v1.9.0 of image app is on ${a}`));
  assert.throws(() => removeTag(usual, "app", "v3"), new EditError("image app has no tag v3"));
  assert.throws(() => removeDigest(usual, "app", c), new EditError(`image app has no digest ${c}`));
  assert.throws(() => removeImage(usual, "cli"), new EditError("there is no image cli"));
  assert.throws(() => addDigest("- {", "cli", a, []), /^Error: the manifest has errors: not YAML/);
  for (const inBraces of [
    `[{name: app, dmap: {"${a}": [v1]}}]\n`,
    `- {name: app, dmap: {"${a}": [v1]}}\n`,
    `- name: app\n  dmap: {"${a}": [v1]}\n`,
  ]) {
    assert.throws(() => addDigest(inBraces, "app", d, ["v2"]), /is in flow style/, inBraces);
    assert.throws(() => removeDigest(`${inBraces}`, "app", a), /is in flow style|edit it by hand/, inBraces);
  }
});

const released = `# kops
files:
# 1.1
- name: v1.1.0/tool
  sha256: ${"1a".repeat(32)} # big
- name: v1.2.0/tool
  sha256: ${"2a".repeat(32)}
`;
const sha256 = "3a".repeat(32);
const fileEdits: Record<string, [edit: (text: string) => string, changes: string[]]> = {
  "in order": [
    (text) => addFile(text, { name: "v1.1.5/tool", sha256 }),
    ["+- name: v1.1.5/tool", `+  sha256: ${sha256}`],
  ],
  "before all others": [
    (text) => addFile(text, { name: "v1.0.0/tool", sha256 }),
    ["+- name: v1.0.0/tool", `+  sha256: ${sha256}`],
  ],
  "after all others": [
    (text) => addFile(text, { name: "v1.10.0/tool", sha256 }),
    ["+- name: v1.10.0/tool", `+  sha256: ${sha256}`],
  ],
  "what looks like numbers": [
    (text) => addFile(text, { name: "1.10", sha256: "4".repeat(64) }),
    ['+- name: "1.10"', `+  sha256: "${"4".repeat(64)}"`],
  ],
  "what is there": [(text) => addFile(text, { name: "v1.1.0/tool", sha256: "1a".repeat(32) }), []],
  "other content of a mutable file": [
    (text) => addFile(text, { name: "v1.1.0/tool", sha256 }, true),
    [`-  sha256: ${"1a".repeat(32)} # big`, `+  sha256: ${sha256} # big`],
  ],
  removed: [(text) => removeFile(text, "v1.1.0/tool"), ["-- name: v1.1.0/tool", `-  sha256: ${"1a".repeat(32)} # big`]],
};

for (const [what, [edit, expected]] of Object.entries(fileEdits)) {
  it(`files: ${what}`, () => assert.deepEqual(changes(released, edit(released)).sort(), [...expected].sort()));
  it(`files: ${what}, with CRLF, BOM and no newline at the end`, () => {
    const windows = `\uFEFF${released.replace(/\n$/, "").replaceAll("\n", "\r\n")}`;
    assert.equal(edit(windows), `\uFEFF${edit(released).replace(/\n$/, "").replaceAll("\n", "\r\n")}`);
  });
}

it("files: from nothing, to nothing, indented, and what is refused", () => {
  const file = { name: "a", sha256 };
  for (const empty of ["", "# none\n"])
    assert.equal(addFile(empty, file), `${empty}files:\n- name: a\n  sha256: ${sha256}\n`);
  assert.equal(addFile("files: []\n", file), `files:\n- name: a\n  sha256: ${sha256}\n`);
  assert.equal(removeFile(`files:\n- name: a\n  sha256: ${sha256}\n`, "a"), "files: []\n");
  assert.equal(
    addFile(`files:\n  -  name: a\n     sha256: ${sha256}\n`, { name: "b", sha256 }),
    `files:\n  -  name: a\n     sha256: ${sha256}\n  -  name: b\n     sha256: ${sha256}\n`,
  );
  assert.throws(() => addFile(released, { name: "v1.1.0/tool", sha256 }), /released files do not change/);
  assert.throws(() => removeFile(released, "v9"), new EditError("there is no file v9"));
  assert.throws(() => addFile(`files: [{name: a, sha256: ${sha256}}]\n`, { name: "b", sha256 }), /is in flow style/);
});

const project = "description: x\nowners: {group: g@example.org}\nstaging: {images: true}\n";
const generated = generateManifests({
  seed: 5,
  biggest: { images: 4, digests: 20 },
  second: { images: 3, digests: 8 },
  others: { projects: 2, images: 6, digests: 12 },
  files: { releases: 1, each: 2, projects: 1 },
});

it("images: any row of edits of any manifest leaves a valid one, and undone, the text as it was", () => {
  const texts = [...generated].filter(([path]) => path.endsWith("images.yaml")).map(([, text]) => text);
  const step = fc.record({
    image: fc.constantFrom("kube-0", "kube-1-amd64", "controller-2", "new", "aaa", "zoo"),
    digest: fc.constantFrom(a, b, c, d),
    tag: fc.constantFrom("v0.1.0", "v1.0.1", "v9.0.0", "latest"),
  });
  fc.assert(
    fc.property(fc.constantFrom(...texts), fc.array(step, { minLength: 1, maxLength: 6 }), (text, steps) => {
      let edited = text;
      const done: string[] = [];
      for (const { image, digest: added, tag } of steps) {
        const before = edited;
        try {
          edited = addDigest(edited, image, added, [tag]);
        } catch (error) {
          if (!(error instanceof EditError)) throw error;
          assert.match(error.message, /^tag \S+ of image \S+ is on sha256:/);
        }
        if (edited === before) continue;
        const back = removeTag(edited, image, tag);
        assert.equal(back, before);
        assert.deepEqual(
          changes(before, edited).filter((line) => line.startsWith("-") && !line.includes(added)),
          [],
        );
        done.push(`${image} ${added} ${tag}`);
      }
      const { problems, projects } = readManifests(
        new Map([
          ["p/project.yaml", project],
          ["p/images.yaml", edited],
        ]),
      );
      assert.deepEqual(problems.map(problemLine), []);
      for (const one of done) {
        const [image, added, tag] = one.split(" ");
        const found = projects[0]?.images
          .find(({ name }) => name === image)
          ?.digests.find((entry) => entry.digest === added);
        assert.ok(found?.tags.includes(tag ?? ""));
      }
    }),
    { numRuns: 300 },
  );
});
