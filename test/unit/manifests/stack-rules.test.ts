import assert from "node:assert/strict";
import { it } from "mocha";
import { problemLine } from "../../../components/manifests/problem.ts";
import { readManifests } from "../../../components/manifests/read.ts";
import type { StackRules } from "../../../components/manifests/stack-rules.ts";

const rules: StackRules = {
  githubOwners: new Set(["example"]),
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
