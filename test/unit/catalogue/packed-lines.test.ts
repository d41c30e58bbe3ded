import assert from "node:assert/strict";
import { it } from "mocha";
import { imageLines } from "../../../components/manifests/lines.ts";
import { readManifests } from "../../../components/manifests/read.ts";
import { fingerprint, packLines, unpackLines } from "../../../components/promotion/provider/packed-lines.ts";
import { generateManifests, k8sSize } from "../../support/generate-manifests.ts";

it("packs lines without loss in a fraction of the size", () => {
  const { projects } = readManifests(generateManifests(k8sSize));
  let [plain, packed] = [0, 0];
  for (const project of projects) {
    const lines = imageLines(project);
    const pack = packLines(lines);
    assert.equal(unpackLines(pack), lines);
    plain += lines.length;
    packed += pack.length;
  }
  assert.ok(packed * 2 < plain, `${packed} of ${plain} characters`);
  assert.deepEqual([packLines(""), unpackLines("")], ["", ""]);
});

it("throws on text that is not packed lines", () => {
  for (const text of ["x", "H4sI", Buffer.from("no gzip").toString("base64")]) assert.throws(() => unpackLines(text));
});

it("a fingerprint distinguishes lists of texts with different boundaries", () => {
  const all = [fingerprint("a", "b"), fingerprint("ab", ""), fingerprint("", "ab"), fingerprint("a", "b", "")];
  assert.equal(new Set(all).size, all.length);
  for (const one of all) assert.match(one, /^[0-9a-f]{8}$/);
});
