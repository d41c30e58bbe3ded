import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { describe, it } from "mocha";

const run = promisify(execFile);
const module = new URL("../../../components/stack/sdk-startup.ts", import.meta.url).href;

/**
 * What is on before and after, in a process of its own: the SDK's state is the process's. The script does what the SDK's runner does before it
 * starts a program (@pulumi/pulumi/cmd/run/index.js).
 */
async function trimmed(debug: boolean): Promise<Record<string, boolean>> {
  const script = `
    import { createRequire } from "node:module";
    import { trimSdkStartup } from ${JSON.stringify(module)};
    const require = createRequire(${JSON.stringify(module)});
    const log = require("@pulumi/pulumi/log/index.js");
    const hooks = require("@pulumi/pulumi/runtime/closure/v8Hooks.js");
    const session = await hooks.getSessionAsync();
    // A request that only an enabled debugger takes, and that changes nothing.
    const ask = () => new Promise((done) => session.post("Debugger.setPauseOnExceptions", { state: "none" }, (error) => done(!error)));
    const formatter = () => "";
    Error.prepareStackTrace = formatter;
    const state = async () => ({
      debugger: await ask(),
      sourceMaps: Error.prepareStackTrace === formatter,
      debugMessages: /engine/i.test(log.debug.toString()),
      infoMessages: /engine/i.test(log.info.toString()),
    });
    const before = await state();
    if (!Object.values(before).every(Boolean)) throw new Error("the SDK has changed: " + JSON.stringify(before));
    await trimSdkStartup(${debug});
    process.stdout.write(JSON.stringify(await state()));
    process.exit(0);
  `;
  const { stdout } = await run(process.execPath, ["--input-type=module", "--eval", script]);
  return JSON.parse(stdout) as Record<string, boolean>;
}

describe("the SDK's start-up, which depends on its internal files", () => {
  it("turns off the debugger, debug messages and source maps", async () => {
    assert.deepEqual(await trimmed(false), {
      debugger: false,
      sourceMaps: false,
      debugMessages: false,
      infoMessages: true,
    });
  });

  it("keeps debug messages under --debug", async () => {
    assert.deepEqual(await trimmed(true), {
      debugger: false,
      sourceMaps: false,
      debugMessages: true,
      infoMessages: true,
    });
  });
});
