import assert from "node:assert/strict";
import { it } from "mocha";
import {
  type Audited,
  causesIn,
  describeReport,
  isClean,
  nextAfterAudit,
  reportOf,
  withoutPlannedFills,
} from "../../../components/commands/audit-report.ts";
import { PlannedFills } from "../../../components/promotion/provider/planned-fills.ts";

const clean: Audited = {
  project: "kops",
  kind: "images",
  mirrors: ["images-a", "images-b"],
  wanted: 1_200,
  inventory: { text: "", incomplete: {}, failures: [] },
};
const drifted: Audited = {
  project: "bom",
  kind: "files",
  mirrors: ["files-a"],
  wanted: 3,
  inventory: {
    text: "",
    incomplete: { "files-a": "+ x sha256:1\n- x sha256:2\n- y sha256:3\n" },
    failures: ["project bom, mirror files-b: cannot be read: 403"],
  },
};

it("production as wanted is one line", () => {
  const report = reportOf([clean]);
  assert.equal(isClean(report), true);
  assert.equal(describeReport(report), "1 project, 1,200 lines, 2 mirrors: production is what the manifests say");
});

it("what to run next: nothing, the repair of one mirror, that of all", () => {
  assert.deepEqual(nextAfterAudit(reportOf([clean]), "prod"), []);
  const [sync, repair, extra] = nextAfterAudit(reportOf([clean, drifted]), "local");
  assert.equal(sync, "npx artifacts sync --stack local --mirror files-a: brings what it lacks from the other mirrors");
  assert.equal(
    repair,
    "npm run pulumi -- refresh --stack local, npm run pulumi -- up --stack local: show what differs, and repair all mirrors",
  );
  assert.equal(extra, "docs/operating.md#other-troubles: what stays there because no manifest has named it");
  const everywhere = { ...drifted, inventory: { text: "", incomplete: { a: "+ x 1\n", b: "+ x 1\n" }, failures: [] } };
  assert.deepEqual(nextAfterAudit(reportOf([everywhere]), "prod"), [
    "pulumi refresh --stack prod, pulumi up --stack prod: show what differs, and repair all mirrors",
  ]);
});

it("differences are a table, lines, and a summary", () => {
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
    `PROJECT  KIND   MISSING  EXTRA  INCOMPLETE  MIRRORS
bom      files  1        2      0           files-a

+ missing, - there beyond what is wanted, ~ there without all that belongs to it:
+ bom x sha256:1: files-a
- bom x sha256:2: files-a
... and 1 more (--json has all)

could not be read:
project bom, mirror files-b: 403

2 projects, 1,203 lines, 3 mirrors: 3 differences, 1 unreadable`,
  );
});

it("the same in 22 mirrors is reported once, a thousand lines are cut, incomplete images are reported as incomplete", () => {
  const mirrors = Array.from({ length: 22 }, (_, index) => `images-${index}`);
  const lost = Array.from({ length: 1_000 }, (_, index) => `+ app:v${index} sha256:1\n`).join("");
  const incomplete = Object.fromEntries(mirrors.map((name, index) => [name, index === 21 ? "~ app@sha256:1\n" : lost]));
  const report = reportOf([{ ...clean, mirrors, inventory: { text: "", incomplete, failures: [] } }]);
  assert.equal(report.differences.length, 21_001);
  assert.deepEqual(report.differences.at(-1), {
    project: "kops",
    kind: "images",
    mirror: "images-21",
    what: "incomplete",
    line: "app@sha256:1",
  });
  assert.equal(
    describeReport(report, 3),
    `PROJECT  KIND    MISSING  EXTRA  INCOMPLETE  MIRRORS
kops     images  1,000    0      0           images-0, images-1, images-2 and 18 more
kops     images  0        0      1           images-21

+ missing, - there beyond what is wanted, ~ there without all that belongs to it:
+ kops app:v0 sha256:1: images-0, images-1, images-2 and 18 more
+ kops app:v1 sha256:1: images-0, images-1, images-2 and 18 more
+ kops app:v2 sha256:1: images-0, images-1, images-2 and 18 more
... and 998 more (--json has all)

1 project, 1,200 lines, 22 mirrors: 21,001 differences, 0 unreadable`,
  );
});

