import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { isInPlace, nextCommands, promotionStatus, statusTable } from "../../../components/commands/status-report.ts";

const modified = "2026-11-29T01:00:00Z";
const promotion = (kind: string, project: string, more: object = {}) => ({
  type: `promotion:index:Promoted${kind}`,
  inputs: { project },
  modified,
  ...more,
});
const exported = (...resources: object[]) =>
  JSON.stringify({ deployment: { resources: [{ type: "gcp:storage/bucket:Bucket", inputs: {} }, ...resources] } });

describe("status", () => {
  it("everything in place", () => {
    const status = promotionStatus(exported(promotion("Images", "tool"), promotion("Files", "tool")), "s.json", [
      "tool",
    ]);
    assert.deepEqual(status, { projects: 1, rows: [], failures: [], undeployed: [] });
    assert.ok(isInPlace(status));
    assert.deepEqual(statusTable(status, new Date()), []);
    assert.deepEqual(nextCommands(status, "prod"), []);
  });

  it("what is missing, by project and mirror, since when, and the next command", () => {
    const incomplete = { eu: "+ app:v1 sha256:a\n+ app:v2 sha256:b\n~ app@sha256:c\n", us: "" };
    const status = promotionStatus(exported(promotion("Images", "tool", { outputs: { incomplete } })), "s.json", [
      "tool",
      "late",
    ]);
    assert.deepEqual(status.rows, [
      { project: "tool", kind: "images", mirror: "eu", missing: 2, extra: 0, incomplete: 1, since: modified },
    ]);
    assert.ok(!isInPlace(status));
    assert.deepEqual(statusTable(status, new Date("2026-11-29T04:00:00Z"))[1], [
      ...["tool", "images", "eu", "2", "0", "1"],
      "2026-11-29T01:00Z (3 h ago)",
    ]);
    assert.deepEqual(nextCommands(status, "prod"), [
      "pulumi up --stack prod: tries again what is missing, everywhere",
      "npx artifacts sync --stack prod --mirror eu: the same for this mirror, without the engine",
      "npx artifacts audit --stack prod: looks into the mirrors themselves",
      "pulumi up --stack prod: 1 project not deployed yet: late",
    ]);
  });

  it("a cause that holds back many projects is said once", () => {
    const failed = (project: string) =>
      promotion("Images", project, {
        initErrors: [
          `project ${project}, mirror eu: given up: 503 Service Unavailable`,
          "copied 3; the next `pulumi up` resumes",
        ],
      });
    const { failures } = promotionStatus(exported(failed("a"), failed("b"), failed("c")), "s.json", []);
    assert.deepEqual(failures, [
      { cause: "mirror eu: given up: 503 Service Unavailable", projects: ["a", "b", "c"], since: modified },
      { cause: "copied 3", projects: ["a", "b", "c"], since: modified },
    ]);
  });

  it("what is no state is refused", () => {
    assert.throws(
      () => promotionStatus("<html>", "s.json", []),
      /s\.json is not JSON: write it with pulumi stack export/,
    );
  });
});
