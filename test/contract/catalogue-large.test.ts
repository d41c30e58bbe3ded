/** What a change of a project writes to each mirror, beside a large project. */
import assert from "node:assert/strict";
import { it } from "mocha";
import { measureChanges } from "../support/catalogue-change.ts";
import { k8sSize } from "../support/generate-manifests.ts";
import { startObjectStores } from "../support/object-stores.ts";

/** A tenth of 337,000. */
const files = 33_700;

it("a change writes the part of the lines and of the releases that it is in, not those of a project of 33,700 files", async () => {
  const stores = await startObjectStores();
  try {
    const bytes = await measureChanges(stores, { ...k8sSize, biggest: { images: 10, digests: 900 } }, files);
    const told = JSON.stringify(bytes);
    assert.ok(bytes.undivided > 1_800_000, told);
    for (const parts of [bytes.partsOfSmall, bytes.partsOfLarge]) assert.ok(parts > 0 && parts < 300_000, told);
    assert.ok(bytes.small < 300_000, told);
    // What is left is of the project's releases, its presence and its lines one part each, and the documents of all projects.
    assert.ok(bytes.documentsOfLarge < 75_000, told);
    assert.ok(bytes.large < 500_000, told);
  } finally {
    await stores.stop();
  }
});
