import assert from "node:assert/strict";
import { it } from "mocha";
import { problemLine } from "../../../components/manifests/problem.ts";
import type { Project } from "../../../components/manifests/project.ts";
import { readManifests } from "../../../components/manifests/read.ts";

function read(text: string, name = "p"): { project: Project | undefined; problems: string[] } {
  const { projects, problems } = readManifests(new Map([[`${name}/project.yaml`, text]]));
  return { project: projects[0], problems: problems.map(problemLine) };
}

it("the least that a project says, and what it gets by default", () => {
  assert.deepEqual(read("description: A tool\nowners:\n  group: tool@example.org\nstaging:\n  images: true\n"), {
    problems: [],
    project: {
      name: "p",
      description: "A tool",
      owners: { group: "tool@example.org", repositories: [] },
      approvers: [],
      staging: { images: true, files: false, retentionDays: 90 },
      imagePrefix: "p",
      imagePrefixes: ["p"],
      filePrefix: "p",
      shares: [],
      mutableTags: [],
      removalShare: 0.5,
      withdrawn: [],
      images: [],
      files: [],
    },
  });
});

it("everything that a project can say", () => {
  const { project, problems } = read(`
description: "A: tool"
contact: "#tool in the chat"
owners:
  group: tool@example.org
  repositories:
    - {name: example/tool, id: 12}
    - {name: Example/.github, id: "345", workflow: push.yaml, refs: [tags, branches]}
approvers: [octocat, octo-org/release_team]
staging: {images: true, files: true, filesFolder: tool/releases, retentionDays: 30}
imagePrefixes: ["", kubernetes]
filePrefix: tools/tool
shares:
  - {project: p, images: [etcd, "plugins/*", "*"], files: [v1.0.1/tool, "V1/*"]}
  - {project: p}
trust:
  mode: require
  signers:
    - {identity: release@example.org, issuer: https://accounts.google.com}
    - {identityPattern: "https://github.com/example/tool/*@refs/tags/*", issuer: https://token.actions.githubusercontent.com}
    - key: |
        -----BEGIN PUBLIC KEY-----
        MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAExRRST79+PsrRBnGAI4cMu6Omz2Jh
        fwlMW+gIutNKVRaMyS4rQKvgngc5p8UbLj55pVHhIoAxi/WGG8wf6oB3Qw==
        -----END PUBLIC KEY-----
  provenance: {sources: ["https://github.com/example/*"], refs: ["refs/tags/*"]}
  predicates: [https://spdx.dev/Document]
attachments: {artifactTypes: [application/vnd.example.report], megabytes: 8}
mutableTags: ["latest", "v*-dev", "*"]
mutableFiles: [stable.txt, "*/latest.txt", "*"]
removalShare: 0.25
`);
  assert.deepEqual(problems, []);
  assert.deepEqual(project, {
    name: "p",
    description: "A: tool",
    contact: "#tool in the chat",
    owners: {
      group: "tool@example.org",
      repositories: [
        { name: "example/tool", id: "12", workflow: "artifacts.yml", refs: ["tags"] },
        { name: "Example/.github", id: "345", workflow: "push.yaml", refs: ["tags", "branches"] },
      ],
    },
    approvers: ["octocat", "octo-org/release_team"],
    staging: { images: true, files: true, filesFolder: "tool/releases", retentionDays: 30 },
    imagePrefix: "",
    imagePrefixes: ["", "kubernetes"],
    filePrefix: "tools/tool",
    shares: [
      { project: "p", images: ["etcd", "plugins/*", "*"], files: ["v1.0.1/tool", "V1/*"] },
      { project: "p", images: [], files: [] },
    ],
    trust: {
      mode: "require",
      signers: [
        { identity: "release@example.org", issuer: "https://accounts.google.com" },
        {
          identityPattern: "https://github.com/example/tool/*@refs/tags/*",
          issuer: "https://token.actions.githubusercontent.com",
        },
        {
          key:
            "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAExRRST79+PsrRBnGAI4cMu6Omz2Jh\n" +
            "fwlMW+gIutNKVRaMyS4rQKvgngc5p8UbLj55pVHhIoAxi/WGG8wf6oB3Qw==\n-----END PUBLIC KEY-----\n",
        },
      ],
      provenance: { sources: ["https://github.com/example/*"], refs: ["refs/tags/*"] },
      predicates: ["https://spdx.dev/Document"],
    },
    attachments: { artifactTypes: ["application/vnd.example.report"], megabytes: 8 },
    mutableTags: ["latest", "v*-dev", "*"],
    mutableFiles: ["stable.txt", "*/latest.txt", "*"],
    removalShare: 0.25,
    withdrawn: [],
    images: [],
    files: [],
  });
});

