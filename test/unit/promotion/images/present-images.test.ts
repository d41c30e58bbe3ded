import assert from "node:assert/strict";
import fc from "fast-check";
import { it } from "mocha";
import { addImage, type ImagesBuilder } from "../../../../components/promotion/images/lines.ts";
import { PresentImages } from "../../../../components/promotion/images/present-images.ts";

const digest = (n: number) => `sha256:${String(n).padStart(64, "0")}`;
const image = fc.constantFrom("a", "b");
const step = fc.oneof(
  fc.record({
    kind: fc.constant("add" as const),
    image,
    digest: fc.nat(4).map(digest),
    tag: fc.constantFrom(undefined, "v1", "v2", "v3"),
  }),
  fc.record({ kind: fc.constant("dropTag" as const), image, tag: fc.constantFrom("v1", "v2", "v3") }),
  fc.record({ kind: fc.constant("drop" as const), image, digest: fc.nat(4).map(digest) }),
);

it("a tag is on one digest, whatever is added and dropped, and what was before is not touched", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      const before: ImagesBuilder = new Map();
      addImage(before, "a", digest(0), "v1");
      addImage(before, "a", digest(1));
      const held = new PresentImages(before);
      // The same by the plainest means: which tags each digest of each image has.
      const model = new Map<string, Set<string>>([
        [`a ${digest(0)}`, new Set(["v1"])],
        [`a ${digest(1)}`, new Set()],
      ]);
      const untag = (name: string, tag: string) => {
        for (const [key, tags] of model) if (key.startsWith(`${name} `)) tags.delete(tag);
      };
      for (const each of steps) {
        if (each.kind === "dropTag") {
          held.dropTag(each.image, each.tag);
          untag(each.image, each.tag);
        } else if (each.kind === "drop") {
          held.drop(each.image, each.digest);
          model.delete(`${each.image} ${each.digest}`);
        } else {
          held.add(each.image, each.digest, each.tag);
          if (each.tag !== undefined) untag(each.image, each.tag);
          const key = `${each.image} ${each.digest}`;
          const tags = model.get(key) ?? new Set();
          model.set(key, tags);
          if (each.tag !== undefined) tags.add(each.tag);
        }
      }
      const found = ["a", "b"].flatMap((name) =>
        [...(held.get(name) ?? [])].map(([each, tags]) => [`${name} ${each}`, [...tags].sort()] as const),
      );
      assert.deepEqual(new Map(found), new Map([...model].map(([key, tags]) => [key, [...tags].sort()] as const)));
      assert.deepEqual(
        [...before.get("a")!.entries()],
        [
          [digest(0), new Set(["v1"])],
          [digest(1), new Set()],
        ],
      );
    }),
    { numRuns: 500 },
  );
});
