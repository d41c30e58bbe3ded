/** Referrers that every registry of Google has alike: which of them nobody promoted, and what is asked for that. */
import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { findAlikeStrays } from "../../../../components/promotion/images/alike-strays.ts";
import { AttachmentRecord } from "../../../../components/promotion/images/attachment-record.ts";
import type { Holding } from "../../../../components/promotion/images/holding.ts";
import { RecordedInventory } from "../../../../components/promotion/images/recorded-inventory.ts";
import type { Digest } from "../../../../components/promotion/oci/digest.ts";
import { MemoryRegistry } from "../../../support/memory-registry.ts";

describe("referrers that all of Google's registries have", () => {
  const look = async (options: { isWhole?: boolean; isStaged?: boolean; lacks?: boolean; shows?: boolean } = {}) => {
    const [registry, staging] = [new MemoryRegistry(), new MemoryRegistry()];
    const root = registry.image("root");
    const promoted = registry.attach(root, [], { which: "promoted" });
    const stray = registry.attach(root, [], { which: "stray" });
    if (options.isStaged) staging.add(registry.contents.get(stray.digest)!);
    const record = new AttachmentRecord(undefined);
    record.set("app", root, [{ digest: promoted.digest, kind: "signature" }], options.isWhole ?? true);
    const all = [root, promoted.digest, stray.digest];
    const holding = (digests: readonly Digest[]): Holding => ({
      at: registry.at,
      digests: new Map([[root, new Set(["v1"])]]),
      incomplete: [],
      attached: [],
      showsReferrers: options.shows ?? false,
      listed: { all: new Set(digests), untagged: new Set() },
    });
    const mirrors = [
      { name: "m0", holding: holding(all) },
      { name: "m1", holding: holding(options.lacks ? all.slice(0, 2) : all) },
    ];
    const recorded = new RecordedInventory(record, "app", new Map([[root, new Set(["v1"])]]), staging.at);
    const marked: string[] = [];
    const failures: unknown[] = [];
    await findAlikeStrays(
      [root],
      mirrors,
      { parts: { of: async () => [root] }, recorded, readOwners: async () => new Map([[root, undefined]]) },
      (name, digest) => marked.push(`${name} ${digest === root}`),
      (_, error) => failures.push(error),
    );
    assert.deepEqual(failures, []);
    const notes = recorded.notes.map((note) => note.replace(stray.digest, "<stray>"));
    return { marked, notes, asked: registry.read.filter((each) => each.startsWith("referrers ")).length };
  };

  it("one that nobody promoted is named, in every mirror; one mirror is asked, once for each manifest", async () => {
    const { marked, notes, asked } = await look();
    assert.deepEqual(marked, ["m0 true", "m1 true"]);
    assert.deepEqual(notes, [
      "- attachment <stray> of app:v1 is in m0, m1, and nobody promoted it: the run removes it",
    ]);
    assert.equal(asked, 3, "the image, and what is attached to it");
  });

  const nothing: [string, Parameters<typeof look>[0]][] = [
    ["one that staging has was promoted by a run that was killed", { isStaged: true }],
    ["what is not recorded as a whole", { isWhole: false }],
    ["what one mirror lacks is found by the lists", { lacks: true }],
  ];
  for (const [what, options] of nothing)
    it(`${what}: nothing is named`, async () => {
      const { marked, notes } = await look(options);
      assert.deepEqual([marked, notes], [[], []]);
    });

  it("where the inventory has the referrers already nothing is asked", async () => {
    assert.deepEqual(await look({ shows: true }), { marked: [], notes: [], asked: 0 });
  });
});
