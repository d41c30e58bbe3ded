import assert from "node:assert/strict";
import type { Session } from "node:inspector";
import { createRequire } from "node:module";
import * as pulumi from "@pulumi/pulumi";
import { it } from "mocha";
import { trimSdkStartup } from "../../../components/stack/sdk-startup.ts";

const require = createRequire(import.meta.url);

it("the SDK's debugger, debug messages and source maps are off: these are the SDK's own, which may change", async () => {
  // As the SDK's runner does before it starts the program (@pulumi/pulumi/cmd/run/index.js).
  const hooks = require("@pulumi/pulumi/runtime/closure/v8Hooks.js") as { getSessionAsync(): Promise<Session> };
  const session = await hooks.getSessionAsync();
  // A request that only an enabled debugger takes, and that changes nothing.
  const ask = (): Promise<void> =>
    new Promise((resolve, reject) => {
      session.post("Debugger.setPauseOnExceptions", { state: "none" }, (error) => (error ? reject(error) : resolve()));
    });
  await ask();
  const formatter = () => "";
  Error.prepareStackTrace = formatter;

  const { debug } = pulumi.log;
  await trimSdkStartup(true);
  assert.equal(pulumi.log.debug, debug, "under --debug the SDK's messages stay");
  await trimSdkStartup(false);

  await assert.rejects(ask(), /not enabled/);
  assert.notEqual(Error.prepareStackTrace, formatter);
  const log = require("@pulumi/pulumi/log/index.js") as typeof pulumi.log; // as the SDK's runtime sees it
  assert.equal(log.debug, pulumi.log.debug);
  assert.equal(await log.debug("nobody reads this"), undefined);
  assert.doesNotMatch(log.debug.toString(), /engine/i);
  assert.match(log.info.toString(), /engine/i);
});
