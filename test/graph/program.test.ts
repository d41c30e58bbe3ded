import assert from "node:assert/strict";
import { before, describe, it } from "mocha";
import type { Declared } from "../../local/graph/record-program.ts";
import { config, manifests } from "../support/graph/fixtures.ts";
import { declare } from "../support/graph/program.ts";
import { compareWithGolden, page } from "./golden.ts";

let resources: readonly Declared[];

describe("the whole program", () => {
  before(async () => {
    resources = await declare(config, manifests);
  });

  it("the program is as the golden file says (UPDATE_GOLDEN=1 writes it)", async () => {
    const { golden, text } = await compareWithGolden(new URL("program.golden.yaml", import.meta.url), page(resources));
    assert.equal(text, golden);
  });

  it("a project has the promotions that its staging area is for, of nothing at first", () => {
    const promoted = (name: string) =>
      resources
        .filter((resource) => resource.type.startsWith("promotion:") && resource.name === name)
        .map(({ type, inputs, protect }) => [type.split(":").at(-1), inputs["summary"], protect]);
    assert.deepEqual(promoted("full"), [
      ["CatalogueEntry", "1 image, 2 digests, 1 file", true],
      ["PromotedFiles", "1 file", true],
      ["PromotedImages", "1 image, 2 digests", true],
    ]);
    assert.deepEqual(promoted("new"), [
      ["CatalogueEntry", "0 images, 0 digests, 0 files", false],
      ["PromotedFiles", "0 files", false],
      ["PromotedImages", "0 images, 0 digests", false],
    ]);
  });

  describe("48, 62: a project whose manifests are emptied keeps its promotions, so that their previews guard the removal", () => {
    const emptied: Readonly<Record<string, Readonly<Record<string, string>>>> = {
      "the files are empty": { ...manifests, "full/images.yaml": "", "full/files.yaml": "" },
      "the files are deleted": Object.fromEntries(
        Object.entries(manifests).filter(([path]) => !/^full\/(images|files)\.yaml$/.test(path)),
      ),
    };
    for (const [how, texts] of Object.entries(emptied)) {
      it(how, async () => {
        const promotions = (await declare(config, texts)).filter(
          ({ type, name }) => name === "full" && type.startsWith("promotion:"),
        );
        assert.deepEqual(
          promotions.map(({ type, inputs }) => [type, inputs["images"], inputs["files"]]),
          [
            ["promotion:index:CatalogueEntry", "", ""],
            ["promotion:index:PromotedFiles", undefined, ""],
            ["promotion:index:PromotedImages", "", undefined],
          ],
        );
        assert.ok(
          promotions.every(({ protect }) => !protect),
          "nothing is lost with them: the folder may be deleted next",
        );
      });
    }
  });

  it("promotion goes to every mirror, the canonical one first, when all are ready to be written to", () => {
    const ready = resources.find(({ type }) => type === "pulumi:index:Stash");
    // Each mirror with its grants and settings: a mirror that exists can be neither read nor written before.
    const google = (name: string) => [name, `${name}-reader`, `${name}-auditor`, `${name}-writer`];
    const settings = ["ownership", "encryption", "versioning", "lifecycle", "cors", "access", "policy"];
    assert.deepEqual(ready?.after, [
      ...["images-us-central1", "images-europe-west1"].flatMap((name) => [name, `${name}-reader`, `${name}-writer`]),
      ...google("files-gcp-us-central1"),
      ...google("files-gcp-europe-west1"),
      ...["files-aws-us-east-1", ...settings.map((setting) => `files-aws-us-east-1-${setting}`)],
    ]);
    const images = resources.find(({ type }) => type === "promotion:index:PromotedImages");
    const files = resources.find(({ type }) => type === "promotion:index:PromotedFiles");
    assert.ok(images && files);
    assert.equal(
      images.inputs["mirrors"],
      "images-us-central1 us-central1-docker.pkg.dev/demo-project/images\n" +
        "images-europe-west1 europe-west1-docker.pkg.dev/demo-project/images\n",
    );
    assert.equal(images.inputs["layerMirrors"], "files-aws-us-east-1 demo-artifacts-us-east-1 us-east-1\n");
    assert.equal(
      files.inputs["mirrors"],
      "files-gcp-us-central1 gcs demo-artifacts-us-central1 us-central1\n" +
        "files-gcp-europe-west1 gcs demo-artifacts-europe-west1 europe-west1\n" +
        "files-aws-us-east-1 s3 demo-artifacts-us-east-1 us-east-1\n",
    );
  });

  it("bad config and bad manifests stop the program with every error, before anything is registered", async () => {
    await assert.rejects(
      declare({ ...config, "artifacts:domain": "x", "gcp:project": "" }, manifests),
      (error: Error) => {
        assert.match(error.message, /artifacts:domain: "x" must be a domain name/);
        assert.match(error.message, /gcp:project: "" must be the id/);
        return true;
      },
    );
    const stranger = {
      "new/project.yaml": manifests["new/project.yaml"]!.replace(
        "owners:",
        'owners:\n  repositories: [{name: stranger/new, id: "1"}]',
      ),
    };
    await assert.rejects(declare(config, { ...manifests, ...stranger }), {
      message:
        /new\/project\.yaml:\d+:\d+: repository "stranger\/new" may not push: its owner is not in artifacts:githubOwners/,
    });
    const bad = { ...manifests, "full/images.yaml": "- nam: tool\n", "new/project.yaml": "owners: 1\n" };
    await assert.rejects(declare(config, bad), (error: Error) => {
      assert.match(error.message, /full\/images\.yaml:1:\d+: /);
      assert.match(error.message, /new\/project\.yaml:1:\d+: /);
      return true;
    });
  });

  it("a new project's buckets are named otherwise, those in AWS keep their names and what is in them", async () => {
    const moved = await declare({ ...config, "artifacts:googlePrefix": "demo2" }, manifests);
    const names = (type: string) => moved.filter((one) => one.type === type).map(({ inputs }) => inputs);
    const google = names("gcp:storage/bucket:Bucket").map(({ name }) => String(name));
    assert.ok(google.length > 4);
    for (const name of google) assert.match(name, /^demo2-/);
    assert.deepEqual(
      names("aws:s3/bucket:Bucket").map(({ bucket }) => bucket),
      ["demo-artifacts-us-east-1"],
    );
    const files = moved.find(({ type }) => type === "promotion:index:PromotedFiles")!;
    assert.deepEqual(
      [...String(files.inputs["mirrors"]).matchAll(/^\S+ \S+ (\S+)/gm)].map(([, bucket]) => bucket),
      ["demo2-artifacts-us-central1", "demo2-artifacts-europe-west1", "demo-artifacts-us-east-1"],
    );
  });
});
