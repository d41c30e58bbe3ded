import assert from "node:assert/strict";
import { describe, it } from "mocha";
import {
  contentsPrefix,
  differingReferrers,
  digestsOfTags,
  readContents,
  tagListDocument,
} from "../../../../components/promotion/bucket-registry/contents.ts";
import type { Stored } from "../../../../components/promotion/storage/bucket.ts";
import { isReplaceableKey, layerKey, manifestKey, referrersKey, tagsKey } from "../../../../redirector/object-paths.ts";

const a = `sha256:${"a".repeat(64)}`;
const b = `sha256:${"b".repeat(64)}`;
const listOf = (digest: string) => digest.replace(":", "-");
const object = (key: string, version = "1", more: Partial<Stored> = {}): Stored => ({
  key,
  size: 10,
  version,
  ...more,
});

describe("the contents of an image in a bucket", () => {
  it("are told by their keys, and what is none of them is left out", () => {
    const listing = [
      object(manifestKey("p/app", a)),
      object(manifestKey("p/app", "v1")),
      object(referrersKey("p/app", a)),
      object(tagsKey("p/app")),
      object(`${contentsPrefix("p/app")}manifests/v1/deeper`),
      object(`${contentsPrefix("p/app")}other/x`),
      object(manifestKey("p/app", "not a tag")),
    ];
    const contents = readContents("p/app", listing);
    assert.deepEqual([...contents.manifests.keys()], [a]);
    assert.deepEqual([...contents.tags.keys()], ["v1"]);
    assert.deepEqual([...contents.referrers.keys()], [a]);
    assert.equal(contents.list?.key, tagsKey("p/app"));
  });

  it("no image's keys begin as another image's contents", () => {
    const names = ["a", "a/manifests", "a/tags/list", "a/b", "ab"];
    for (const one of names)
      for (const other of names)
        assert.equal(manifestKey(other, "v1").startsWith(contentsPrefix(one)), one === other, `${one} ${other}`);
  });

  const tag = manifestKey("p/app", "v1");
  const digests: [what: string, objects: Stored[], digest: string | undefined][] = [
    ["the store has recorded it", [object(tag, "9", { sha256: "b".repeat(64) })], b],
    ["one manifest has its size and ETag", [object(manifestKey("p/app", a), "7"), object(tag, "7")], a],
    ["no manifest has them", [object(manifestKey("p/app", a), "6"), object(tag, "7")], undefined],
    ["its size is another", [object(manifestKey("p/app", a), "7", { size: 11 }), object(tag, "7")], undefined],
    [
      "two manifests have them",
      [object(manifestKey("p/app", a), "7"), object(manifestKey("p/app", b), "7"), object(tag, "7")],
      undefined,
    ],
  ];
  for (const [what, objects, digest] of digests)
    it(`a tag's digest is ${digest === undefined ? "not " : ""}known when ${what}`, () => {
      assert.equal(digestsOfTags(readContents("p/app", objects)).get("v1"), digest);
    });

  it("the list has the tags in order, without the fallback tags of referrers", () => {
    const document = tagListDocument("p/app", ["v2", listOf(a), `${listOf(a)}.sig`, "V1"]);
    assert.deepEqual(JSON.parse(document.toString()), { name: "p/app", tags: ["V1", `${listOf(a)}.sig`, "v2"] });
  });

  const fallback = manifestKey("p/app", listOf(a));
  const lists: [what: string, objects: Stored[], differing: string[]][] = [
    ["equal", [object(fallback, "3"), object(referrersKey("p/app", a), "3")], []],
    [
      "equal by digest, with versions that are no ETags",
      [object(fallback, "3", { sha256: "x" }), object(referrersKey("p/app", a), "4", { sha256: "x" })],
      [],
    ],
    ["another", [object(fallback, "3"), object(referrersKey("p/app", a), "4")], [a]],
    ["missing", [object(fallback, "3")], [a]],
    ["left over", [object(referrersKey("p/app", b), "3")], [b]],
  ];
  for (const [what, objects, differing] of lists)
    it(`a published list of referrers that is ${what}`, () => {
      assert.deepEqual(differingReferrers(readContents("p/app", objects)), differing);
    });

  it("tags and lists may be replaced, digests and blobs may not", () => {
    for (const key of [tag, tagsKey("p/app"), referrersKey("p/app", a), fallback])
      assert.ok(isReplaceableKey(key), key);
    for (const key of [
      manifestKey("p/app", a),
      layerKey(a),
      "binaries/_tags/list",
      "containers/registry/p/app/_other/x",
    ])
      assert.ok(!isReplaceableKey(key), key);
  });
});
