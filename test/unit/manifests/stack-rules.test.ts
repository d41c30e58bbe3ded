import assert from "node:assert/strict";
import { it } from "mocha";
import { problemLine } from "../../../components/manifests/problem.ts";
import { readManifests } from "../../../components/manifests/read.ts";
import type { StackRules } from "../../../components/manifests/stack-rules.ts";

const rules: StackRules = {
  githubOwners: new Set(["example"]),
  regionGroups: new Map([
    ["us", true],
    ["europe", true],
    ["asia", false],
  ]),
};

function read(text: string, asked: StackRules = rules, more: Readonly<Record<string, string>> = {}) {
  const files = new Map(Object.entries({ "tool/project.yaml": text, ...more }));
  const { projects, problems } = readManifests(files, "manifests", asked);
  return { projects: projects.length, problems: problems.map(problemLine) };
}

const project = (repositories: string, staging = "{images: true}") =>
  `description: x\nowners:\n  group: g@example.org\n  repositories: ${repositories}\nstaging: ${staging}\n`;

it("repositories of the stack's owners may push, those of others are errors at their place", () => {
  assert.deepEqual(read(project("[{name: example/a, id: 1}, {name: example/b, id: 2}]")), {
    projects: 1,
    problems: [],
  });
  assert.deepEqual(read(project("[{name: example/a, id: 1}, {name: stranger/b, id: 2}]")), {
    projects: 0,
    problems: [
      'manifests/tool/project.yaml:4:51: repository "stranger/b" may not push: its owner is not in artifacts:githubOwners of the stack; add "stranger" there or remove the repository',
    ],
  });
});

it("owners are compared as GitHub's tokens spell them, and by no name that every object has", () => {
  assert.equal(read(project("[{name: Example/a, id: 1}]")).problems.length, 1);
  assert.equal(read(project("[{name: constructor/a, id: 1}, {name: toString/b, id: 2}]")).problems.length, 2);
});

it("what the stack refuses is reported along with all other mistakes of the project", () => {
  const { problems } = read(`${project("[{name: stranger/b, id: 1}, nonsense]")}unknown: 1\n`, rules, {
    "tool/images.yaml": "- nam: x\n",
  });
  assert.deepEqual(
    problems.map((line) => line.slice(0, line.indexOf(": "))),
    [
      "manifests/tool/images.yaml:1:3",
      "manifests/tool/images.yaml:1:3",
      "manifests/tool/images.yaml:1:3",
      "manifests/tool/project.yaml:4:25",
      "manifests/tool/project.yaml:4:45",
      "manifests/tool/project.yaml:6:1",
    ],
  );
});

it("without a stack only what holds for every stack is checked", () => {
  const files = new Map([["tool/project.yaml", project("[{name: stranger/b, id: 1}]")]]);
  assert.deepEqual(readManifests(files).problems, []);
});

it("a project is placed in groups of the stack's regions: others are errors at their place, those without a region warnings", () => {
  const placed = (regions: string) => read(`${project("[]")}regions: ${regions}\n`);
  assert.deepEqual(placed("[us, europe]"), { projects: 1, problems: [] });
  assert.deepEqual(placed("[us, asia]"), {
    projects: 1,
    problems: [
      'manifests/tool/project.yaml:6:15: warning: group "asia" has no region of this stack: in it only the canonical mirrors have the project',
    ],
  });
  assert.deepEqual(placed("[europa, us-central1, us, us]"), {
    projects: 0,
    problems: [
      'manifests/tool/project.yaml:6:11: group "europa" is no group of regions of this stack: did you mean "europe"?',
      'manifests/tool/project.yaml:6:19: group "us-central1" is no group of regions of this stack: known: us, europe, asia',
      'manifests/tool/project.yaml:6:36: group "us" is listed twice: keep one',
    ],
  });
});

it("regions must be a list of names, and not an empty one", () => {
  const { problems } = read(`${project("[]")}regions: []\n`);
  assert.deepEqual(problems, [
    "manifests/tool/project.yaml:6:10: regions is empty: name a group, or remove it for all regions",
  ]);
  assert.match(
    read(`${project("[]")}regions: us\n`).problems.join(),
    /regions must be a list of groups of regions: \[us, europe\], not "us"/,
  );
  assert.match(
    read(`${project("[]")}regions: [US]\n`).problems.join(),
    /group "US" is not the name of a group of regions/,
  );
});
