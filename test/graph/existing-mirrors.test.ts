/** The whole program with what was there before it, or is another project's: the names reach every resource that uses them. */
import assert from "node:assert/strict";
import { it } from "mocha";
import { runProgram } from "../support/graph/program.ts";
import { organisation } from "../support/organisations/organisation.ts";

it("takes over buckets and repositories of other names, in promotions and redirectors too", async () => {
  const { config, manifests } = await organisation("with-aws");
  const [region = ""] = config["artifacts:awsRegions"] as string[];
  const { resources } = await runProgram(
    {
      ...config,
      "artifacts:bucketNames": { [region]: "prod-artifacts-of-old" },
      "artifacts:imageRepository": "production",
    },
    manifests,
  );
  const inputs = (type: RegExp) =>
    resources.filter((resource) => type.test(resource.type)).map((resource) => JSON.stringify(resource.inputs));
  const buckets = inputs(/^aws:s3\/bucket:Bucket$/);
  assert.equal(buckets.length, 1);
  assert.match(buckets[0]!, /"prod-artifacts-of-old"/);
  const promoted = inputs(/^promotion:index:PromotedImages$/);
  assert.ok(promoted.length > 0);
  for (const text of promoted) {
    assert.match(text, /docker\.pkg\.dev\/[^/]+\/production/);
    assert.match(text, /prod-artifacts-of-old/);
    assert.doesNotMatch(text, /docker\.pkg\.dev\/[^/]+\/images/);
  }
});

it("a project that uses another's staging area gets none, and promotes from there", async () => {
  const { config } = await organisation("with-aws");
  const declaration = (staging: string) =>
    `description: x\nowners: {group: g@example.org}\nstaging: {images: true, files: true, ${staging}}\n`;
  const { resources, outputs } = await runProgram(config, {
    // Read first, though what it uses is made first.
    "a-user/project.yaml": declaration("filesFolder: releases, project: owner"),
    "owner/project.yaml": declaration("sharedWith: [a-user]"),
  });
  const inputs = (type: string, name: string) =>
    resources.find((resource) => resource.type === type && resource.name === name)?.inputs;
  const areas = resources.filter(({ type }) => type === "artifacts:staging:StagingArea").map(({ name }) => name);
  assert.deepEqual(areas, ["owner"]);
  const [images, files] = ["PromotedImages", "PromotedFiles"].map((kind) =>
    inputs(`promotion:index:${kind}`, "a-user"),
  );
  assert.match(String(images?.["staging"]), /docker\.pkg\.dev\/[^/]+\/staging-owner$/);
  assert.match(String(files?.["staging"]), /-staging-owner\/releases$/);
  const { staging } = outputs as { staging: Record<string, unknown> };
  assert.deepEqual(staging["a-user"], staging["owner"]);
});
