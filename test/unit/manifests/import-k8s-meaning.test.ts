// What the manifests of k8s.io mean, row by row of what they hold: nothing that a client can pull is lost for its spelling.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, describe, it } from "mocha";
import { importK8s } from "../../../components/manifests/import-k8s.ts";
import { publishedByK8s, publishedByProjects } from "../../../components/manifests/k8s-published.ts";
import { updatedList } from "../../../components/manifests/k8s-update.ts";
import { problemLine } from "../../../components/manifests/problem.ts";
import { comparePublished, describePublished } from "../../../components/manifests/published-report.ts";
import { readManifests } from "../../../components/manifests/read.ts";
import { skip } from "../../support/annotations.ts";

const [a, b, c] = ["a", "b", "c"].map((digit) => `sha256:${digit.repeat(64)}`) as [string, string, string];
const hex = (digest: string) => digest.slice("sha256:".length);
const region = "us-central1-docker.pkg.dev/k8s-artifacts-prod/images";

const registries = (project: string, prefixes: readonly string[], host = region) =>
  `# google group for gcr.io/k8s-staging-${project} is ${project}@kubernetes.io\nregistries:\n- name: gcr.io/k8s-staging-${project}\n  src: true\n${prefixes.map((prefix) => `- name: ${host}${prefix === "" ? "" : `/${prefix}`}\n`).join("")}`;
const filestores = (project: string, staged: string, prefix: string) =>
  `# google group for gcr.io/k8s-staging-${project} is ${project}@kubernetes.io\nfilestores:\n- base: gs://k8s-staging-${project}/${staged}\n  src: true\n- base: gs://k8s-artifacts-prod/binaries/${prefix}/\n`;
const image = (name: string, ...digests: readonly string[]) =>
  `- name: ${name}\n  dmap:\n${digests.map((digest) => `    ${digest}\n`).join("")}`;

/** A checkout with images of projects, each with its prefixes, in the layout of today. */
const thin = (projects: Readonly<Record<string, readonly [readonly string[], string]>>) =>
  Object.fromEntries(
    Object.entries(projects).flatMap(([name, [prefixes, images]]) => [
      [`registry.k8s.io/images/k8s-staging-${name}/images.yaml`, images],
      [`registry.k8s.io/manifests/k8s-staging-${name}/promoter-manifest.yaml`, registries(name, prefixes)],
    ]),
  );
const withFiles = (lists: Readonly<Record<string, string>>, staged = "") => ({
  "artifacts/filestores/k8s-staging-tool/filepromoter-manifest.yaml": filestores("tool", staged, "tool"),
  ...Object.fromEntries(
    Object.entries(lists).map(([name, text]) => [`artifacts/manifests/k8s-staging-tool/${name}`, text]),
  ),
});
const file = (name: string, digest: string) => `- name: ${name}\n  sha256: ${hex(digest)}\n`;

function imported(files: Readonly<Record<string, string>>) {
  const texts = new Map(Object.entries(files));
  const result = importK8s(texts);
  const { projects, problems } = readManifests(result.texts);
  return {
    texts: Object.fromEntries(result.texts),
    problems: result.problems.map(problemLine),
    mistakes: problems.map(problemLine),
    report: comparePublished(publishedByK8s(texts), publishedByProjects(projects)),
    projects: Object.fromEntries(projects.map((project) => [project.name, project])),
  };
}

