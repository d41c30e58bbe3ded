import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { readRegsync } from "../../../components/manifests/import-regsync.ts";

const text = `
version: 1
creds: [{registry: registry.example.org, user: x}]
sync:
  - source: ghcr.io/org/tool:v1.0.0
    target: registry.example.org/mirror/tool:v1.0.0
    type: image
  - source: alpine
    target: registry.example.org/mirror/base/alpine
    type: repository
    tags:
      allow: ["3\\\\.\\\\d+", latest]
      deny: ["3\\\\.1"]
`;

describe("regsync.yml", () => {
  it("its copies: where from, under which name, which tags", () => {
    const { copies, problems } = readRegsync(text, "regsync.yml");
    assert.deepEqual(problems, []);
    assert.deepEqual(
      copies.map(({ source, image, tag }) => [source, image, tag]),
      [
        ["ghcr.io/org/tool", "tool", "v1.0.0"],
        ["registry-1.docker.io/library/alpine", "base/alpine", undefined],
      ],
    );
    const takes = copies[1]!.takes;
    assert.deepEqual(["3.20", "latest", "3.1", "3.20.1", "edge"].filter(takes), ["3.20", "latest"]);
  });

  it("a single target is named by its last part", () => {
    const one = "sync: [{source: 'localhost:5000/a/b', target: 'registry.example.org/x/y', type: repository}]";
    assert.deepEqual(
      readRegsync(one, "f").copies.map(({ source, image }) => [source, image]),
      [["localhost:5000/a/b", "y"]],
    );
  });

  it("what is not taken over is named, and why", () => {
    const { copies, problems } = readRegsync(
      `sync:
  - {source: a.example/x, target: b.example, type: registry}
  - {source: "a.example/x:{{.Tag}}", target: b.example/x, type: image}
  - {source: a.example/x, target: b.example/x, type: repository, tags: {semverRange: [">1"]}}
  - {source: a.example/x, target: b.example/x, type: repository, tags: {allow: ["("]}}
  - {source: a.example/x, type: image}
`,
      "f.yml",
    );
    assert.deepEqual(copies, []);
    for (const [index, expected] of [
      /sync\[0\]: a whole registry: import it by itself, npx artifacts import a\.example\/x/,
      /sync\[1\]: has a template/,
      /sync\[2\]: tags\.semverRange is not known/,
      /sync\[3\]: tags: Invalid regular expression/,
      /sync\[4\]\.target: /,
    ].entries())
      assert.match(problems[index] ?? "", expected);
    assert.match(problems[4] ?? "", /^f\.yml:6:5: sync\[4\]/);
    assert.deepEqual(readRegsync("- x", "f.yml").problems, ["f.yml: is no regsync.yml: it has no list sync"]);
    assert.deepEqual(readRegsync("version: 1", "f.yml").problems, ["f.yml: is no regsync.yml: it has no list sync"]);
  });

  it("what is not YAML, or unfolds without end, is one line", () => {
    assert.deepEqual(readRegsync("version: 1\na: [\n", "f.yml").problems, [
      "f.yml:3:1: not YAML: Flow sequence in block collection must be sufficiently indented and end with a ]",
    ]);
    const folded = ["a: &a [x, x]", ..."bcdef".split("").map((name, index) => unfold(name, "abcde"[index]!))];
    assert.deepEqual(readRegsync(`${folded.join("\n")}\nsync: *f\n`, "f.yml").problems, [
      "f.yml: Excessive alias count indicates a resource exhaustion attack",
    ]);
  });
});

const unfold = (name: string, of: string): string => `${name}: &${name} [${Array(9).fill(`*${of}`).join(", ")}]`;
