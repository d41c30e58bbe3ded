/** What a call of Cloud Run's API that gets no answer says. */
import assert from "node:assert/strict";
import { it } from "mocha";
import { z } from "zod";
import { CloudRunUnavailable, callCloudRun } from "../../../components/commands/cloud-run-call.ts";

it("no answer from several addresses is told with its cause", async () => {
  // Of a host with several addresses the error's own message is empty: it has one for each of them.
  const refused = Object.assign(new Error("connect ECONNREFUSED 192.0.2.1:443"), { code: "ECONNREFUSED" });
  const several = Object.assign(new AggregateError([refused], ""), { code: "ECONNREFUSED" });
  const { fetch } = globalThis;
  globalThis.fetch = () => Promise.reject(new TypeError("fetch failed", { cause: several }));
  try {
    const settings = { project: "p", runEndpoint: "http://127.0.0.1:1/v2/" };
    const call = { region: "r", path: "jobs/j:run", permission: "run.jobs.run", schema: z.unknown(), body: "{}" };
    await assert.rejects(callCloudRun(settings, call), (error) => {
      assert.ok(error instanceof CloudRunUnavailable);
      assert.equal(error.message, "http://127.0.0.1:1/v2/jobs/j:run: connect ECONNREFUSED 192.0.2.1:443");
      return true;
    });
  } finally {
    globalThis.fetch = fetch;
  }
});