it("everything wrong at once, each at its place", () => {
  const { project, problems } = read(`description: ""
contact:
owner:
  group: x
owners:
  group: tool
  repository: [a/b]
  repositories: [example/tool, {name: a/.., id: 0}, {name: "a/b/c"}, {name: a/b, id: 1, workflow: ../x.yml, refs: [heads], branch: x}]
staging:
  image: true
  files: yes
  retentionDays: 0
imagePrefix: /tool
filePrefix: ../x
mutableTags: latest
removalShare: 50%
approvers: ["@octocat", a/b/c]
shares: [{project: P, images: [A, "a*"], files: ["../x"]}, {}]
`);
  assert.equal(project, undefined);
  assert.deepEqual(problems, [
    "p/project.yaml:1:14: description must be one line of 1 to 500 characters",
    "p/project.yaml:2:9: contact is empty or null: it must be text",
    'p/project.yaml:3:1: unknown key "owner": did you mean owners?',
    'p/project.yaml:6:10: group "tool" is not a mail address: write the address of the group that owns the project',
    'p/project.yaml:7:3: unknown key "repository": did you mean repositories?',
    'p/project.yaml:8:18: repository "example/tool" is known by its name alone, which can change hands: write {name: owner/name, id: NUMBER}; gh api repos/OWNER/NAME --jq .id prints the number',
    'p/project.yaml:8:39: repository "a/.." is not a GitHub repository: write owner/name',
    `p/project.yaml:8:49: id "0" is not a repository's number: gh api repos/OWNER/NAME --jq .id prints it`,
    "p/project.yaml:8:53: `id` is required: add `id: ` and the repository's number (gh api repos/OWNER/NAME --jq .id)",
    'p/project.yaml:8:60: repository "a/b/c" is not a GitHub repository: write owner/name',
    'p/project.yaml:8:99: workflow "../x.yml" is not the name of a file in .github/workflows: write artifacts.yml',
    'p/project.yaml:8:116: refs: "heads" is neither tags nor branches',
    'p/project.yaml:8:124: unknown key "branch": known here: name, id, workflow, refs',
    'p/project.yaml:10:3: unknown key "image": did you mean images?',
    'p/project.yaml:11:10: files must be true or false, not "yes"',
    'p/project.yaml:12:18: retentionDays must be a whole number of days from 1 to 3650, not "0"',
    'p/project.yaml:13:14: imagePrefix "/tool" is not a path: lower-case letters and digits, joined by one . _ / , __ or dashes; "" for the root',
    'p/project.yaml:14:13: filePrefix "../x" is not a path: lower-case letters and digits, joined by one . _ / , __ or dashes; "" for the root',
    'p/project.yaml:15:14: mutableTags must be a list of patterns: ["latest"], not "latest"',
    'p/project.yaml:16:15: removalShare must be a share from 0 to 1, e.g. 0.5, not "50%"',
    'p/project.yaml:17:13: approver "@octocat" is not a GitHub user or team: write a login, or organization/team (its slug), without @',
    'p/project.yaml:17:25: approver "a/b/c" is not a GitHub user or team: write a login, or organization/team (its slug), without @',
    `p/project.yaml:18:20: project "P" is not a project's name: write the name of its folder`,
    'p/project.yaml:18:32: image "A" is not a name that can be shared: a name, "folder/*" for all below a folder, or "*" for all',
    'p/project.yaml:18:35: image "a*" is not a name that can be shared: a name, "folder/*" for all below a folder, or "*" for all',
    'p/project.yaml:18:50: file "../x" is not a name that can be shared: a name, "folder/*" for all below a folder, or "*" for all',
    "p/project.yaml:18:60: `project` is required: add `project: ` and the name of its folder",
  ]);
});

it("an empty project.yaml, none at all, and names that no project can have", () => {
  assert.deepEqual(read("").problems, [
    "p/project.yaml:1:1: `description` is required: add `description: what the project is`",
    "p/project.yaml:1:1: `owners` is required: add `owners: {group: team@example.org}`",
    "p/project.yaml:1:1: `staging` is required: add `staging: {images: true}` (or `files: true`)",
  ]);
  assert.deepEqual(readManifests(new Map([["p/images.yaml", ""]])).problems.map(problemLine), [
    'p/images.yaml:1:1: project "p" has no project.yaml: create one with npm run new -- p --owners <group>',
  ]);
  const valid = "description: x\nowners: {group: g@example.org}\nstaging: {files: true}\n";
  for (const name of ["P", "1p", "p_q", "p-", "-p", "p--q", "x".repeat(64)])
    assert.deepEqual(read(valid, name).problems, [
      `${name}/project.yaml:1:1: project name "${name}" (the folder's) must be at most 63 lower-case letters and digits in words joined by -, a letter first`,
    ]);
  for (const name of ["p", "p1-q2", "x".repeat(63)]) assert.deepEqual(read(valid, name).problems, []);
  assert.match(read(valid, "go-google").problems[0] ?? "", /which bucket names must not/);
});

it("removal shares and days at their limits", () => {
  const of = (share: string, days: string) =>
    read(
      `description: x\nowners: {group: g@example.org}\nstaging: {images: true, retentionDays: ${days}}\nremovalShare: ${share}\n`,
    );
  assert.equal(of("0", "1").project?.removalShare, 0);
  assert.equal(of("1", "3650").project?.removalShare, 1);
  for (const [share, days] of [
    ["1.01", "1"],
    ["-0", "1"],
    ["1e-1", "1"],
    ["0", "3651"],
    ["0", "1.5"],
    ["0", "0x10"],
  ] as const)
    assert.equal(of(share, days).problems.length, 1, `${share} ${days}`);
});
