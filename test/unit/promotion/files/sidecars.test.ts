import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { describe, it } from "mocha";
import {
  contradictions,
  type FoundFile,
  isSidecar,
  readSidecar,
} from "../../../../components/promotion/files/sidecars.ts";

const [a, b, long] = ["a".repeat(64), "b".repeat(64), "c".repeat(128)];

describe("files of checksums beside what they are about", () => {
  it("have these names", () => {
    for (const path of ["v1/tool.sha256", "tool.sha512", "tool.sha256sum", "v1/SHA256SUMS", "checksums.txt"])
      assert.ok(isSidecar(path), path);
    for (const path of ["tool", ".sha256", "tool.sha256.sig", "v1/readme.md"]) assert.ok(!isSidecar(path), path);
  });

  for (const [what, path, text, says] of [
    ["the digits alone", "v1/tool.sha256", `${a}\n`, [{ path: "v1/tool", algorithm: "sha256", hex: a }]],
    [
      "with a name",
      "v1/tool.sha256",
      `${a.toUpperCase()} *dist/tool`,
      [{ path: "v1/tool", algorithm: "sha256", hex: a }],
    ],
    ["of another file", "v1/tool.sha256", `${a}  other`, []],
    ["sha512", "tool.sha512", `${long}  tool\n`, [{ path: "tool", algorithm: "sha512", hex: long }]],
    ["several lines", "tool.sha256", `${a}  tool\n${b}  tool2\n`, []],
    ["no checksum", "tool.sha256", "sum", []],
    [
      "a list",
      "v1/SHA256SUMS",
      `${a}  tool\n${b}  x/tool\n`,
      [
        { path: "v1/tool", algorithm: "sha256", hex: a },
        { path: "v1/x/tool", algorithm: "sha256", hex: b },
      ],
    ],
  ] as const)
    it(`says ${what}`, () => assert.deepEqual(readSidecar(path, text), says));

  it("that contradict a file of the same change, or of production, are named; those that agree are not", async () => {
    const hash = (algorithm: string, text: string) => createHash(algorithm).update(text).digest("hex");
    const contents: Record<string, string> = {
      "v1/tool": "program",
      "v1/tool.sha256": `${a}  tool\n`,
      "v1/tool.sha512": `${long}\n`,
      "v1/SHA256SUMS": `${hash("sha256", "program")}  tool\n${b}  old\n`,
      "v2/tool": "next",
      "v2/tool.sha256": hash("sha256", "next"),
      "v2/tool.sha512": `${hash("sha512", "next")}  tool`,
      "v3/gone.sha256": a,
    };
    const found = new Map(Object.entries(contents).map(([path, text]) => [path, fileOf(path, text)]));
    const wanted = new Map(Object.entries(contents).map(([path, text]) => [path, hash("sha256", text)]));
    wanted.set("v1/old", a);
    const wrong = await contradictions(found, wanted, new AbortController().signal);
    assert.deepEqual(Object.fromEntries(wrong), {
      "v1/tool.sha256": [`says sha256 ${a} of v1/tool, which has ${hash("sha256", "program")}: stage both again`],
      "v1/tool.sha512": [`says sha512 ${long} of v1/tool, which has ${hash("sha512", "program")}: stage both again`],
      "v1/SHA256SUMS": [`says sha256 ${b} of v1/old, which has ${a}: stage both again`],
    });
  });
});

function fileOf(key: string, text: string): FoundFile {
  const bucket = { url: "gs://staging", read: () => Promise.resolve([Buffer.from(text)]) };
  return { bucket, object: { key, size: text.length, version: "1" } } as unknown as FoundFile;
}