const rows: readonly {
  readonly what: string;
  readonly files: Readonly<Record<string, string>>;
  /** Lines that are told; each of these and no other. */
  readonly told: readonly RegExp[];
  /** `image:tag@digest` and keys of files that clients can pull, before and after. */
  readonly pulled: readonly string[];
}[] = [
  {
    what: "an image's name several times: the union, once told",
    files: thin({
      kops: [
        ["kops"],
        `# 1.1\n${image("dns", `"${a}": ["1.1"]`)}# 1.2\n${image("dns", `"${b}": ["1.2"]`)}${image("dns", `"${a}": ["1.1", "1.1.0"]`)}`,
      ],
    }),
    told: [
      /images.yaml:1:1: warning: means the same: 1 name repeated 2 times, merged; 2 repetitions of a digest or tag$/,
    ],
    pulled: [`kops/dns:1.1.0@${a}`, `kops/dns:1.1@${a}`, `kops/dns:1.2@${b}`],
  },
  {
    what: "a file twice with one sha256, in two manifests: once, once told",
    files: withFiles({
      "v1.yaml": `files:\n${file("v1/tool", a)}`,
      "v2.yaml": `files:\n${file("v1/tool", a)}${file("v2/tool", b)}`,
    }),
    told: [/v2.yaml:1:1: warning: means the same: 1 file listed again with the same sha256/],
    pulled: ["binaries/tool/v1/tool", "binaries/tool/v2/tool"],
  },
  {
    what: "a file with two contents: told with both",
    files: withFiles({
      "v1.yaml": `files:\n${file("tool", a)}`,
      "v2.yaml": `files:\n${file("tool", b)}`,
      "v3.yaml": `files:\n${file("tool", c)}`,
    }),
    told: [
      new RegExp(
        `v2.yaml:2:9: warning: file "tool" is listed with different contents: ${hex(a)} \\(artifacts.*v1.yaml:2\\), which is imported, ${hex(b)} \\(.*v2.yaml:2\\), ${hex(c)} \\(`,
      ),
    ],
    pulled: ["binaries/tool/tool"],
  },
  {
    what: "OWNERS, notes, scripts and tests are passed over",
    files: {
      ...thin({ kops: [["kops"], image("dns", `"${a}": ["1.1"]`)] }),
      "registry.k8s.io/OWNERS": "approvers: [x]\n",
      "registry.k8s.io/images/OWNERS": "approvers: [x]\n",
      "registry.k8s.io/images/README.md": "# x",
      "registry.k8s.io/images/k8s-staging-kops/generate.sh": "",
      "artifacts/manifests/go.mod": "module x",
      "registry.k8s.io/manifests/k8s-staging-kops/README.md": "",
    },
    told: [],
    pulled: [`kops/dns:1.1@${a}`],
  },
  {
    what: "approvers of a checkout without OWNERS_ALIASES are told once",
    files: {
      ...thin({
        kops: [["kops"], image("dns", `"${a}": ["1.1"]`)],
        tool: [["tool"], image("dns", `"${a}": ["1.1"]`)],
      }),
      "registry.k8s.io/images/k8s-staging-kops/OWNERS": "approvers: [sig-release, person]\n",
      "registry.k8s.io/images/k8s-staging-tool/OWNERS": "approvers: [person]\n",
    },
    told: [/kops\/OWNERS:1:1: warning: the checkout has no OWNERS_ALIASES: .* approvers of 2 projects as they stand$/],
    pulled: [`kops/dns:1.1@${a}`, `tool/dns:1.1@${a}`],
  },
  {
    what: "mirroring is told once, whatever it lists",
    files: {
      ...withFiles({ "v1.yaml": `files:\n${file("v1/tool", a)}` }),
      ...Object.fromEntries(
        ["kops", "tool"].map((name) => [
          `artifacts/mirroring/filestores/k8s-staging-${name}/filepromoter-manifest.yaml`,
          `filestores:\n- base: gs://k8s-artifacts-prod/binaries/${name}/\n  src: true\n- base: s3://one/binaries/${name}/\n- base: s3://two/binaries/${name}/\n`,
        ]),
      ),
    },
    told: [/warning: 2 mirrors of files, in 2 manifests: mirrors are regions of the stack's config/],
    pulled: ["binaries/tool/v1/tool"],
  },
  {
    what: "a second and a third prefix",
    files: thin({ spo: [["spo", "spo-bundle", ""], image("app", `"${a}": ["v1"]`, `"${b}": []`)] }),
    told: [],
    pulled: [
      `app:v1@${a}`,
      `app@${b}`,
      `spo-bundle/app:v1@${a}`,
      `spo-bundle/app@${b}`,
      `spo/app:v1@${a}`,
      `spo/app@${b}`,
    ],
  },
  {
    what: "a prefix of two projects with disjoint images, one inside another's prefix",
    files: thin({
      etcd: [["", "kubernetes"], image("etcd", `"${a}": ["3.5"]`)],
      kubernetes: [["", "kubernetes"], image("pause", `"${b}": ["3.1"]`) + image("proxy", `"${b}": ["1.1"]`)],
      inner: [["kubernetes/inner"], image("x", `"${c}": ["1"]`)],
      root: [[""], image("kubernetes/tool", `"${c}": ["1"]`)],
    }),
    told: [],
    pulled: [
      `etcd:3.5@${a}`,
      `kubernetes/etcd:3.5@${a}`,
      `kubernetes/inner/x:1@${c}`,
      `kubernetes/pause:3.1@${b}`,
      `kubernetes/proxy:1.1@${b}`,
      `kubernetes/tool:1@${c}`,
      `pause:3.1@${b}`,
      `proxy:1.1@${b}`,
    ],
  },
  {
    what: "dmap of null and of {}: nothing is promoted",
    files: thin({ csi: [["csi"], `- name: x\n  dmap:\n- name: y\n  dmap: {}\n${image("z", `"${a}": ["v1"]`)}`] }),
    told: [/warning: means the same: 2 images without digests, passed over$/],
    pulled: [`csi/z:v1@${a}`],
  },
  {
    what: "a digest of 63 digits and ha256: nobody can pull them; left out, each named",
    files: thin({
      tool: [["tool"], image("x", `"${a}": ["v1"]`, `"${b.slice(0, -1)}": ["v2"]`, `"h${c.slice(2)}": ["v3"]`)],
    }),
    told: [
      /images.yaml:4:5: warning: left out, as nobody can pull it: image "x": digest "sha256:b{63}" has 63 hex digits/,
      /images.yaml:5:5: warning: left out, as nobody can pull it: image "x": "ha256:c{64}" is not a digest/,
    ],
    pulled: [`tool/x:v1@${a}`],
  },
  {
    what: "a project's name of 26 characters, and one of 60",
    files: thin({
      "ingress-controller-conformance": [["ingressconformance"], image("echoserver", `"${a}": ["v1"]`)],
      ["x".repeat(60)]: [["x"], image("tool", `"${a}": ["v1"]`)],
    }),
    told: [],
    pulled: [`ingressconformance/echoserver:v1@${a}`, `x/tool:v1@${a}`],
  },
  {
    what: "the layout of 2020, thin and with the images beside the registries",
    files: {
      "k8s.gcr.io/images/k8s-staging-tool/images.yaml": image("x", `"${a}": ["v1"]`),
      "k8s.gcr.io/manifests/k8s-staging-tool/promoter-manifest.yaml": registries(
        "tool",
        ["tool"],
        "us.gcr.io/k8s-artifacts-prod",
      ),
      "k8s.gcr.io/manifests/k8s-staging-plain/promoter-manifest.yaml": `${registries("plain", ["plain"], "eu.gcr.io/k8s-artifacts-prod")}images:\n${image("tool", `"${b}": ["v1"]`)}`,
    },
    told: [],
    pulled: [`plain/tool:v1@${b}`, `tool/x:v1@${a}`],
  },
  {
    what: "one digest to one place by two manifests: once",
    files: thin({
      one: [["shared"], image("x", `"${a}": ["v1"]`)],
      two: [["shared"], image("x", `"${a}": ["v1"]`, `"${b}": ["v2"]`) + image("tool", `"${c}": ["v1"]`)],
    }),
    told: [
      /warning: image "x" is promoted by "k8s-staging-one" too: project "one" has it here, with the digests of both/,
    ],
    pulled: [`shared/tool:v1@${c}`, `shared/x:v1@${a}`, `shared/x:v2@${b}`],
  },
  {
    what: "one staging area of two projects",
    files: {
      ...thin({ one: [["one"], image("x", `"${a}": ["v1"]`)], two: [["two"], image("tool", `"${a}": ["v1"]`)] }),
      "registry.k8s.io/manifests/k8s-staging-two/promoter-manifest.yaml": registries("two", ["two"]).replace(
        "name: gcr.io/k8s-staging-two",
        "name: gcr.io/k8s-staging-one",
      ),
    },
    told: [],
    pulled: [`one/x:v1@${a}`, `two/tool:v1@${a}`],
  },
  {
    what: "files staged below a path, lists in folders and of odd names, files beside the filestore",
    files: {
      ...withFiles(
        { "a/b c.yaml": `files:\n${file("v1/x", a)}`, "_odd.yaml": `files:\n${file("v1/y", b)}` },
        "tool/releases/",
      ),
      "artifacts/filestores/k8s-staging-plain/filepromoter-manifest.yaml": `${filestores("plain", "", "plain")}files:\n${file("v1/z", c)}`,
    },
    told: [],
    pulled: ["binaries/plain/v1/z", "binaries/tool/v1/x", "binaries/tool/v1/y"],
  },
];

describe("the meaning of k8s.io's manifests", () => {
  for (const { what, files, told, pulled } of rows)
    it(what, () => {
      const { problems, mistakes, report } = imported(files);
      assert.deepEqual(mistakes, [], "the result is without mistakes");
      assert.equal(problems.length, told.length, problems.join("\n"));
      for (const [index, pattern] of told.entries()) assert.match(problems[index] ?? "", pattern);
      assert.deepEqual([report.lost, report.gained], [[], []]);
      assert.equal(
        describePublished(report).at(-1),
        "equal: every name that a client can pull before is the same after",
      );
      const { images, files: keys } = publishedByK8s(new Map(Object.entries(files)));
      const names = [...images].flatMap(([name, pairs]) =>
        [...pairs].map((pair) => `${name}${pair.startsWith("@") ? "" : ":"}${pair}`),
      );
      assert.deepEqual([...names, ...keys.keys()].sort(), pulled);
    });

  it("what a client can pull is never left out without an error: a tag on two digests, one path with other tags in two projects", () => {
    const twice = imported(thin({ tool: [["tool"], image("x", `"${a}": ["v1"]`, `"${b}": ["v1"]`)] }));
    assert.match(
      twice.problems.join("\n"),
      /:4:\d+: image "x": tag "v1" is on sha256:a{64} \(line 3\) and on sha256:b/,
    );
    assert.deepEqual(twice.report.lost, [`tool/x:v1@${b}`]);
    const clash = imported(
      thin({ one: [["s"], image("x", `"${a}": ["v1"]`)], two: [["s"], image("x", `"${b}": ["v1"]`)] }),
    );
    assert.match(
      clash.problems.join("\n"),
      /: image "x" is promoted to "s\/x", in part also by "k8s-staging-one", where tag/,
    );
  });

  it("merged lists keep their comments, each above what it was above; valid ones stay as they are", () => {
    const { texts } = imported(rows[0]!.files);
    assert.equal(
      texts["kops/images.yaml"],
      `- name: dns\n  dmap:\n    # 1.1\n    "${a}": ["1.1", "1.1.0"]\n    # 1.2\n    "${b}": ["1.2"]\n`,
    );
  });

  it("a path of staging and the grants of other projects are in project.yaml", () => {
    const { projects: tool } = imported(rows.at(-1)!.files);
    assert.equal(tool["tool"]?.staging.filesFolder, "tool/releases");
    const { projects } = imported(rows.find(({ what }) => what.startsWith("a prefix of two projects"))!.files);
    assert.deepEqual(projects["kubernetes"]?.shares, [
      { project: "etcd", images: ["etcd"], files: [] },
      { project: "inner", images: ["inner/*"], files: [] },
      { project: "root", images: ["kubernetes/tool", "tool"], files: [] },
    ]);
  });

  it("projects of one staging area share it here; one that shares a part of it is told", () => {
    const from = (name: string, prefix: string) =>
      registries(name, [prefix]).replace(`name: gcr.io/k8s-staging-${name}`, "name: gcr.io/k8s-staging-one");
    const files = {
      ...thin(
        Object.fromEntries(["one", "two", "a"].map((name) => [name, [[name], image("x", `"${a}": ["v1"]`)]] as const)),
      ),
      "registry.k8s.io/manifests/k8s-staging-two/promoter-manifest.yaml": from("two", "two"),
      "registry.k8s.io/manifests/k8s-staging-a/promoter-manifest.yaml": from("a", "a"),
    };
    const { projects, problems } = imported(files);
    assert.deepEqual(problems, []);
    assert.deepEqual(projects["one"]?.staging.sharedWith, ["a", "two"]);
    assert.deepEqual([projects["a"]?.staging.project, projects["two"]?.staging.project], ["one", "one"]);
    const partly = imported({
      ...files,
      "artifacts/filestores/k8s-staging-two/filepromoter-manifest.yaml": filestores("two", "", "two"),
    });
    assert.equal(partly.problems.length, 1);
    assert.match(
      partly.problems.join("\n"),
      /warning: "gcr.io\/k8s-staging-one" is the staging area of project "one" too, and only a part/,
    );
    assert.equal(partly.projects["two"]?.staging.project, undefined);
  });

  it("the report names every difference", () => {
    const before = publishedByK8s(new Map(Object.entries(thin({ tool: [["tool"], image("x", `"${a}": ["v1"]`)] }))));
    const { projects } = readManifests(
      importK8s(new Map(Object.entries(thin({ tool: [["tool"], image("x", `"${b}": ["v1"]`)] })))).texts,
    );
    assert.deepEqual(describePublished(comparePublished(before, publishedByProjects(projects))), [
      "! tool/: before 1 repository, 1 image:tag@digest; after 1 repository, 1 image:tag@digest; 1 lost, 1 gained",
      `- tool/x:v1@${a}`,
      `+ tool/x:v1@${b}`,
      "before: 1 repository, 1 image:tag@digest",
      "after: 1 repository, 1 image:tag@digest",
      "1 lost, 1 gained",
    ]);
  });
});

describe("a repeated import", () => {
  const path = "tool/images.yaml";
  const list = (...digests: readonly string[]) => image("x", ...digests);
  const old = list(`"${a}": ["v1"]`);
  const commented = `# ours\n- name: x\n  dmap:\n    # kept\n    "${a}": ["v1"] # first\n`;
  for (const [what, existing, wanted, before, expected] of [
    ["leaves another spelling of the same alone", commented, old, undefined, commented],
    [
      "adds a digest and keeps the comments",
      commented,
      list(`"${a}": ["v1"]`, `"${b}": ["v2"]`),
      undefined,
      `${commented}    "${b}": ["v2"]\n`,
    ],
    [
      "moves a tag, removes a digest",
      `${commented}    "${b}": ["v2"]\n    "${c}": ["v3"]\n`,
      list(`"${a}": []`, `"${b}": ["v1", "v2"]`),
      undefined,
      `# ours\n- name: x\n  dmap:\n    # kept\n    "${a}": [] # first\n    "${b}": ["v2", "v1"]\n`,
    ],
    [
      "since a commit: what was added here stays",
      `${commented}    "${c}": ["ours"]\n`,
      list(`"${a}": ["v1"]`, `"${b}": ["v2"]`),
      { text: old },
      `${commented}    "${b}": ["v2"]\n    "${c}": ["ours"]\n`,
    ],
    ["since a commit: nothing has changed there", undefined, old, { text: old }, undefined],
    ["since a commit: the list is gone there", old, undefined, { text: old }, undefined],
  ] as const)
    it(what, () => assert.equal(updatedList(path, existing, wanted, before), expected));
});

describe("npm run import", () => {
  let folder = "";
  after(() => rm(folder, { recursive: true, force: true }));
  const run = (...args: string[]) => {
    const command = join(import.meta.dirname, "../../../components/commands/artifacts.mjs");
    try {
      return { code: 0, out: execFileSync(process.execPath, [command, "import", ...args], { cwd: folder }).toString() };
    } catch (error) {
      const { status, stdout } = error as { status: number; stdout: Buffer };
      return { code: status, out: stdout.toString() };
    }
  };

  it("brings what a checkout has changed since a commit; links and edits of project.yaml stay", async () => {
    folder = await mkdtemp(join(tmpdir(), "import-since-"));
    const checkout = join(folder, "k8s.io");
    const write = async (files: Readonly<Record<string, string>>) => {
      for (const [path, text] of Object.entries(files)) {
        await mkdir(dirname(join(checkout, path)), { recursive: true });
        await writeFile(join(checkout, path), text);
      }
    };
    const git = (...args: string[]) =>
      execFileSync("git", ["-C", checkout, "-c", "user.name=x", "-c", "user.email=x@example.org", ...args]);
    await write(
      thin({ tool: [["tool"], image("x", `"${a}": ["v1"]`)], old: [["old"], image("tool", `"${a}": ["v1"]`)] }),
    );
    await symlink("images.yaml", join(checkout, "registry.k8s.io/images/k8s-staging-tool/link.yaml"));
    git("init", "-q");
    git("add", "-A");
    git("commit", "-qm", "before");
    assert.equal(run("k8s.io").code, 0);
    const project = join(folder, "manifests/tool/project.yaml");
    await writeFile(project, `${await readFile(project, "utf8")}removalShare: 0.1\n`);
    await write(thin({ tool: [["tool"], image("x", `"${a}": ["v1"]`, `"${b}": ["v2"]`)] }));
    await rm(join(checkout, "registry.k8s.io/images/k8s-staging-old"), { recursive: true });
    await rm(join(checkout, "registry.k8s.io/manifests/k8s-staging-old"), { recursive: true });
    const { code, out } = run("k8s.io", "--since", "HEAD", "--report");
    assert.match(out, /^manifests: 0 files added, 1 changed, 0 unchanged, 1 kept, 2 removed$/m);
    assert.match(out, /^equal: every name/m);
    assert.equal(code, 0);
    assert.match(await readFile(project, "utf8"), /removalShare: 0.1/);
    assert.equal(existsSync(join(folder, "manifests/old/images.yaml")), false);
    assert.match(run("k8s.io", "--since", "nowhere").out, /^$/);
  });

  const real = join(import.meta.dirname, "../../../../shared/data-k8s.io-2024");
  it("the whole of k8s.io in 2024: every name that a client can pull, and no mistake", async function () {
    if (!existsSync(real)) {
      console.warn(`SKIPPED: ${real} is not here`);
      skip(this, `${real} is not here`);
      return;
    }
    folder ||= await mkdtemp(join(tmpdir(), "import-2024-"));
    const { code, out } = run(real, "--owners", "g@example.org", "--manifests", "real", "--report");
    assert.equal(code, 0);
    for (const side of ["before", "after"])
      assert.ok(
        out.includes(`\n${side}: 445 repositories, 32,748 image:tag@digest, 3,937 files\n`),
        `the counter's 32,749 but for the digest of 63 digits\n${out}`,
      );
    assert.match(out, /images.yaml:152:5: warning: left out, as nobody can pull it: .* has 63 hex digits/);
    assert.equal((out.match(/is listed with different contents/g) ?? []).length, 6);
    assert.match(out, /^\?: 6 files listed with several contents, of which one is kept/m);
    assert.doesNotMatch(out, /^real\//m);
    assert.match(run(real, "--owners", "g@example.org", "--manifests", "real").out, /^real: 0 files added, 0 changed/m);
  });
});
