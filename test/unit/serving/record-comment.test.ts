import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { recordComment } from "../../../components/serving/record-comment.ts";

describe("comments of DNS records", () => {
  it("describe the purpose of the record", () => {
    assert.equal(recordComment("A of artifacts.example.org"), "artifacts: A of artifacts.example.org");
  });

  it("have at most 100 characters, and differ even if only the ends of the texts differ", () => {
    const host = `${"a-long-label.".repeat(12)}example.org`;
    const comments = ["A", "AAAA"].map((type) => recordComment(`${"x".repeat(100)} ${type} of ${host}`));
    for (const comment of comments) assert.equal(comment.length, 100);
    assert.notEqual(comments[0], comments[1]);
  });
});
