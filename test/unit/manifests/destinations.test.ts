// A project's images may appear below several prefixes and lie in staging under other names.
import assert from "node:assert/strict";
import { it } from "mocha";
import { imageLines, imageNames, imageSources } from "../../../components/manifests/lines.ts";
import { problemLine } from "../../../components/manifests/problem.ts";
import { readManifests } from "../../../components/manifests/read.ts";
import { stagedIn, stagingBucketName, stagingRepositoryId } from "../../../components/staging/staging-names.ts";
import { imageBelow, imageName } from "../../../redirector/object-paths.ts";

const a = `sha256:${"a".repeat(64)}`;
const b = `sha256:${"b".repeat(64)}`;
const declaration = "description: x\nowners: {group: g@example.org}\nstaging: {images: true}\n";

function read(prefixes: string, images: string, more: Readonly<Record<string, string>> = {}) {
  const files = { "p/project.yaml": `${declaration}${prefixes}`, "p/images.yaml": images, ...more };
  const { projects, problems } = readManifests(new Map(Object.entries(files)));
  return { project: projects.find(({ name }) => name === "p"), problems: problems.map(problemLine) };
}

const image = (name: string, digest: string, tag: string, from?: string) =>
  `- name: ${name}\n${from === undefined ? "" : `  from: ${from}\n`}  dmap:\n    "${digest}": ["${tag}"]\n`;

for (const { what, prefixes, images, lines, sources } of [
  {
    what: "one prefix: names are relative to it, and nothing has another name in staging",
    prefixes: "imagePrefix: tool\n",
    images: image("app", a, "v1"),
    lines: `app:v1 ${a}\n`,
    sources: undefined,
  },
  {
    what: "the root and a folder",
    prefixes: 'imagePrefixes: ["", kubernetes]\n',
    images: image("app", a, "v1") + image("sub/pause", b, "3.1"),
    lines: `/kubernetes/app:v1 ${a}\n/kubernetes/sub/pause:3.1 ${b}\napp:v1 ${a}\nsub/pause:3.1 ${b}\n`,
    sources: "/kubernetes/app app\n/kubernetes/sub/pause sub/pause\n",
  },
  {
    what: "a folder and the root",
    prefixes: 'imagePrefixes: [tool, ""]\n',
    images: image("app", a, "v1"),
    lines: `/app:v1 ${a}\napp:v1 ${a}\n`,
    sources: "/app app\n",
  },
  {
    what: "one image in staging under two names",
    prefixes: 'imagePrefix: ""\n',
    images: image("zstd", a, "v1") + image("kubernetes/zstd", a, "v1", "zstd"),
    lines: `kubernetes/zstd:v1 ${a}\nzstd:v1 ${a}\n`,
    sources: "kubernetes/zstd zstd\n",
  },
])
  it(`lines of ${what}`, () => {
    const { project, problems } = read(prefixes, images);
    assert.deepEqual(problems, []);
    assert.ok(project);
    assert.equal(imageLines(project), lines);
    assert.equal(imageSources(project), sources);
    assert.deepEqual(
      new Set(imageNames(project)),
      new Set(lines.match(/^[^:@\n]+/gm)),
      "every name has lines, and every line a name",
    );
  });

for (const { what, prefixes, images, problem } of [
  {
    what: "both keys",
    prefixes: "imagePrefix: a\nimagePrefixes: [a]\n",
    images: "",
    problem: /^p\/project.yaml:5:1: imagePrefix and imagePrefixes say the same/,
  },
  {
    what: "a prefix twice",
    prefixes: "imagePrefixes: [a, a]\n",
    images: "",
    problem: /^p\/project.yaml:4:20: prefix "a" is listed twice/,
  },
  { what: "no prefix", prefixes: "imagePrefixes: []\n", images: "", problem: /imagePrefixes is empty/ },
  { what: "no path", prefixes: "imagePrefixes: [/a]\n", images: "", problem: /"\/a" is not a path/ },
  {
    what: "two images of one name by two prefixes",
    prefixes: 'imagePrefixes: ["", kubernetes]\n',
    images: image("kubernetes/zstd", a, "v1") + image("zstd", b, "v1"),
    problem: /^p\/images.yaml:\d+:9: image "kubernetes\/zstd" is also in p\/images.yaml:\d+: by another prefix/,
  },
  {
    what: "a name in staging that no repository has",
    prefixes: "",
    images: image("zstd", a, "v1", "Zstd"),
    problem: /^p\/images.yaml:2:9: image "zstd": image name "Zstd" is not a repository name/,
  },
])
  it(`refuses ${what}`, () => {
    const { project, problems } = read(prefixes, images);
    assert.equal(project, undefined);
    assert.ok(
      problems.some((line) => problem.test(line)),
      problems.join("\n"),
    );
  });

it("disjoint images of two projects below one prefix: the grant of the one is enough", () => {
  const etcd = {
    "etcd/project.yaml": `${declaration}imagePrefixes: ["", kubernetes]\n`,
    "etcd/images.yaml": image("etcd", b, "3.5"),
  };
  const prefixes = 'imagePrefixes: ["", kubernetes]\n';
  const granted = read(`${prefixes}shares: [{project: etcd, images: [etcd]}]\n`, image("pause", a, "3.1"), etcd);
  assert.deepEqual(granted.problems, []);
  assert.notDeepEqual(read(prefixes, image("pause", a, "3.1"), etcd).problems, []);
});

it("a name in production and the image of a project's lines are each other's inverse", () => {
  for (const prefix of ["", "tool", "tool/sub"])
    for (const name of ["app", "tool/app", "tool/sub/app", "toolbox/app"])
      assert.equal(imageName(prefix, imageBelow(prefix, name)), name);
});

it("staging names have at most 63 characters, and stay apart", () => {
  assert.equal(stagingRepositoryId("tool"), "staging-tool");
  assert.equal(stagingBucketName("org", "tool"), "org-staging-tool");
  const [one, other] = ["a", "b"].map((end) => `${"x".repeat(62)}${end}`);
  for (const nameOf of [stagingRepositoryId, (project: string) => stagingBucketName("organization", project)]) {
    const names = [nameOf(one!), nameOf(other!)];
    assert.equal(new Set(names).size, 2);
    for (const name of names) assert.match(name, /^[a-z][a-z0-9-]{61}[a-z0-9]$/);
  }
});

it("files may be staged in a folder of the bucket", () => {
  const staging = { images: false, files: true, retentionDays: 90 };
  assert.equal(stagedIn({ staging }, "bucket"), "bucket");
  assert.equal(stagedIn({ staging: { ...staging, filesFolder: "kops/releases" } }, "bucket"), "bucket/kops/releases");
  assert.equal(stagedIn({ staging: { ...staging, filesFolder: "releases" } }, ""), "");
});
