/** The whole program with mirrors that were there before it: their names reach every resource that uses them. */
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
