import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, describe, it } from "mocha";
import { loadManifests } from "../../../components/manifests/load.ts";
import { problemLine } from "../../../components/manifests/problem.ts";
import { generateManifests, k8sSize } from "../../support/generate-manifests.ts";

const folder = await mkdtemp(join(tmpdir(), "manifests-"));

describe("loading of manifests", () => {
  after(() => rm(folder, { recursive: true }));
  const project = "description: x\nowners: {group: g@example.org}\nstaging: {images: true}\n";

  it("what is generated in k8s.io's size loads, whole and without a problem", async () => {
    const root = await write("k8s", generateManifests());
    const { projects, problems } = await loadManifests(root);
    assert.deepEqual(problems, []);
    assert.equal(projects.length, 108);
    assert.equal(projects.flatMap(({ images }) => images).length, 703);
    assert.equal(projects.flatMap(({ images }) => images.flatMap(({ digests }) => digests)).length, 12_400);
    assert.equal(projects.flatMap(({ files }) => files).length, 5_138);
    assert.equal(
      k8sSize.biggest.digests,
      projects.find(({ name }) => name === "kubernetes")?.images.flatMap(({ digests }) => digests).length,
    );
  });

  it("a manifest's parts are read with it, as its message says where it is too large", async () => {
    const image = (name: string) => `- name: ${name}\n  dmap:\n    "sha256:${"a".repeat(64)}": [v1]\n`;
    const root = await write("parts", [
      ["tool/project.yaml", project],
      ["tool/images.yaml", image("app")],
      ["tool/images/part-2.yaml", image("web")],
    ]);
    const { projects, problems } = await loadManifests(root);
    assert.deepEqual([problems, projects[0]?.images.map(({ name }) => name)], [[], ["app", "web"]]);
  });

  it("only regular UTF-8 files of bounded size and depth are read; hidden files and owners' files are left alone", async () => {
    const root = await write("odd", [
      ["README.md", "about"],
      ["OWNERS", "x"],
      [".hidden/x", "x"],
      ["good/project.yaml", project],
      ["good/OWNERS", "x"],
      ["good/.images.yaml.swp", "x"],
      ["big/project.yaml", project],
      ["big/images.yaml", Buffer.alloc(4 * 1024 * 1024 + 1, "#")],
      ["latin/project.yaml", Buffer.concat([Buffer.from("# "), Buffer.from([0xe9]), Buffer.from(`\n${project}`)])],
      ["latin/images.yaml", "[]"],
      ["wide/project.yaml", Buffer.from(project, "utf16le")],
      ["deep/project.yaml", project],
      ["deep/images/more/x.yaml", "[]\n"],
      ["linked/project.yaml", project],
      ["notes.txt", "x"],
    ]);
    await symlink("../good/project.yaml", join(root, "linked/images.yaml"));
    const { projects, problems } = await loadManifests(root);
    assert.deepEqual(problems.map(problemLine), [
      `${root}/big/images.yaml:1:1: 4194305 bytes: 4194304 (4 MiB) at most; move a part of its entries to big/images/part-2.yaml: all files of that folder, of any names, are read with it`,
      `${root}/deep/images/more:1:1: folder "more" is not supported here: move its files up, or remove it`,
      `${root}/latin/project.yaml:1:1: not UTF-8 text: save it as UTF-8`,
      `${root}/linked/images.yaml:1:1: "images.yaml" is not a regular file: links are not followed`,
      `${root}/notes.txt:1:1: file outside of a project's folder: move it into one, or create a project with npm run new`,
      `${root}/wide/project.yaml:1:1: has NUL characters, as UTF-16 has: save it as UTF-8`,
    ]);
    assert.deepEqual(
      projects.map(({ name }) => name),
      ["good"],
    );
  });

  it("paths are shown as the user can open them", async () => {
    const root = await write("shown", [["p/project.yaml", `${project}x: 1\n`]]);
    const before = process.cwd();
    process.chdir(folder);
    try {
      assert.deepEqual(
        (await loadManifests("shown")).problems.map(({ file }) => file),
        ["shown/p/project.yaml"],
      );
      assert.deepEqual(
        (await loadManifests(root)).problems.map(({ file }) => file),
        ["shown/p/project.yaml"],
      );
      process.chdir(root);
      assert.deepEqual(
        (await loadManifests(".")).problems.map(({ file }) => file),
        ["p/project.yaml"],
      );
    } finally {
      process.chdir(before);
    }
  });

  it("a folder that is not there", async () => {
    await assert.rejects(loadManifests(join(folder, "absent")), { code: "ENOENT" });
  });
});

async function write(name: string, texts: Iterable<readonly [string, string | Buffer]>): Promise<string> {
  const root = join(folder, name);
  for (const [path, text] of texts) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), text);
  }
  return root;
}
