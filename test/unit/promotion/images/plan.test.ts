import assert from "node:assert/strict";
import fc from "fast-check";
import { describe, it } from "mocha";
import { difference } from "../../../../components/promotion/images/last-known-state.ts";
import {
  addImage,
  type ImagesBuilder,
  readImageLines,
  tagsOf,
  writeImageLines,
} from "../../../../components/promotion/images/lines.ts";
import { type ImagePlan, planImages, printPlan } from "../../../../components/promotion/images/plan.ts";
import { PresentImages } from "../../../../components/promotion/images/present-images.ts";
import { RemovalRefused } from "../../../../components/promotion/run/removal-guard.ts";
import type { Differences, ImagesRequest, Previous } from "../../../../components/promotion/run/request.ts";

const [a, b, c] = ["a", "b", "c"].map((digit) => `sha256:${digit.repeat(64)}`) as [string, string, string];

function requestOf(images: string, changes: Partial<ImagesRequest> = {}): ImagesRequest {
  return {
    project: "p",
    images,
    prefix: "p",
    staging: "host/staging",
    mirrors: [
      { name: "one", repository: "one.example/images" },
      { name: "two", repository: "two.example/images" },
    ],
    layerMirrors: [{ name: "s3", bucket: "layers", region: "us-east-1" }],
    mutableTags: ["latest"],
    removalShare: 1,
    storage: {},
    ...changes,
  };
}

function stateAfter(
  images: string,
  incomplete: Differences = {},
  changes: Partial<ImagesRequest> = {},
): Previous<ImagesRequest> {
  return { request: requestOf(images, changes), incomplete };
}

const printed = (images: string, previous?: Previous<ImagesRequest>, changes: Partial<ImagesRequest> = {}) =>
  printPlan(planImages(requestOf(images, changes), previous));

