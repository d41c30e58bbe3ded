import assert from "node:assert/strict";
import { it } from "mocha";
import { fileLines, fileSummary, imageLines, imageSummary } from "../../../components/manifests/lines.ts";
import { positionOf } from "../../../components/manifests/positions.ts";
import { readManifests } from "../../../components/manifests/read.ts";

const a = `sha256:${"a".repeat(64)}`;
const b = `sha256:${"b".repeat(64)}`;
const project = "description: x\nowners: {group: g@example.org}\nstaging: {images: true}\n";

it("a project's lines are one per tag and per tagless digest, sorted", () => {
  const { projects, problems } = readManifests(
    new Map([
      ["p/project.yaml", project],
      [
        "p/images.yaml",
        `# comment\n- name: web/app\n  dmap:\n    "${b}": ["v2", "v10"]\n    "${a}": []\n- name: api\n  dmap:\n    "${a}": ["v1"]\n`,
      ],
      [
        "p/files/v1.yaml",
        `files:\n- name: v1/b\n  sha256: ${"0".repeat(63)}b\n- name: v1/a\n  sha256: ${"c".repeat(64)}\n`,
      ],
    ]),
    "manifests",
  );
  assert.deepEqual(problems, []);
  const [p] = projects;
  assert.ok(p);
  assert.equal(imageLines(p), `api:v1 ${a}\nweb/app:v10 ${b}\nweb/app:v2 ${b}\nweb/app@${a}\n`);
  assert.equal(fileLines(p), `v1/a sha256:${"c".repeat(64)}\nv1/b sha256:${"0".repeat(63)}b\n`);
  assert.equal(imageSummary(p), "2 images, 3 digests");
  assert.equal(fileSummary(p), "2 files");
  assert.deepEqual(positionOf(p, { image: "web/app", digest: a }), {
    file: "manifests/p/images.yaml",
    line: 5,
    column: 5,
  });
  assert.deepEqual(positionOf(p, { image: "api", tag: "v1" }), {
    file: "manifests/p/images.yaml",
    line: 8,
    column: 81,
  });
  assert.deepEqual(positionOf(p, { image: "api" }), { file: "manifests/p/images.yaml", line: 6, column: 9 });
  assert.deepEqual(positionOf(p, { file: "v1/a" }), { file: "manifests/p/files/v1.yaml", line: 4, column: 9 });
  assert.equal(positionOf(p, { image: "api", tag: "v2" }), undefined);
});

it("an absent or empty manifest wants nothing", () => {
  for (const empty of ["", "# nothing yet\n", "[]\n"]) {
    const { projects, problems } = readManifests(
      new Map([
        ["p/project.yaml", project],
        ["p/images.yaml", empty],
      ]),
    );
    assert.deepEqual(problems, []);
    assert.equal(imageLines(projects[0]!), "");
    assert.equal(fileLines(projects[0]!), "");
    assert.equal(imageSummary(projects[0]!), "0 images, 0 digests");
  }
});
