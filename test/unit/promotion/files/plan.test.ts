import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { parseFileLines, planFiles } from "../../../../components/promotion/files/plan.ts";
import { RemovalRefused } from "../../../../components/promotion/run/removal-guard.ts";
import type { FileMirror, FilesRequest } from "../../../../components/promotion/run/request.ts";

const hex = (digit: string): string => digit.repeat(64);
const line = (path: string, digit: string): string => `${path} sha256:${hex(digit)}\n`;
const us: FileMirror = { name: "us", kind: "gcs", bucket: "us", region: "us-central1" };
const aws: FileMirror = { name: "aws", kind: "s3", bucket: "aws", region: "us-east-1" };

function request(files: string, more: Partial<FilesRequest> = {}): FilesRequest {
  return { project: "kops", files, prefix: "kops", staging: "s", mirrors: [us], removalShare: 1, storage: {}, ...more };
}

/** A plan as plain data. */
function planned(wanted: FilesRequest, ...previous: [FilesRequest, Record<string, string>?]) {
  const [before, incomplete = {}] = previous;
  return planFiles(wanted, { request: before, incomplete }).map(({ mirror, unknown, add, restore, remove }) => ({
    mirror: mirror.name,
    ...(unknown ? { unknown } : {}),
    ...(add.size > 0 ? { add: [...add.keys()] } : {}),
    ...(restore.size > 0 ? { restore: [...restore.keys()] } : {}),
    ...(remove.size > 0 ? { remove: [...remove.keys()] } : {}),
  }));
}

describe("a plan", () => {
  const ab = line("a", "a") + line("b", "b");

  it("without a previous run: everything is unknown, nothing is removed", () => {
    const [plan] = planFiles(request(ab), undefined);
    assert.equal(plan?.unknown, true);
    assert.deepEqual([...plan!.add.keys()], ["a", "b"]);
    assert.equal(plan!.remove.size, 0);
  });

  it("of equal texts is empty", () => {
    assert.deepEqual(planned(request(ab), request(ab)), [{ mirror: "us" }]);
  });

  it("has the added and removed lines", () => {
    assert.deepEqual(planned(request(line("b", "b") + line("c", "c")), request(ab)), [
      { mirror: "us", add: ["c"], remove: ["a"] },
    ]);
  });

  it("continues incomplete work where it was", () => {
    const both = { mirrors: [us, aws] };
    const incomplete = { aws: `+ ${line("a", "a")}- ${line("old", "c")}` };
    assert.deepEqual(planned(request(ab, both), request(ab, both), incomplete), [
      { mirror: "us" },
      { mirror: "aws", add: ["a"], remove: ["old"] },
    ]);
  });

  it("restores changes by others", () => {
    const incomplete = { us: `+ ${line("a", "a")}- ${line("a", "e")}` };
    assert.deepEqual(planned(request(ab), request(ab), incomplete), [{ mirror: "us", add: ["a"], restore: ["a"] }]);
  });

  it("restores changes by others, even to the content that an edit of the manifest wants", () => {
    const incomplete = { us: `+ ${line("a", "a")}- ${line("a", "e")}` };
    const wanted = line("a", "e") + line("b", "b");
    assert.deepEqual(planned(request(wanted), request(ab), incomplete), [{ mirror: "us", add: ["a"], restore: ["a"] }]);
  });

  it("looks at what is declared mutable from now on, as caches keep it too long", () => {
    const declared = { mutableFiles: ["a*"] };
    assert.deepEqual(planned(request(ab, declared), request(ab)), [{ mirror: "us", add: ["a"] }]);
    assert.deepEqual(planned(request(ab, declared), request(ab, declared)), [{ mirror: "us" }]);
    assert.deepEqual(planned(request(ab), request(ab, declared)), [{ mirror: "us" }]);
  });

  it("does not remove what is missing already", () => {
    assert.deepEqual(planned(request(line("b", "b")), request(ab), { us: `+ ${line("a", "a")}` }), [{ mirror: "us" }]);
  });

  it("examines all of a new mirror, another bucket, or another prefix", () => {
    const unknown = { mirror: "us", unknown: true, add: ["a", "b"] };
    const elsewhere = { ...us, bucket: "other" };
    assert.deepEqual(planned(request(ab), request(ab, { mirrors: [aws] })), [unknown]);
    assert.deepEqual(planned(request(ab), request(ab, { mirrors: [elsewhere] })), [unknown]);
    assert.deepEqual(planned(request(ab), request(ab, { prefix: "old" })), [unknown]);
  });

  it("keeps the order of the request, the canonical mirror first", () => {
    const plans = planFiles(request(ab, { mirrors: [aws, us] }), undefined);
    assert.deepEqual(
      plans.map(({ mirror }) => mirror.name),
      ["aws", "us"],
    );
  });
});

describe("the removal guard", () => {
  const ten = Array.from({ length: 10 }, (_, i) => line(`f${i}`, "a")).join("");
  const without = (count: number): string => ten.split("\n").slice(count).join("\n");

  it("allows the share of removals, and not one more", () => {
    planFiles(request(without(3), { removalShare: 0.3 }), { request: request(ten), incomplete: {} });
    assert.throws(
      () => planFiles(request(without(4), { removalShare: 0.3 }), { request: request(ten), incomplete: {} }),
      (error: Error) => error instanceof RemovalRefused && /would remove 4 of 10 files .*\(40%\)/.test(error.message),
    );
  });

  it("counts files added by others, and each file once for any number of mirrors", () => {
    const extra = Array.from({ length: 10 }, (_, i) => `- ${line(`x${i}`, "a")}`).join("");
    const asked = { mirrors: [us, aws], removalShare: 0.4 };
    assert.throws(
      () => planFiles(request(ten, asked), { request: request(ten, asked), incomplete: { us: extra, aws: extra } }),
      /would remove 10 of 20 files/,
    );
  });

  it("share 1 lets everything go, share 0 nothing", () => {
    planFiles(request("", { removalShare: 0, withdrawn: [...Array(10).keys()].map((n) => `f${n} x\n`).join("") }), {
      request: request(ten),
      incomplete: {},
    });
    planFiles(request("", { removalShare: 1 }), { request: request(ten), incomplete: {} });
    assert.throws(
      () => planFiles(request(without(1), { removalShare: 0 }), { request: request(ten), incomplete: {} }),
      RemovalRefused,
    );
    planFiles(request(ten, { removalShare: 0 }), { request: request(ten), incomplete: {} });
  });
});

describe("lines", () => {
  it("paths may hold spaces, even what looks like a digest", () => {
    const path = `a sha256:${hex("b")} c`;
    assert.deepEqual([...parseFileLines(line(path, "d"))], [[path, hex("d")]]);
  });

  it("all that are none are named at once", () => {
    const text = `${line("a", "a")}${line("a", "b")}b\nc sha256:${"A".repeat(64)}\n sha256:${hex("a")}\n`;
    assert.throws(
      () => parseFileLines(text),
      (error: Error) => {
        assert.equal(error.message.split("\n").length, 4);
        return true;
      },
    );
  });
});
