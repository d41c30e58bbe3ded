import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { approvalOf } from "../../../../components/promotion/trust/promotion-statements.ts";

const env = { GITHUB_SHA: "c0ffee", GITHUB_REPOSITORY: "example/artifacts", GITHUB_RUN_ID: "7" };
const base = "https://github.com/example/artifacts";

describe("the approval of a promotion", () => {
  const subjects: readonly (readonly [subject: string, pullRequest: string | undefined])[] = [
    ["tool: promote v1 (#12)", `${base}/pull/12`],
    ["Merge pull request #345 from example/v1\n\ntool: promote v1", `${base}/pull/345`],
    ["tool: promote v1 (#12), again", undefined],
    ["tool\n\nreverts (#12)", undefined],
    ["Merge pull request #x", undefined],
  ];
  for (const [message, pullRequest] of subjects)
    it(`${JSON.stringify(message)}: ${pullRequest ?? "no pull request"}`, () =>
      assert.deepEqual(approvalOf(env, { head_commit: { message } }), {
        commit: "c0ffee",
        ...(pullRequest && { pullRequest }),
        run: `${base}/actions/runs/7`,
      }));

  it("nothing outside of GitHub, and no pull request of an event without a commit", () => {
    assert.deepEqual(approvalOf({}, undefined), {});
    for (const event of [undefined, null, {}, { head_commit: null }, { head_commit: { message: 1 } }])
      assert.deepEqual(approvalOf(env, event), { commit: "c0ffee", run: `${base}/actions/runs/7` });
  });
});
