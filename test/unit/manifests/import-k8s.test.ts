import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, describe, it } from "mocha";
import { importK8s } from "../../../components/manifests/import-k8s.ts";
import { problemLine } from "../../../components/manifests/problem.ts";
import { readManifests } from "../../../components/manifests/read.ts";
import { skip } from "../../support/annotations.ts";
import { runArtifacts } from "../../support/run-command-lines.ts";

const a = `sha256:${"a".repeat(64)}`;
const b = `sha256:${"b".repeat(64)}`;
const regions = ["asia-east1", "europe-west3", "us-central1"];
const promoter = "promoter@example.iam.gserviceaccount.com";

/** A promoter-manifest.yaml as k8s.io has them: a comment with the group, one source, every region. */
function registries(
  project: string,
  prefixes: readonly string[],
  { indent = "  ", comment = true, some = regions } = {},
): string {
  const destinations = prefixes.flatMap((prefix) =>
    some.map(
      (region) =>
        `${indent}- name: ${region}-docker.pkg.dev/k8s-artifacts-prod/images${prefix}\n${indent}  service-account: ${promoter}\n`,
    ),
  );
  return `${comment ? `# google group for gcr.io/k8s-staging-${project} is k8s-infra-staging-${project}@kubernetes.io\n` : ""}registries:\n${indent}- name: gcr.io/k8s-staging-${project}\n${indent}  src: true\n${destinations.join("")}`;
}

function filestores(project: string, staged: string, base: string): string {
  return `# google group for gcr.io/k8s-staging-${project} is\n# k8s-infra-staging-${project}@kubernetes.io\nfilestores:\n- base: gs://k8s-staging-${project}/${staged}\n  src: true\n- base: gs://k8s-artifacts-prod/binaries/${base}\n  service-account: ${promoter}\n\n`;
}

const toolImages = `\uFEFF# versions\r\n- name: tool\n  dmap:\n    "${a}": ["v1", "v1.0"]\n    # not built: v1.1\n    "${b}": []\n`;
const toolFiles = `files:\n- name: v1/tool\n  sha256: ${"c".repeat(64)}\n- name: v1/tool.sha256\n  sha256: ${"d".repeat(64)}\n`;
const checkout: Readonly<Record<string, string>> = {
  "registry.k8s.io/images/k8s-staging-tool/images.yaml": toolImages,
  "registry.k8s.io/images/k8s-staging-tool/OWNERS": "approvers: [person-1, sig-tool]\nreviewers: [person-9]\n",
  "artifacts/manifests/k8s-staging-tool/OWNERS": "approvers: [person-1, person-3]\n",
  OWNERS_ALIASES: "aliases:\n  sig-tool: [person-2]\n",
  "registry.k8s.io/manifests/k8s-staging-tool/promoter-manifest.yaml": registries("tool", ["/tool"]),
  "registry.k8s.io/manifests/k8s-staging-root/promoter-manifest.yaml": registries("root", ["", "/root"], {
    indent: "",
  }),
  "registry.k8s.io/images/k8s-staging-root/images.yaml": `- name: pause\n  dmap:\n    "${a}": ["3.1"]\n`,
  "registry.k8s.io/manifests/k8s-staging-part/promoter-manifest.yaml": registries("part", ["/part"], {
    some: ["us-central1"],
  }),
  "registry.k8s.io/images/k8s-staging-part/images.yaml": "[]\n",
  "registry.k8s.io/images/charts/images.yaml": `- name: chart\n  dmap:\n    "${b}": ["v1"]\n`,
  "artifacts/filestores/k8s-staging-tool/filepromoter-manifest.yaml": filestores("tool", "", "tools/tool"),
  "artifacts/manifests/k8s-staging-tool/v1.yaml": toolFiles,
  "artifacts/filestores/k8s-staging-empty/filepromoter-manifest.yaml": filestores("empty", "releases/", "empty/"),
  "artifacts/mirroring/filestores/k8s-staging-tool/filepromoter-manifest.yaml":
    "filestores:\n- base: gs://k8s-artifacts-prod/binaries/tool/\n  src: true\n- base: s3://prod-us-east-2/binaries/tool/\n",
};

