import assert from "node:assert/strict";
import { describe, it } from "mocha";
import {
  fileError,
  fileGlobPattern,
  filePattern,
  isFilePath,
  sharedFilePattern,
} from "../../../components/manifests/file-names.ts";

describe("paths of files", () => {
  const allowed = [
    "v1.0.0+build.1/a~b@c=d,e_f",
    "My Tool 1.0 (arm64).dmg",
    "größe.txt",
    "инструкция-v1.pdf",
    "説明書 はじめに.pdf",
    "ελληνικά",
    "हिन्दी.txt",
    "x".repeat(255),
  ];
  for (const path of allowed)
    it(`${path.slice(0, 40)} is one`, () => {
      assert.equal(fileError(path), undefined);
      assert.ok(isFilePath(path) && filePattern.test(path));
    });

  const refused: [path: string, why: RegExp][] = [
    ["a\u00a0b", /has the character U\+00A0 \(a no-break space\)/],
    ["a\u200bb", /U\+200B \(a zero-width space\)/],
    ["a\u202eb", /has the character U\+202E:/],
    ["tооl", /has the character U\+043E \(a Cyrillic character: type it again\) in a word of another script/],
    ["αа", /has the character U\+03B1 \(a Greek character: type it again\) in a word of another script/],
    ["קובץ", /written from right to left/],
    ["ملف", /written from right to left/],
    ["ﬁle", /is not in Unicode's form NFKC: write "file"/],
    ["ｔｏｏｌ", /NFKC: write "tool"/],
    ["gro\u0308ße", /NFKC: write "größe"/],
    [" a", /a space at the end of a segment/],
    ["a /b", /a space at the end of a segment/],
    ["a  b", /two in a row/],
    ["\u0915/\u093f", /a mark without a letter/],
    ["a%20b", /has the character "%"/],
    ["a#b", /has the character "#"/],
    ["a?b", /has the character "\?"/],
    ["a:b", /has the character ":"/],
    ["a;b", /has the character ";"/],
    ["a\nb", /has the character U\+000A/],
    ["😀", /has the character "😀" \(U\+1F600\)/],
    ["説".repeat(86), /has a segment of more than 255 bytes/],
    [`${"説".repeat(85)}/${"説".repeat(85)}/x`, /has 513 bytes: 512 at most/],
  ];
  for (const [path, why] of refused)
    it(`${JSON.stringify(path).slice(0, 40)} is none`, () => {
      assert.match(fileError(path) ?? "", why);
      assert.equal(isFilePath(path), false);
    });

  it("patterns take the same characters", () => {
    for (const pattern of ["My Tool */größe.txt", "*/latest.txt", "*"]) assert.match(pattern, fileGlobPattern);
    for (const pattern of ["a  b*", "a%*", "../*"]) assert.doesNotMatch(pattern, fileGlobPattern);
    for (const shared of ["My Tool/*", "größe.txt", "*"]) assert.match(shared, sharedFilePattern);
    for (const shared of ["My */x", " a/*"]) assert.doesNotMatch(shared, sharedFilePattern);
  });
});
