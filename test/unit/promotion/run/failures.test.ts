import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { CircuitBreaker, GivenUpError } from "../../../../components/promotion/run/circuit-breaker.ts";
import { Failures } from "../../../../components/promotion/run/failures.ts";
import { MirrorRun } from "../../../../components/promotion/run/mirror-run.ts";
import { outcomeOf } from "../../../../components/promotion/run/outcome.ts";

const nothing = { copied: 0, replaced: 0, tagged: 0, untagged: 0, removed: 0 };

it("a file fails once per mirror, whatever further errors it has there", () => {
  const mirrors = ["us", "eu"].map((name) => new MirrorRun(name, () => "fatal"));
  for (const mirror of mirrors) mirror.breaker.failed(new Error("nobody answers"));
  mirrors[0]!.total = 1;
  mirrors[1]!.total = 2;
  const failures = new Failures("kops", ["us", "eu"], (path) => `file ${path}`);
  const lost = new GivenUpError("nobody answers");
  assert.deepEqual(
    ["us", "us", "eu"].map((mirror) => failures.add(mirror, "a", lost)),
    [true, false, true],
  );
  failures.add("eu", "b", lost);
  failures.add("us", "c", new Error("refused"));
  failures.add("us", "c", new Error("something else"));
  assert.deepEqual([...failures.at("us")], ["a", "c"]);
  assert.deepEqual([...failures.at("nowhere")], []);
  assert.deepEqual(outcomeOf("kops", mirrors, nothing, failures, new Map(), false).failures, [
    "project kops, mirror us: given up with 1 step to go: nobody answers",
    "project kops, mirror eu: given up with 2 steps to go: nobody answers",
    "project kops, file c, mirror us: refused",
  ]);
});

it("equal failures are one line with the mirrors in order, and lines are sorted", () => {
  const failures = new Failures("kops", ["us", "eu", "aws"], (what) => `image ${what}`);
  for (const mirror of ["aws", "us"]) failures.add(mirror, "b", new Error("absent"));
  failures.add("eu", "b", new Error("denied"));
  failures.add("eu", "a", new Error("absent"));
  assert.deepEqual(failures.lines(), [
    "project kops, image a, mirror eu: absent",
    "project kops, image b, mirror eu: denied",
    "project kops, image b, mirror us, aws: absent",
  ]);
});

describe("an outcome", () => {
  const mirror = (name: string, done: number, total: number, bytes = 0) =>
    Object.assign(new MirrorRun(name, () => "unrelated"), { done, total, bytes });
  const none = new Failures("kops", [], String);

  it("summarizes what was done, where, and how many failed", () => {
    const mirrors = [mirror("us", 2, 2, 2_048), mirror("eu", 1, 2), mirror("aws", 0, 0)];
    const counts = { ...nothing, copied: 1, tagged: 1, removed: 1_000 };
    const failures = new Failures("kops", ["eu"], String);
    failures.add("eu", "a", new Error("denied"));
    const { summary, incomplete } = outcomeOf("kops", mirrors, counts, failures, new Map([["eu", "+ a\n"]]), false);
    assert.equal(summary, "copied 1 (2.0 KiB), tagged 1, removed 1,000 in 2 mirrors; 1 failure");
    assert.deepEqual(incomplete, { eu: "+ a\n" });
  });

  it("without steps means nothing to do", () => {
    assert.equal(outcomeOf("kops", [mirror("us", 0, 0)], nothing, none, new Map(), false).summary, "nothing to do");
  });

  it("of a stopped run has the number of remaining steps, if any", () => {
    const stopped = (done: number) => outcomeOf("kops", [mirror("us", done, 2)], nothing, none, new Map(), true);
    assert.deepEqual(stopped(1).failures, ["project kops: stopped with 1 step to go; the next run resumes"]);
    assert.equal(stopped(0).summary, "nothing done; 1 failure");
    assert.deepEqual(stopped(2).failures, []);
  });
});

describe("a circuit breaker", () => {
  it("gives a mirror up after four failures in a row, for the last cause", () => {
    const breaker = new CircuitBreaker(() => "unhealthy");
    for (const cause of ["a", "b", "c"]) breaker.failed(new Error(cause));
    breaker.succeeded();
    for (const cause of ["a", "b", "c"]) breaker.failed(new Error(cause));
    assert.equal(breaker.givenUp, undefined);
    breaker.failed(new Error("d"));
    breaker.failed(new Error("e"));
    assert.equal(breaker.givenUp, "d");
  });

  it("gives a mirror up at once for a fatal failure, never for an unrelated one", () => {
    const breaker = new CircuitBreaker((error) => (error === "gone" ? "fatal" : "unrelated"));
    for (let count = 0; count < 10; count++) breaker.failed("other");
    assert.equal(breaker.givenUp, undefined);
    breaker.failed("gone");
    assert.equal(breaker.givenUp, "gone");
  });
});
