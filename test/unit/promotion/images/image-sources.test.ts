// Several names of one image in staging: where each comes from, which belong together, and how their layers are noted in S3.
import assert from "node:assert/strict";
import { it } from "mocha";
import { ImageSources } from "../../../../components/promotion/images/image-sources.ts";
import { readReferences, referenceKey } from "../../../../components/promotion/images/layer-references.ts";
import { ownerOf } from "../../../../components/promotion/unmanaged/unmanaged.ts";

const digest = `sha256:${"a".repeat(64)}`;
const layer = `sha256:${"b".repeat(64)}`;
const wanted = new Map(
  ["app", "/other/app", "alias", "single"].map((image) => [image, new Map([[digest, new Set<string>()]])]),
);

it("finds the place in staging, and the names that come from it too", () => {
  const sources = new ImageSources("/other/app app\nalias app\n", wanted);
  assert.deepEqual(
    [...wanted.keys()].map((image) => [image, sources.of(image), sources.siblings(image)]),
    [
      ["app", "app", ["/other/app", "alias"]],
      ["/other/app", "app", ["app", "alias"]],
      ["alias", "app", ["app", "/other/app"]],
      ["single", "single", []],
    ],
  );
  assert.equal(new ImageSources(undefined, wanted).of("/gone/app"), "gone/app", "a destination that is being removed");
  for (const wrong of ["app", "app ", " app", "a b c"])
    assert.throws(() => new ImageSources(`x y\n${wrong}\n`, wanted), /line 2 of the sources is not "image source"/);
});

it("a reference of a layer keeps a name from the root apart from one below the prefix", () => {
  const uses = ["app", "/app", "/other/app"].map((image) => ({ project: "tool", image, digest }));
  const keys = uses.map((use) => referenceKey(layer, use));
  assert.equal(new Set(keys).size, 3);
  for (const key of keys) assert.doesNotMatch(key, /\/\//, "not every store keeps two slashes");
  assert.deepEqual(
    readReferences(keys).get("tool"),
    uses.map(({ image }) => ({ layer, use: `${image}@${digest}` })),
  );
});

it("a path belongs to the project with the longest of all prefixes around it", () => {
  const owner = (project: string, ...imagePrefixes: string[]) => ({
    project,
    imagePrefix: imagePrefixes[0] ?? "",
    imagePrefixes,
    images: [],
    filePrefix: project,
    promotesFiles: false,
  });
  const owners = [owner("kubernetes", "", "kubernetes"), owner("inner", "x", "kubernetes/inner")];
  for (const [path, project] of [
    ["pause", "kubernetes"],
    ["kubernetes/pause", "kubernetes"],
    ["kubernetes/inner/y", "inner"],
    ["x/y", "inner"],
  ] as const)
    assert.equal(ownerOf(path, owners, "images")?.project, project, path);
});
