/** How many manifests an image may consist of. */
import assert from "node:assert/strict";
import { it } from "mocha";
import { TreeLimits } from "../../../../components/promotion/images/tree-limits.ts";

it("a thousand manifests on all levels together, and indexes in indexes four deep", () => {
  const root = `sha256:${"a".repeat(64)}`;
  const limits = new TreeLimits(root);
  limits.admit(1, 0);
  limits.admit(499, 1);
  limits.admit(500, 4);
  assert.throws(() => limits.admit(1, 2), /^WrongContentError: sha256:a{64} lists more than 1000 manifests$/);
  assert.throws(
    () => new TreeLimits(root).admit(1, 5),
    /^WrongContentError: sha256:a{64}: indexes are nested more than 4 deep$/,
  );
});