describe("plan of images", () => {
  it("nothing known: everything is copied everywhere", () => {
    assert.deepEqual(printed(`app:v1 ${a}\napp:v1.0 ${a}\napp@${b}\n`), [
      `copy app@${a} as v1, v1.0 to one, two, s3`,
      `copy app@${b} to one, two, s3`,
    ]);
  });

  it("nothing changed: nothing", () => {
    const text = `app:v1 ${a}\nweb@${b}\n`;
    assert.deepEqual(printPlan(planImages(requestOf(text), stateAfter(text))), []);
  });

  it("a digest, a tag, a removed tag, a removed digest", () => {
    assert.deepEqual(
      printed(`app:v1 ${a}\napp:v2 ${a}\napp:v3 ${c}\n`, stateAfter(`app:v0 ${a}\napp:v1 ${a}\napp:b ${b}\n`)),
      [
        `copy app@${c} as v3 to one, two, s3`,
        `tag app@${a} as v2 in one, two`,
        "remove tag app:v0 from one, two",
        "remove tag app:b from one, two",
        `remove app@${b} from one, two, s3`,
      ],
    );
  });

  it("a new mirror gets all, from those that have it", () => {
    const before = stateAfter(`app:v1 ${a}\n`, {}, { mirrors: requestOf("").mirrors.slice(0, 1) });
    const plan = planImages(requestOf(`app:v1 ${a}\n`), before);
    assert.deepEqual(plan.copies, [
      { image: "app", digest: a, tags: ["v1"], mirrors: ["two"], holders: ["one"], layerMirrors: [], incomplete: [] },
    ]);
  });

  it("a mirror of the same name in another place is a new mirror; so is all of it under another prefix", () => {
    const mirrors = [{ name: "one", repository: "elsewhere.example/images" }, requestOf("").mirrors[1]!];
    assert.deepEqual(printed(`app:v1 ${a}\n`, stateAfter(`app:v1 ${a}\n`), { mirrors }), [
      `copy app@${a} as v1 to one`,
    ]);
    assert.deepEqual(printed(`app:v1 ${a}\n`, stateAfter(`app:v1 ${a}\n`), { prefix: "q" }), [
      `copy app@${a} as v1 to one, two, s3`,
    ]);
  });

  it("what the last run left undone is done, and nothing else", () => {
    const text = `app:v1 ${a}\napp:v2 ${b}\n`;
    const incomplete = { two: `+ app:v2 ${b}\n- app:v0 ${c}\n`, s3: `+ app:v1 ${a}\n` };
    assert.deepEqual(printed(text, stateAfter(text, incomplete)), [
      `copy app@${b} as v2 to two`,
      `copy app@${a} as v1 to s3`,
      "remove tag app:v0 from two",
      `remove app@${c} from two`,
    ]);
  });

  it("what is there in part is copied again, or removed when it is not wanted any more", () => {
    const text = `app:v1 ${a}\n`;
    const incomplete = { two: `~ app@${a}\n` };
    const plan = planImages(requestOf(text), stateAfter(text, incomplete));
    assert.deepEqual(
      plan.copies.map(({ mirrors, incomplete }) => [mirrors, incomplete]),
      [[["two"], ["two"]]],
    );
    const failed = { two: `+ app:v1 ${a}\n~ app@${a}\n` };
    assert.deepEqual(printed("", stateAfter(text, failed)), [
      "remove tag app:v1 from one",
      `remove app@${a} from one, two, s3`,
    ]);
  });

  it("what a refresh found and nobody had asked for is looked at again when it is wanted: a run that died left it", () => {
    const known = stateAfter(`app:old ${b}\n`, { two: `- app:v1 ${a}\n` });
    const plan = planImages(requestOf(`app:old ${b}\napp:v1 ${a}\n`), known);
    assert.deepEqual(
      plan.copies.map(({ digest, mirrors, incomplete, holders }) => ({ digest, mirrors, incomplete, holders })),
      [{ digest: a, mirrors: ["one", "two"], incomplete: ["two"], holders: [] }],
    );
    assert.deepEqual(printed(`app:old ${b}\n`, known), [`remove tag app:v1 from two`, `remove app@${a} from two`]);
    // Another tag of what was promoted is no such thing.
    const tagged = stateAfter(`app:old ${b}\n`, { two: `- app:new ${b}\n` });
    assert.deepEqual(printed(`app:old ${b}\napp:new ${b}\n`, tagged), [`tag app@${b} as new in one`]);
  });

  it("a promoted tag must not move, unless it is declared mutable", () => {
    const before = stateAfter(`app:v1 ${a}\napp:latest ${a}\n`);
    const { errors } = planImages(requestOf(`app:v1 ${b}\napp:latest ${b}\n`), before);
    assert.equal(errors.length, 1);
    assert.match(
      errors[0]!,
      /^project p: tag app:v1 would move from sha256:a+ to sha256:b+, but it is not declared mutable/,
    );
  });

  it("a tag that someone else has moved is put back, and may be corrected where it never arrived", () => {
    const text = `app:v1 ${a}\n`;
    const moved = planImages(requestOf(text), stateAfter(text, { two: `+ app:v1 ${a}\n- app:v1 ${b}\n- app@${a}\n` }));
    assert.deepEqual(moved.errors, []);
    assert.deepEqual(printPlan(moved), [`tag app@${a} as v1 in two`, `remove app@${b} from two`]);
    const missing = `+ app:v1 ${a}\n`;
    const corrected = planImages(
      requestOf(`app:v1 ${b}\n`),
      stateAfter(text, { one: missing, two: missing, s3: missing }),
    );
    assert.deepEqual(corrected.errors, []);
  });

  it("the removal guard counts what clients can ask for", () => {
    const half = { removalShare: 0.5 };
    const before = stateAfter(`app:v1 ${a}\napp:v2 ${b}\n`);
    assert.doesNotThrow(() => planImages(requestOf(`app:v1 ${a}\n`, half), before));
    assert.throws(() => planImages(requestOf(`app:v1 ${a}\n`, { removalShare: 0.49 }), before), RemovalRefused);
    assert.throws(() => planImages(requestOf("", half), before), /would remove 4 of 4 tags and digests .* 50%/);
    const latest = stateAfter(`app:latest ${a}\n`);
    assert.doesNotThrow(
      () => planImages(requestOf(`app:latest ${b}\n`, { removalShare: 0 }), latest),
      "its tag moved on",
    );
  });

  it("what is withdrawn does not count as removed, and nothing beside it does not", () => {
    const before = stateAfter(`app:v1 ${a}\napp:v1.0 ${a}\napp:v2 ${b}\n`);
    const removing = (images: string, withdrawn: string) => () =>
      planImages(requestOf(images, { removalShare: 0, withdrawn }), before);
    assert.doesNotThrow(removing(`app:v2 ${b}\n`, `app@${a} bad build (CVE-2026-1)\n`), "a digest with its tags");
    assert.doesNotThrow(removing(`app:v1 ${a}\napp:v2 ${b}\n`, "app:v1.0 wrong name\n"), "a tag");
    assert.throws(removing(`app:v2 ${b}\n`, "app:v1 x\napp:v1.0 x\n"), /would remove 1 of 5 /, "its digest goes too");
    assert.throws(removing(`app:v2 ${b}\n`, `app@${b} x\n`), /would remove 3 of 5 /);
    assert.throws(removing("", `app@${a} x\n`), /would remove 2 of 5 /);
    assert.doesNotThrow(removing("", `app@${a} x\napp@${b} x\n`), "a project's only version");
  });

  it("a change that declares a tag mutable does not move it too", () => {
    const strict = stateAfter(`app:v1 ${a}\n`, {}, { mutableTags: [] });
    const declared = stateAfter(`app:v1 ${a}\n`, {}, { mutableTags: ["v*"] });
    const errors = (mutableTags: string[], before: Parameters<typeof planImages>[1]) =>
      planImages(requestOf(`app:v1 ${b}\n`, { mutableTags }), before).errors.join("\n");
    assert.match(
      errors(["*"], strict),
      /mutableTags of project.yaml counts from the run after the one that changes it/,
    );
    assert.match(errors([], declared), /or add "v1" to mutableTags in project.yaml, in a change before this one/);
    assert.equal(errors(["*"], declared), "");
  });

  it("says which line it cannot read", () => {
    assert.throws(() => planImages(requestOf(`app:v1 ${a}\napp v2\n`), undefined), /line 2 of the images/);
    assert.throws(() => planImages(requestOf(""), stateAfter("", { one: "? x\n" })), /begins with none of/);
  });
});