function imported(files: Readonly<Record<string, string>>, owners?: string) {
  const result = importK8s(new Map(Object.entries(files)), owners);
  return { ...result, texts: Object.fromEntries(result.texts), problems: result.problems.map(problemLine).sort() };
}

const folder = await mkdtemp(join(tmpdir(), "import-"));
describe("npm run import", () => {
  it("every project of a checkout becomes one of ours; what has no counterpart is reported", () => {
    const { texts, problems, counts, places, accounts } = imported(checkout, "owners@example.org");
    assert.equal(texts["tool/images.yaml"], toolImages);
    assert.equal(texts["tool/files/v1.yaml"], toolFiles);
    assert.equal(
      texts["tool/project.yaml"],
      `# yaml-language-server: $schema=../../components/manifests/schema/project.schema.json
# google group for gcr.io/k8s-staging-tool is k8s-infra-staging-tool@kubernetes.io
# google group for gcr.io/k8s-staging-tool is
# k8s-infra-staging-tool@kubernetes.io
description: "Artifacts of tool, from k8s-staging-tool of k8s.io"
owners:
  group: k8s-infra-staging-tool@kubernetes.io
approvers:
  - person-1
  - person-3
  - person-2
staging:
  images: true
  files: true
filePrefix: tools/tool
`,
    );
    const { projects, problems: mistakes } = readManifests(new Map(Object.entries(texts)));
    assert.deepEqual(mistakes.map(problemLine), []);
    assert.deepEqual(
      projects.map(({ name, owners, staging, imagePrefix, filePrefix }) => [
        name,
        owners.group,
        staging.images,
        staging.files,
        imagePrefix,
        filePrefix,
      ]),
      [
        ["charts", "owners@example.org", true, false, "charts", "charts"],
        ["empty", "k8s-infra-staging-empty@kubernetes.io", false, true, "empty", "empty"],
        ["part", "k8s-infra-staging-part@kubernetes.io", true, false, "part", "part"],
        ["root", "k8s-infra-staging-root@kubernetes.io", true, false, "", "root"],
        ["tool", "k8s-infra-staging-tool@kubernetes.io", true, true, "tool", "tools/tool"],
      ],
    );
    assert.deepEqual(problems, [
      "artifacts/mirroring/filestores/k8s-staging-tool/filepromoter-manifest.yaml:1:1: warning: 1 mirror of files, in 1 manifest: mirrors are regions of the stack's config (artifacts:gcpRegions, artifacts:awsRegions)",
      'registry.k8s.io/images/charts/images.yaml:1:1: warning: folder "charts" has no manifests/charts/promoter-manifest.yaml, so none of it is promoted today: its images get the prefix "charts"',
      "registry.k8s.io/manifests/k8s-staging-part/promoter-manifest.yaml:1:1: warning: not promoted to asia-east1, europe-west3 today: here every mirror has every project",
    ]);
    assert.deepEqual(counts, [
      { folder: "charts", images: 1, digests: 1, tags: 1, files: 0 },
      { folder: "k8s-staging-empty", images: 0, digests: 0, tags: 0, files: 0 },
      { folder: "k8s-staging-part", images: 0, digests: 0, tags: 0, files: 0 },
      { folder: "k8s-staging-root", images: 1, digests: 1, tags: 1, files: 0 },
      { folder: "k8s-staging-tool", images: 1, digests: 2, tags: 2, files: 2 },
    ]);
    assert.deepEqual(places, [
      "asia-east1",
      "europe-west3",
      "gs://k8s-artifacts-prod",
      "s3://prod-us-east-2",
      "us-central1",
    ]);
    assert.deepEqual(accounts, [promoter]);
  });

  it("the same checkout gives the same, and nothing depends on the order of its files", () => {
    const reversed = Object.fromEntries(Object.entries(checkout).reverse());
    assert.deepEqual(imported(reversed, "g@example.org"), imported(checkout, "g@example.org"));
  });

  const tool = "registry.k8s.io/manifests/k8s-staging-tool/promoter-manifest.yaml";
  const images = "registry.k8s.io/images/k8s-staging-tool/images.yaml";
  for (const [what, files, expected] of [
    [
      "case 20: images without a promoter-manifest.yaml",
      { [images]: toolImages },
      /^registry.*images\.yaml:1:1: warning: folder "k8s-staging-tool" has no manifests\/.*so none of it is promoted today/,
    ],
    [
      "case 21: two sources",
      {
        [images]: toolImages,
        [tool]: registries("tool", ["/tool"]).replace(
          "service-account: promoter@example.iam.gserviceaccount.com",
          "src: true",
        ),
      },
      /:5:11: "asia-east1-docker.*" is a second source/,
    ],
    [
      "case 19: a misspelt file",
      { [images.replace("images.yaml", "imaegs.yaml")]: "", [tool]: registries("tool", ["/tool"]) },
      /imaegs.yaml:1:1: warning: not imported: today's promoter does not read "imaegs.yaml" here/,
    ],
    [
      "no source",
      { [tool]: registries("tool", ["/tool"]).replace("    src: true\n", "") },
      /:3:3: no entry has src: true/,
    ],
    ["no registries", { [tool]: "registrys: []\n" }, /:1:1: registries is required/],
    [
      "a key that means nothing here",
      { [tool]: `imagePath: x\n${registries("tool", ["/tool"])}` },
      /:1:1: warning: key "imagePath" is not imported/,
    ],
    [
      "a registry elsewhere",
      { [tool]: `registries:\n- name: docker.io/library\n- name: gcr.io/x\n  src: true\n` },
      /:2:9: "docker.io\/library" is not imported/,
    ],
    [
      "no group in a comment",
      { [tool]: registries("tool", ["/tool"], { comment: false }) },
      /:1:1: no comment names the group that owns "k8s-staging-tool"/,
    ],
    [
      "lists of files without a filestore",
      { "artifacts/manifests/k8s-staging-tool/v1.yaml": toolFiles },
      /v1.yaml:1:1: warning: folder "k8s-staging-tool" has no filestores/,
    ],
    ["no YAML", { [images]: "- [", [tool]: registries("tool", ["/tool"]) }, /images.yaml:1:4: not YAML/],
    [
      "a name that no project can have",
      { "registry.k8s.io/images/k8s-staging-a_b/images.yaml": "" },
      /"a_b" is not a project name/,
    ],
  ] as const)
    it(`reported: ${what}`, () => {
      const { problems } = imported(files);
      assert.ok(
        problems.some((problem) => expected.test(problem)),
        problems.join("\n"),
      );
    });

  it("a project and a staging project of one name become two projects", () => {
    const { texts, problems } = imported(
      { "registry.k8s.io/images/tool/images.yaml": "", [images]: toolImages },
      "g@example.org",
    );
    assert.deepEqual(Object.keys(texts).sort(), [
      "k8s-staging-tool/images.yaml",
      "k8s-staging-tool/project.yaml",
      "tool/images.yaml",
      "tool/project.yaml",
    ]);
    assert.ok(problems.some((problem) => problem.includes('becomes project "k8s-staging-tool"')));
  });

  it("the plain spelling, images beside registries, becomes a list of its own", () => {
    const plain = `${registries("tool", ["/tool"])}images:\n- name: tool\n  dmap:\n    "${a}": ["v1"]\n`;
    const { texts, counts } = imported({ [tool]: plain });
    assert.equal(texts["tool/images.yaml"], `- name: tool\n  dmap:\n    "${a}": ["v1"]\n`);
    assert.deepEqual(counts, [{ folder: "k8s-staging-tool", images: 1, digests: 1, tags: 1, files: 0 }]);
    const { projects, problems } = readManifests(new Map(Object.entries(texts)));
    assert.equal(projects[0]?.images.length, 1);
    assert.deepEqual(problems, []);
  });
  after(() => rm(folder, { recursive: true }));

  it("npm run import writes, changes nothing the second time, and keeps a project.yaml that was edited", async () => {
    for (const [path, text] of Object.entries(checkout)) {
      await mkdir(dirname(join(folder, "k8s.io", path)), { recursive: true });
      await writeFile(join(folder, "k8s.io", path), text);
    }
    const first = await run("k8s.io");
    assert.equal(first.code, 1);
    assert.match(first.out, /^imported: 5 projects, 3 images, 4 digests, 4 tags, 2 files$/m);
    assert.match(first.out, /^manifests: 10 files added, 0 changed, 0 unchanged, 0 kept$/m);
    assert.match(first.out, /^manifests\/charts\/project\.yaml:4:9: group is empty/m);
    assert.equal(await readFile(join(folder, "manifests/tool/images.yaml"), "utf8"), toolImages);
    assert.match((await run("k8s.io")).out, /^manifests: 0 files added, 0 changed, 10 unchanged, 0 kept$/m);
    const charts = join(folder, "manifests/charts/project.yaml");
    await writeFile(charts, (await readFile(charts, "utf8")).replace("group:", "group: charts@example.org"));
    await writeFile(join(folder, "k8s.io/registry.k8s.io/images/charts/images.yaml"), "[]\n");
    assert.match(
      (await run("k8s.io", "--dry-run")).out,
      /^manifests: 0 files would be added, 1 changed, 8 unchanged, 1 kept$/m,
    );
    const again = await run("k8s.io");
    assert.match(again.out, /^manifests: 0 files added, 1 changed, 8 unchanged, 1 kept$/m);
    assert.match(await readFile(charts, "utf8"), /charts@example\.org/);
    assert.match(
      (await run("k8s.io", "--force", "--owners", "g@example.org")).out,
      /^manifests: 0 files added, 1 changed, 9 unchanged, 0 kept$/m,
    );
    assert.deepEqual(await run("."), {
      code: 1,
      out: "",
      err: "error: . has nothing to import: none of registry.k8s.io, k8s.gcr.io, artifacts/filestores, artifacts/manifests, artifacts/mirroring has a file\n",
    });
    assert.match((await run("nowhere")).err, /^error: there is no folder nowhere: /);
    assert.equal((await run()).code, 2);
  });

  const real = join(import.meta.dirname, "../../../../shared/data-k8s.io");
  it("the real files of k8s.io: as many images, digests, tags and files as were counted in them", async function () {
    if (!existsSync(real)) {
      console.warn(`SKIPPED: ${real} is not here`);
      skip(this, `${real} is not here`);
      return;
    }
    const { out } = await run(real, "--owners", "g@example.org", "--manifests", "real");
    for (const line of [
      "charts: 1 image, 3 digests, 3 tags, 0 files",
      "k8s-staging-bom: 1 image, 6 digests, 6 tags, 0 files",
      "k8s-staging-coredns: 1 image, 26 digests, 26 tags, 0 files",
      "k8s-staging-e2e-test-images: 33 images, 173 digests, 176 tags, 0 files",
      "k8s-staging-cri-tools: 0 images, 0 digests, 0 tags, 114 files",
      "k8s-staging-kops: 0 images, 0 digests, 0 tags, 34 files",
      "imported: 10 projects, 36 images, 208 digests, 211 tags, 148 files",
    ])
      assert.ok(
        out.split("\n").some((printed) => printed.trim() === line),
        `${line}\nis not in\n${out}`,
      );
    // Everything that was imported is without mistakes, once each project has its group.
    assert.doesNotMatch(out, /^real\//m);
  });
});

function run(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  return runArtifacts(["import", ...args], { cwd: folder });
}
