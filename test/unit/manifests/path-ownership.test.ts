// A project stays in its own names: what others may put below its prefixes is what its project.yaml shares.
import assert from "node:assert/strict";
import { it } from "mocha";
import type { OwnedPrefix, PathOwner } from "../../../components/manifests/path-ownership.ts";
import { ownershipProblems } from "../../../components/manifests/path-ownership.ts";
import { problemLine } from "../../../components/manifests/problem.ts";
import { readManifests } from "../../../components/manifests/read.ts";
import { Source } from "../../../components/manifests/source.ts";

const hex = "c".repeat(64);
const declaration = "description: x\nowners: {group: g@example.org}\nstaging: {images: true, files: true}\n";

/** Texts of a project: lines of its project.yaml beside the required ones, images and files that it publishes. */
function project(name: string, lines: string, images: readonly string[] = [], files: readonly string[] = []) {
  return [
    [`${name}/project.yaml`, `${declaration}${lines}`],
    [`${name}/images.yaml`, images.map((image) => `- name: ${image}\n  dmap:\n    "sha256:${hex}": ["v1"]\n`).join("")],
    [
      `${name}/files.yaml`,
      files.length === 0
        ? ""
        : `files:\n${files.map((file) => `- name: ${JSON.stringify(file)}\n  sha256: ${hex}\n`).join("")}`,
    ],
  ] as const;
}

function problemsOf(...projects: readonly (readonly (readonly [string, string])[])[]): string[] {
  const { projects: loaded, problems } = readManifests(new Map(projects.flat()));
  const faulty = new Set(problems.filter(({ severity }) => severity === "error").map(({ file }) => file.split("/")[0]));
  assert.deepEqual(
    loaded.filter(({ name }) => faulty.has(name)),
    [],
    "a project with an error is not promoted",
  );
  return problems.map(problemLine);
}

const tool = (lines = "") => project("tool", lines, ["controller"], ["v1.0.0/tool"]);

it("refuses a prefix inside another project's, and names both", () => {
  assert.deepEqual(
    problemsOf(tool(), project("x", "imagePrefix: tool/plugins\nfilePrefix: tool/v1.0.1\n", ["p"], ["tool"])),
    [
      'tool/project.yaml:1:1: filePrefix "tool/v1.0.1" of project "x" (x/project.yaml:5) is inside filePrefix "tool": choose another there, or add `shares: [{project: x, files: ["v1.0.1/*"]}]` here',
      'tool/project.yaml:1:1: imagePrefix "tool/plugins" of project "x" (x/project.yaml:4) is inside imagePrefix "tool": choose another there, or add `shares: [{project: x, images: ["plugins/*"]}]` here',
      'x/project.yaml:4:14: imagePrefix "tool/plugins" is inside imagePrefix "tool" of project "tool" (tool/project.yaml:1): choose another, or have that project\'s approvers add `shares: [{project: x, images: ["plugins/*"]}]` to its project.yaml',
      'x/project.yaml:5:13: filePrefix "tool/v1.0.1" is inside filePrefix "tool" of project "tool" (tool/project.yaml:1): choose another, or have that project\'s approvers add `shares: [{project: x, files: ["v1.0.1/*"]}]` to its project.yaml',
    ],
  );
});

it("refuses a name from the root that lies in another project's folder, one problem for all of them", () => {
  const root = project(
    "x",
    'imagePrefix: ""\nfilePrefix: ""\n',
    ["tool/controller-v2", "tool/a", "free"],
    ["Tool/v2/tool", "free/x"],
  );
  assert.deepEqual(problemsOf(tool(), root), [
    'tool/project.yaml:1:1: file "Tool/v2/tool" of project "x" (x/files.yaml:2) is below filePrefix "tool": have it published under another name, or add `shares: [{project: x, files: ["v2/tool"]}]` here',
    'tool/project.yaml:1:1: image "tool/controller-v2" (and 1 more) of project "x" (x/images.yaml:1) is below imagePrefix "tool": have it published under another name, or add `shares: [{project: x, images: ["controller-v2"]}]` here',
    'x/files.yaml:2:9: file "Tool/v2/tool" belongs to project "tool", whose filePrefix "tool" it is below (tool/project.yaml:1): publish it under another name, or have that project\'s approvers add `shares: [{project: x, files: ["v2/tool"]}]` to its project.yaml',
    'x/images.yaml:1:9: image "tool/controller-v2" (and 1 more) belongs to project "tool", whose imagePrefix "tool" it is below (tool/project.yaml:1): publish it under another name, or have that project\'s approvers add `shares: [{project: x, images: ["controller-v2"]}]` to its project.yaml',
  ]);
  assert.equal(problemsOf(tool(), project("x", 'imagePrefix: ""\n', ["tool"])).length, 2, "the folder's own name");
});

