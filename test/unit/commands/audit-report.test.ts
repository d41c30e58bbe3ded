import assert from "node:assert/strict";
import { test } from "node:test";
import { type Audited, describeReport, isClean, reportOf } from "../../../components/commands/audit-report.ts";

const clean: Audited = {
  project: "kops",
  kind: "images",
  mirrors: ["images-a", "images-b"],
  wanted: 1_200,
  stock: { text: "", incomplete: {}, failures: [] },
};
const drifted: Audited = {
  project: "bom",
  kind: "files",
  mirrors: ["files-a"],
  wanted: 3,
  stock: {
    text: "",
    incomplete: { "files-a": "+ x sha256:1\n- x sha256:2\n- y sha256:3\n" },
    failures: ["project bom, mirror files-b: cannot be read: 403"],
  },
};

test("production as wanted is one line", () => {
  const report = reportOf([clean]);
  assert.equal(isClean(report), true);
  assert.equal(describeReport(report), "1 project, 1,200 lines, 2 mirrors: production is what the manifests say");
});

test("differences are a table, lines, and a summary", () => {
  const report = reportOf([clean, drifted]);
  assert.equal(isClean(report), false);
  assert.deepEqual(report.differences[0], {
    project: "bom",
    kind: "files",
    mirror: "files-a",
    what: "missing",
    line: "x sha256:1",
  });
  assert.equal(
    describeReport(report, 2),
    `PROJECT  KIND   MIRROR   MISSING  EXTRA
bom      files  files-a  1        2

+ missing there, - there beyond what is wanted:
+ bom files-a x sha256:1
- bom files-a x sha256:2
... and 1 more (--json has all)

could not be read:
project bom, mirror files-b: cannot be read: 403

2 projects, 1,203 lines, 3 mirrors: 3 differences, 1 unreadable`,
  );
});

test("a mirror that cannot be read is no clean production", () => {
  assert.equal(isClean(reportOf([{ ...clean, stock: { ...clean.stock, failures: ["x"] } }])), false);
});
