import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { listsChecksums, readChecksums } from "../../../../components/promotion/files/checksums.ts";

const [a, b] = ["a".repeat(64), "b".repeat(64)];

describe("checksums", () => {
  it("are in files of these names", () => {
    for (const name of [
      "SHA256SUMS",
      "SHA256SUM",
      "sha256sums.txt",
      "checksums.txt",
      "tool_1.0.0_checksums.txt",
      "tool_1.0.0_SHA256SUMS",
    ])
      assert.ok(listsChecksums(name), name);
    for (const name of ["tool.sha256", "SHA512SUMS", "checksums.md", "mychecksums.txt.sig"])
      assert.ok(!listsChecksums(name), name);
  });

  for (const [title, text, expected] of [
    ["two spaces", `${a}  tool\n${b}  linux/amd64/tool\n`, { "v1/tool": a, "v1/linux/amd64/tool": b }],
    ["binary mode, upper case, CRLF", `${a.toUpperCase()} *tool\r\n`, { "v1/tool": a }],
    ["BSD", `SHA256 (tool) = ${b}\n`, { "v1/tool": b }],
    ["./ before the name", `${a}  ./tool\n`, { "v1/tool": a }],
    ["comments, blank lines, other digests", `# sums\n\n${"c".repeat(128)}  tool\n`, {}],
  ] as const)
    it(title, () => assert.deepEqual(Object.fromEntries(readChecksums(text, "v1/")), expected));
});