it("lets in what the other project shares, and nothing beside it", () => {
  const shares = (images: string, files = "[]") => tool(`shares: [{project: x, images: ${images}, files: ${files}}]\n`);
  const inside = project("x", "imagePrefix: tool/plugins\nfilePrefix: tool/v1.0.1\n", ["p", "q"], ["tool"]);
  assert.deepEqual(problemsOf(shares('["plugins/*"]', '["v1.0.1/*"]'), inside), []);
  assert.deepEqual(problemsOf(shares('["*"]', '["*"]'), inside), []);
  assert.match(
    problemsOf(shares("[plugins/p]", '["*"]'), inside).join("\n"),
    /image "tool\/plugins\/q" of project "x"/,
  );
  assert.match(problemsOf(shares("[plugins]", '["*"]'), inside).join("\n"), /imagePrefix "tool\/plugins" of project/);
  assert.match(problemsOf(shares('["plugin/*"]', '["*"]'), inside).join("\n"), /imagePrefix "tool\/plugins" of/);
  assert.equal(problemsOf(shares('["*"]'), inside).length, 2, "images are no files");
  assert.equal(
    problemsOf(tool('shares: [{project: y, images: ["*"], files: ["*"]}]\n'), inside, project("y", "")).length,
    4,
    "another project's grant",
  );
  // What was given away is the other's: its owner stays out of it.
  assert.match(
    problemsOf(
      project("tool", 'shares: [{project: x, images: ["plugins/*"]}]\n', ["plugins/mine"]),
      project("x", "imagePrefix: tool/plugins\nfilePrefix: y\n", ["p"]),
    ).join("\n"),
    /^tool\/images.yaml:1:9: image "tool\/plugins\/mine" belongs to project "x"/m,
  );
});

it("two projects share a prefix with disjoint images, as etcd and kubernetes of k8s.io do", () => {
  const kubernetes = (shares: string) =>
    project("kubernetes", `imagePrefix: ""\n${shares}`, ["kube-apiserver", "pause"]);
  const etcd = (...images: string[]) => project("etcd", 'imagePrefix: ""\n', images);
  const granted = kubernetes("shares: [{project: etcd, images: [etcd]}]\n");
  assert.deepEqual(problemsOf(granted, etcd("etcd")), []);
  assert.deepEqual(problemsOf(kubernetes(""), etcd("etcd")), [
    'etcd/project.yaml:4:14: imagePrefix "" is also used by project "kubernetes" (kubernetes/project.yaml:4): change one of the two, or grant names by `shares`',
    'kubernetes/project.yaml:4:14: imagePrefix "" is also used by project "etcd" (etcd/project.yaml:4): change one of the two, or grant names by `shares`',
  ]);
  assert.match(
    problemsOf(granted, etcd("etcd", "pause2")).join("\n"),
    /^etcd\/images.yaml:4:9: image "pause2" belongs to project "kubernetes", whose imagePrefix "" it is below/m,
  );
  // Disjoint is judged name by name, share or not.
  assert.match(
    problemsOf(kubernetes('shares: [{project: etcd, images: ["*"]}]\n'), etcd("pause")).join("\n"),
    /^etcd\/images.yaml:1:9: image "pause" is also used by project "kubernetes"/m,
  );
  // Each bound to what the other grants: nobody gets more by granting back.
  assert.equal(
    problemsOf(
      granted,
      project("etcd", 'imagePrefix: ""\nshares: [{project: kubernetes, images: [pause]}]\n', ["etcd"]),
    ).length,
    2,
  );
});

it("takes several prefixes of one project, each with the same rights", () => {
  const source = new Source("project.yaml", "");
  const owner = (name: string, prefixes: string[], images: string[], share: string[] = []): PathOwner => {
    const owned: OwnedPrefix[] = prefixes.map((prefix) => ({ prefix, start: 0 }));
    return {
      name,
      prefixes: { source, image: owned, file: [] },
      shares: [{ project: "etcd", images: share, files: [], start: 0 }],
      images: images.map((image) => ({
        source,
        name: { kind: "scalar", text: image, plain: true, start: 0, end: 0 },
        digests: [],
      })),
      files: [],
    };
  };
  const found = (...owners: PathOwner[]) =>
    ownershipProblems(owners, new Set(["etcd"])).problems.map(({ message }) => message);
  const kubernetes = (share: string[]) => owner("kubernetes", ["", "kubernetes"], ["pause"], share);
  const etcd = (...images: string[]) => owner("etcd", ["", "kubernetes"], images);
  assert.deepEqual(found(kubernetes(["etcd"]), etcd("etcd")), []);
  assert.equal(found(kubernetes([]), etcd("etcd")).length, 4);
  assert.deepEqual(
    found(kubernetes(["etcd"]), etcd("etcd", "x")).map((message) => message.slice(0, 30)),
    [
      'image "x" belongs to project "',
      'image "x" of project "etcd" (p',
      'image "kubernetes/x" belongs t',
      'image "kubernetes/x" of projec',
    ],
  );
});

it("warns of a share with a project that does not exist", () => {
  assert.deepEqual(problemsOf(tool("shares:\n- {project: nobody, images: [a]}\n")), [
    'tool/project.yaml:5:3: warning: shares names with project "nobody", which does not exist: whoever creates it may use them',
  ]);
});

it("judges 20,000 names among 500 projects in time that grows with their number", () => {
  const owners = Array.from({ length: 500 }, (_, index) =>
    project(
      `p${index}`,
      `imagePrefix: a/b/c${index}\n`,
      Array.from({ length: 40 }, (__, image) => `i/${image}`),
    ),
  );
  // Processor time: it does not depend on what else runs.
  const before = process.cpuUsage();
  assert.deepEqual(problemsOf(...owners), []);
  assert.ok(process.cpuUsage(before).user < 20_000_000);
});
