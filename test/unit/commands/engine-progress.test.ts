/** Which runs of the engine wait for ever, by their events; the lines are heads of those that 3.232 wrote. */
import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { EngineProgress } from "../../../components/commands/engine-progress.ts";

const stack = "urn:pulumi:local::emulated::pulumi:pulumi:Stack::emulated-local";
const binding = "urn:pulumi:local::emulated::gcp:storage/bucketIAMBinding:BucketIAMBinding::w";
const files = "urn:pulumi:local::emulated::gcp:storage/bucket:Bucket::files";
const other = "urn:pulumi:local::emulated::gcp:storage/bucket:Bucket::other";

const pre = (operation: string, urn: string) => step("resourcePreEvent", operation, urn);
const done = (operation: string, urn: string) => step("resOutputsEvent", operation, urn);
const failed = (operation: string, urn: string) => step("resOpFailedEvent", operation, urn);
const message =
  '{"sequence":7,"timestamp":1795968834,"diagnosticEvent":{"prefix":"debug: ","message":"RegisterResource\\n"';

/** The beginning of a run: the program is a component whose step ends with the run. */
const begun = [
  '{"sequence":0,"timestamp":1795968830,"preludeEvent":{"config":{"gcp:project":"demo"}}}',
  pre("same", stack),
  message,
];

describe("a run that waits for ever", () => {
  const cases: readonly [
    what: string,
    events: readonly string[],
    silence: number,
    failed: readonly string[] | undefined,
  ][] = [
    [
      "a replacement's deletion failed",
      [...begun, pre("delete-replaced", files), message, failed("delete-replaced", files)],
      120,
      [`delete-replaced ${files}`],
    ],
    [
      "the same, a little earlier",
      [...begun, pre("delete-replaced", files), failed("delete-replaced", files)],
      119,
      undefined,
    ],
    ["nothing failed: the program computes", [...begun, pre("create", files), done("create", files)], 9_999, undefined],
    [
      "a failed step, and a promotion that takes hours",
      [...begun, pre("update", other), pre("create", files), failed("create", files)],
      9_999,
      undefined,
    ],
    [
      "the promotion has ended",
      [...begun, pre("update", other), pre("create", files), failed("create", files), done("update", other)],
      120,
      [`create ${files}`],
    ],
    [
      "of several, those that the engine waits for",
      [
        ...begun,
        pre("create", other),
        failed("create", other),
        pre("delete-replaced", binding),
        done("delete-replaced", binding),
        pre("delete-replaced", files),
        failed("delete-replaced", files),
      ],
      120,
      [`delete-replaced ${files}`],
    ],
    [
      "two steps of one resource",
      [...begun, pre("delete", files), pre("delete", files), failed("delete", files)],
      9_999,
      undefined,
    ],
    [
      "a refresh says at its end what it found",
      [...begun, pre("refresh", other), done("update", other), pre("import", files), failed("import", files)],
      120,
      [`import ${files}`],
    ],
    ["no event at all", [], 9_999, undefined],
    [
      "what is not an event",
      ["", "{", '{"sequence":1,"timestamp":1,"resOpFailedEvent":{"metadata":null}}'],
      9_999,
      undefined,
    ],
  ];
  for (const [what, events, silence, wanted] of cases) {
    it(`${what}, silent for ${silence} s: ${wanted === undefined ? "goes on" : wanted.length}`, () => {
      const progress = new EngineProgress(0);
      for (const [index, event] of events.entries()) progress.take(event, index);
      const last = Math.max(events.length - 1, 0);
      const found = progress.stalledBy(last + silence, 120);
      assert.deepEqual(
        found?.map(({ operation, urn }) => `${operation} ${urn}`),
        wanted,
      );
    });
  }
});

/** The first bytes of an event, cut as a long line is. */
function step(event: string, operation: string, urn: string): string {
  const [, , type = ""] = urn.split("::");
  const state = `{"type":"${type}","urn":"${urn}",${urn === stack ? "" : '"custom":true,'}"id":"`;
  const states = operation === "create" ? `"old":null,"new":${state}` : `"old":${state}`;
  return `{"sequence":23,"timestamp":1795968837,"${event}":{"metadata":{"op":"${operation}","urn":"${urn}","type":"${type}",${states}`;
}
