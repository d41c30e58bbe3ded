import assert from "node:assert/strict";
import { it } from "mocha";
import { UsageError } from "../../../components/commands/command.ts";
import { inShard, linesInShard, parseShard } from "../../../components/commands/shard.ts";

it("parts as the caller says, else as Cloud Run says, else all", () => {
  assert.deepEqual(parseShard("3/20", {}), { index: 3, count: 20 });
  const task = { CLOUD_RUN_TASK_INDEX: "0", CLOUD_RUN_TASK_COUNT: "4" };
  assert.deepEqual(parseShard(undefined, task), { index: 1, count: 4 });
  assert.deepEqual(parseShard("2/2", task), { index: 2, count: 2 });
  assert.deepEqual(parseShard(undefined, {}), { index: 1, count: 1 });
  for (const wrong of ["", "3", "0/3", "4/3", "a/b", "1/0", "-1/3"]) {
    assert.throws(() => parseShard(wrong, {}), UsageError, wrong);
  }
  for (const index of ["4", "", "x"]) {
    const environment = { CLOUD_RUN_TASK_INDEX: index, CLOUD_RUN_TASK_COUNT: "4" };
    assert.throws(() => parseShard(undefined, environment), /CLOUD_RUN_TASK_INDEX/, index);
  }
});

it("every thing is in exactly one part, and the parts are about equal", () => {
  const counts = [0, 0, 0, 0];
  for (let i = 0; i < 4_000; i++) {
    const parts = counts.map((_, n) => inShard({ index: n + 1, count: 4 }, "kops", `thing-${i}`));
    assert.equal(parts.filter(Boolean).length, 1);
    counts[parts.indexOf(true)]!++;
  }
  assert.ok(
    counts.every((count) => count > 850 && count < 1_150),
    String(counts),
  );
});

it("an image's lines stay together, missing and extra", () => {
  const hex = `sha256:${"a".repeat(64)}`;
  const images = `+ a/b:v1 ${hex}\n- a/b:v2 ${hex}\n+ a/b@${hex} ${hex}\n+ c:v1 ${hex}\n`;
  const parts = [1, 2, 3].map((index) => linesInShard({ index, count: 3 }, "p", "images", images));
  assert.deepEqual(parts.join("").split("\n").sort(), images.split("\n").sort());
  assert.ok(parts.some((part) => part.includes("a/b:v1") && part.includes("a/b:v2") && part.includes("a/b@")));
  const files = `+ a b:c@d ${hex}\n- e ${hex}\n`;
  const both = [1, 2].map((index) => linesInShard({ index, count: 2 }, "p", "files", files));
  assert.deepEqual(both.join("").split("\n").sort(), files.split("\n").sort());
});