it("what no manifest names is extra, of its project or of none; what was not looked for leaves production clean", () => {
  const found = [
    { kind: "images", mirror: "images-a", project: undefined, line: "left/app:v1 sha256:1" },
    { kind: "files", mirror: "files-a", project: "kops", line: "binaries/kops/ (1 file, 5 bytes)" },
  ] as const;
  const report = reportOf([clean], [{ found, unlisted: ["repositories in images-b: no"], failures: [] }]);
  assert.equal(isClean(report), false);
  assert.equal(
    describeReport(report),
    `PROJECT  KIND    MISSING  EXTRA  INCOMPLETE  MIRRORS
-        images  0        1      0           images-a
kops     files   0        1      0           files-a

+ missing, - there beyond what is wanted, ~ there without all that belongs to it:
- - left/app:v1 sha256:1: images-a
- kops binaries/kops/ (1 file, 5 bytes): files-a

could not be searched:
repositories in images-b: no

1 project, 1,200 lines, 2 mirrors: 2 differences, 0 unreadable`,
  );
  assert.equal(isClean(reportOf([clean], [{ found: [], unlisted: ["x"], failures: [] }])), true);
  assert.equal(isClean(reportOf([clean], [{ found: [], unlisted: [], failures: ["x"] }])), false);
});

it("a mirror that cannot be read is no clean production", () => {
  assert.equal(isClean(reportOf([{ ...clean, inventory: { ...clean.inventory, failures: ["x"] } }])), false);
});

it("66: a name that would steer a CI log or a terminal is printed escaped; --json has it as it is", () => {
  const name = "a##[error]b\u202ec";
  const incomplete = { "files-a": `- ${name} sha256:1\n` };
  const report = reportOf([{ ...drifted, inventory: { text: "", incomplete, failures: [] } }]);
  assert.match(describeReport(report), /^- bom a\\u\{23\}#\[error\]b\\u\{202e\}c sha256:1: files-a$/m);
  assert.equal(report.differences[0]?.line, `${name} sha256:1`);
});

it("a cause is said once, with all projects and mirrors that it hits", () => {
  const projects = Array.from({ length: 28 }, (_, index) => `p${index}`);
  assert.deepEqual(
    causesIn([
      ...projects.map((project) => `project ${project}, mirror files-aws-us-east-1: 403 InvalidAccessKeyId`),
      "project p0, mirror eu: 503",
      "project p0, mirror us: 503",
      "the manifests changed",
      "mirror asia: no such bucket",
    ]),
    [
      "projects p0, p1, p2 and 25 more, mirror files-aws-us-east-1: 403 InvalidAccessKeyId",
      "project p0, mirrors eu, us: 503",
      "the manifests changed",
      "mirror asia: no such bucket",
    ],
  );
});

function planned(mirrors: readonly string[], project = drifted.project): PlannedFills {
  return new PlannedFills(mirrors.map((mirror) => ({ mirror, project, kind: drifted.kind })));
}

it("what a mirror lacks that is being filled is a note, and what is there beyond what is wanted stays a difference", () => {
  const lacking = {
    ...drifted,
    inventory: { ...drifted.inventory, incomplete: { "files-a": "+ x sha256:1\n~ z sha256:4\n" } },
  };
  const report = withoutPlannedFills(
    reportOf([{ ...lacking, inventory: { ...lacking.inventory, failures: [] } }]),
    planned(["files-a"]),
  );
  assert.equal(isClean(report), true);
  assert.match(describeReport(report), /^why:\nfiles-a: filling, 2 lines left\n/);
  const extra = withoutPlannedFills(reportOf([drifted]), planned(["files-a", "files-b"]));
  assert.deepEqual(
    extra.differences.map(({ what }) => what),
    ["extra", "extra"],
  );
  const other = planned(["files-a", "files-b"], "another");
  for (const none of [planned([]), other])
    assert.deepEqual(withoutPlannedFills(reportOf([drifted]), none), reportOf([drifted]));
});