const digest = fc.constantFrom(a, b, c);
const image = fc.constantFrom("app", "web/ui");
const tag = fc.constantFrom("v1", "v2", "latest");

/** Images in which no tag is on two digests of an image, as validated manifests are. */
const images = fc
  .array(fc.record({ image, digest, tag: fc.option(tag, { nil: undefined }) }), { maxLength: 8 })
  .map((entries) => {
    const built: ImagesBuilder = new Map();
    for (const { image, digest, tag } of entries) {
      const taken = tag !== undefined && tagsOf(built.get(image)).has(tag);
      addImage(built, image, digest, taken ? undefined : tag);
    }
    return built;
  });

/** What a plan makes of what a mirror holds. */
function carriedOut(plan: ImagePlan, mirror: string): ImagesBuilder {
  const present = new PresentImages(plan.lastKnown.get(mirror)!.present);
  for (const { image, digest, tags, mirrors } of plan.copies) {
    if (!mirrors.includes(mirror)) continue;
    present.add(image, digest);
    for (const tag of tags) present.add(image, digest, tag);
  }
  for (const { image, digest, tag, mirrors } of plan.retags)
    if (mirrors.includes(mirror)) present.add(image, digest, tag);
  for (const { image, tag, mirrors } of plan.untags) if (mirrors.includes(mirror)) present.dropTag(image, tag);
  for (const { image, digest, mirrors } of plan.removals) if (mirrors.includes(mirror)) present.drop(image, digest);
  const result: ImagesBuilder = new Map();
  for (const image of ["app", "web/ui"]) {
    for (const [digest, tags] of present.get(image) ?? []) {
      addImage(result, image, digest);
      for (const tag of tags) addImage(result, image, digest, tag);
    }
  }
  return result;
}

describe("properties", () => {
  it("lines and images are the same", () => {
    fc.assert(
      fc.property(images, (some) =>
        assert.equal(writeImageLines(readImageLines(writeImageLines(some))), writeImageLines(some)),
      ),
    );
  });

  it("from anything a mirror may hold, a plan leads to exactly what is wanted", () => {
    fc.assert(
      fc.property(images, images, images, images, (asked, wanted, inOne, inTwo) => {
        const names = ["app", "web/ui"];
        const incomplete = {
          one: difference(names, asked, inOne, new Map()),
          two: difference(names, asked, inTwo, new Map()),
        };
        const plan = planImages(requestOf(writeImageLines(wanted)), stateAfter(writeImageLines(asked), incomplete));
        for (const mirror of ["one", "two"]) {
          assert.equal(
            writeImageLines(plan.lastKnown.get(mirror)!.present),
            writeImageLines(mirror === "one" ? inOne : inTwo),
          );
          assert.equal(writeImageLines(carriedOut(plan, mirror)), writeImageLines(wanted));
        }
      }),
    );
  });
});
