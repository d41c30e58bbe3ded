import assert from "node:assert/strict";
import { it } from "mocha";
import { listingPrefix } from "../../../../components/promotion/files/listing-prefix.ts";

const many = (folder: string, count: number): string[] => Array.from({ length: count }, (_, i) => `${folder}f${i}`);

it("the folder to list in place of asking for each path", () => {
  const release = [...many("v1.33.0/bin/linux/amd64/", 60), ...many("v1.33.0/bin/linux/arm64/", 60)];
  const old = many("v1.32.0/", 100_000);
  const rows: [paths: string[], all: string[], expected: string | undefined][] = [
    [release, [...old, ...release], "v1.33.0/bin/linux/"],
    [[...release, "v1.33.0/bin/linux-notes"], [...old, ...release], "v1.33.0/bin/"],
    [[...release, "v1.33.0/SUMS"], [...old, ...release], "v1.33.0/"],
    // A file of each of two releases: the whole project would be listed.
    [[...release, "v1.34.0/a"], [...old, ...release], undefined],
    [[...release, "v1.34.0/a"], release, ""],
    [many("a/", 63), many("a/", 63), undefined],
    [many("", 64), many("", 64), ""],
  ];
  for (const [paths, all, expected] of rows) assert.equal(listingPrefix(paths, all)?.prefix, expected);
});
