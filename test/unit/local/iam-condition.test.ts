import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { type Granting, mayAccess } from "../../../local/cloud/access.ts";
import { conditionHolds } from "../../../local/cloud/iam-condition.ts";

const lists =
  'resource.name.startsWith("projects/_/buckets/b/objects/containers/registry/") && !resource.name.extract("/_manifests/{reference}").startsWith("sha256:")';

describe("conditions of grants", () => {
  it("hold by the start of a name, and of what is extracted from it", () => {
    const holds = (key: string, bucket = "b") => conditionHolds(lists, `projects/_/buckets/${bucket}/objects/${key}`);
    for (const key of ["a/_tags/list", "a/b/_referrers/sha256:1", "a/_manifests/v1", "a/_manifests/sha256-1.sig"])
      assert.equal(holds(`containers/registry/${key}`), true, key);
    for (const key of ["containers/registry/a/_manifests/sha256:1", "containers/images/sha256:1", "binaries/a"])
      assert.equal(holds(key), false, key);
    assert.equal(holds("containers/registry/a/_tags/list", "other"), false);
    assert.equal(conditionHolds(lists, "projects/_/buckets/b"), false);
  });

  it("that are not understood are an error", () => {
    for (const term of ['resource.name.endsWith("x")', 'resource.type == "x"', 'request.time < timestamp("x")'])
      assert.throws(() => conditionHolds(`${lists} && ${term}`, "projects/_/buckets/b/objects/containers/registry/a"));
  });

  it("limit a grant to the objects that they name", () => {
    const grant: Granting = {
      type: "gcp:storage/bucketIAMBinding:BucketIAMBinding",
      inputs: { bucket: "b", role: "roles/storage.objectUser", members: ["m"], condition: { expression: lists } },
    };
    const may = (action: "delete" | "list" | "write", key?: string) =>
      mayAccess([grant], { members: ["m"] }, action, { kind: "gcs", bucket: "b", ...(key !== undefined && { key }) });
    assert.deepEqual(
      [may("delete", "containers/registry/a/_tags/list"), may("delete", "binaries/a"), may("write"), may("list")],
      [true, false, false, false],
    );
  });
});
