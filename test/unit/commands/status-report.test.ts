import assert from "node:assert/strict";
import { describe, it } from "mocha";
import type { FillExecution } from "../../../components/commands/fill-executions.ts";
import {
  fillsOf,
  isInPlace,
  nextCommands,
  promotionStatus,
  runsTable,
  statusTable,
  unfinishedLine,
} from "../../../components/commands/status-report.ts";
import { packLines } from "../../../components/promotion/provider/packed-lines.ts";
import { packRecord, type RunRecord } from "../../../components/promotion/provider/run-record.ts";

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
    assert.deepEqual(status, {
      projects: 1,
      rows: [],
      failures: [],
      filling: [],
      leftToFill: [],
      undeployed: [],
      unfinished: [],
      runs: [],
    });
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

  it("a mirror that is left to a fill is not one that a deployment brings something to", () => {
    const left = (project: string, incomplete: object) =>
      promotion("Images", project, { outputs: { incomplete, filling: "eu" } });
    const eu = "+ app:v1 sha256:a\n";
    const fill =
      "npx artifacts fill --stack prod --start --mirror eu: a job brings what deployments leave to it; then pulumi up --stack prod";
    const up = "pulumi up --stack prod: tries again what is missing, everywhere";
    const next = (...states: object[]) => nextCommands(promotionStatus(exported(...states), "s.json", []), "prod");
    const alone = next(left("a", { eu }), left("b", { eu }));
    assert.equal(alone[0], fill);
    assert.ok(!alone.includes(up));
    assert.deepEqual(next(left("a", { eu, us: eu })).slice(0, 2), [fill, up]);
  });

  it("what a job fills, or has filled since, is as planned; what none fills, one that failed or one of before is not", () => {
    const left = { incomplete: { eu: "+ app:v1 sha256:a\n+ app:v2 sha256:b\n" }, filling: "eu" };
    const status = promotionStatus(exported(promotion("Images", "a", { outputs: left })), "s.json", []);
    const none = {
      region: "eu",
      name: "e",
      mirror: "eu",
      order: "",
      givenUp: 0,
      failures: [],
      tasks: 1,
      running: 0,
      succeeded: 0,
      failed: 0,
      retried: 0,
    };
    const fills = (state: FillExecution["state"], until?: string) =>
      fillsOf(status, new Map([["eu", { ...none, state, since: "2026-11-28T00:00:00Z", until, log: "" }]]));
    for (const [told, planned] of [
      [fills("running"), true],
      [fills("succeeded", "2026-11-29T02:00:00Z"), true],
      [fills("succeeded", "2026-11-28T02:00:00Z"), false],
      [fills("failed", "2026-11-29T02:00:00Z"), false],
      [fillsOf(status, new Map()), false],
    ] as const) {
      assert.deepEqual([told[0]?.left, told[0]?.planned, isInPlace(status, told)], [2, planned, planned]);
      assert.equal(
        nextCommands(status, "prod", told).some((line) => line.includes("--start")),
        !planned,
      );
    }
    const ended = nextCommands(status, "prod", fills("succeeded", "2026-11-29T02:00:00Z"));
    assert.equal(ended[0], "pulumi up --stack prod: sees what the fill has brought to eu, which has ended");
    assert.ok(!nextCommands(status, "prod", fills("running")).some((line) => line.includes("has ended")));
    const [byHand] = nextCommands(
      status,
      "prod",
      fillsOf(status, new Map(), () => "its keys are elsewhere"),
    );
    assert.equal(
      byHand,
      "npx artifacts fill --stack prod --mirror eu: no job can, its keys are elsewhere; then pulumi up --stack prod",
    );
    const later = promotion("Images", "b", { outputs: left, modified: "2026-11-29T03:00:00Z" });
    const both = promotionStatus(exported(promotion("Images", "a", { outputs: left }), later), "s.json", []);
    const between = { ...none, since: modified, until: "2026-11-29T02:00:00Z", log: "" };
    const [told] = fillsOf(both, new Map([["eu", { ...between, state: "succeeded" }]]));
    assert.equal(told?.planned, false, "what a later run left");
    const stray = promotion("Images", "a", { outputs: { incomplete: { eu: "- app:v1 sha256:a\n" }, filling: "eu" } });
    assert.ok(!isInPlace(promotionStatus(exported(stray), "s.json", []), fills("running")));
    // Another project was complete in this mirror, and is not.
    const missing = promotion("Images", "b", { outputs: { incomplete: left.incomplete, filling: "" } });
    const withAnother = promotionStatus(exported(promotion("Images", "a", { outputs: left }), missing), "s.json", []);
    assert.ok(!isInPlace(withAnother, fills("running")));
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

  it("the last runs, the latest first: what they took and sent, and which mirror was last", () => {
    const mirror = (name: string, lagSeconds: number) => {
      return { mirror: name, steps: 2, failed: 0, bytes: 1024 ** 2, seconds: 3 + lagSeconds, lagSeconds };
    };
    const run = (project: string, time: string): RunRecord => {
      const mirrors = [mirror("us", 0), mirror("eu", 4.25), mirror("asia", 1)];
      return {
        time,
        project,
        kind: "files",
        everywhere: true,
        seconds: 7.25,
        bytes: 3 * 1024 ** 2,
        failures: 0,
        mirrors,
      };
    };
    const [early, late] = [run("early", "2026-11-29T01:00:00.000Z"), run("late", "2026-11-29T02:00:00.000Z")];
    const of = (project: string, lastRun: string) => promotion("Files", project, { outputs: { __lastRun: lastRun } });
    const unread = [of("damaged", "?"), of("later", packLines(JSON.stringify({ time: 1 })))];
    const state = exported(of("early", packRecord(early)), of("late", packRecord(late)), ...unread);
    const status = promotionStatus(state, "s.json", []);
    assert.deepEqual(status.runs, [late, early]);
    assert.deepEqual(runsTable(status).slice(1), [
      ["2026-11-29T02:00Z", "late", "files", "7.3 s", "3.0 MiB", "eu", "4.3 s", "0"],
      ["2026-11-29T01:00Z", "early", "files", "7.3 s", "3.0 MiB", "eu", "4.3 s", "0"],
    ]);
    assert.ok(isInPlace(status));
  });

  it("what a killed run has begun, and what to do then", () => {
    const urn = "urn:pulumi:prod::artifacts::artifacts:mirror:Mirrors$promotion:index:PromotedImages::tool";
    const state = {
      deployment: {
        resources: [promotion("Images", "tool")],
        pending_operations: [{ type: "updating", resource: { urn } }],
      },
    };
    const status = promotionStatus(JSON.stringify(state), "s.json", ["tool"]);
    assert.deepEqual(status.unfinished, [{ operation: "updating", resource: "promotion:index:PromotedImages tool" }]);
    assert.ok(!isInPlace(status));
    assert.equal(
      unfinishedLine(status),
      "a run is under way, or was killed: it has begun 1 operation and recorded no end: updating promotion:index:PromotedImages tool",
    );
    assert.deepEqual(nextCommands(status, "prod"), [
      "if no run is under way, docs/operating.md#a-run-was-killed: pulumi cancel --stack prod, pulumi refresh --stack prod --clear-pending-creates, npm run adopt -- --stack prod",
    ]);
  });

  it("what is no state is refused", () => {
    assert.throws(
      () => promotionStatus("<html>", "s.json", []),
      /s\.json is not JSON: write it with pulumi stack export/,
    );
    for (const text of ["null", "[]", "{}", '"x"', '{"deployment":{"resources":"x"}}', '{"deployment":"x"}'])
      assert.throws(
        () => promotionStatus(text, "s.json", []),
        /^Error: s\.json is no export of a stack's state: write it with pulumi stack export/,
        text,
      );
  });

  it("the object in the state's bucket is read as an export is", () => {
    const { deployment } = JSON.parse(exported(promotion("Images", "tool"))) as { deployment: object };
    const object = JSON.stringify({ version: 3, checkpoint: { stack: "s", latest: deployment } });
    assert.equal(promotionStatus(object, "s.json", []).projects, 1);
    assert.equal(promotionStatus(JSON.stringify({ version: 3, deployment: {} }), "s.json", []).projects, 0);
  });
});
