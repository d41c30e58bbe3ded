import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { realPause } from "../../../../components/promotion/provider/awaited-resource.ts";

describe("a resource that is waited for", () => {
  it("a wait that is stopped says so, and not what Node says of it", async () => {
    await assert.rejects(realPause(60_000, AbortSignal.abort(new Error("stopped"))), { message: "stopped" });
  });
});
