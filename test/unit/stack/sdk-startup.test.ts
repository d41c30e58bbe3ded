import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { describe, it } from "mocha";
import { parse } from "yaml";

const run = promisify(execFile);
const module = new URL("../../../components/stack/sdk-startup.ts", import.meta.url).href;
const preload = new URL("../../../components/stack/sdk-preload.ts", import.meta.url).href;

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
    const pulumi = require("@pulumi/pulumi");
    const registers = (type) => {
      let asked = false;
      const component = Object.create(pulumi.ComponentResource.prototype, {
        __pulumiType: { value: type },
        __registered: { get: () => (asked = true) }, // it goes no further
      });
      component.registerOutputs({});
      return asked;
    };
    const ask = () => new Promise((done) => session.post("Debugger.setPauseOnExceptions", { state: "none" }, (error) => done(!error)));
    const state = async () => ({
      debugger: await ask(),
      debugMessages: /engine/i.test(log.debug.toString()),
      infoMessages: /engine/i.test(log.info.toString()),
      sourcePositions: pulumi.Resource.stackTrace(0).length > 0,
      componentOutputs: registers("a:b:C"),
      stackOutputs: registers("pulumi:pulumi:Stack"),
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
  it("turns off the debugger, debug messages, source positions and the outputs of components", async () => {
    assert.deepEqual(await trimmed(false), {
      debugger: false,
      debugMessages: false,
      infoMessages: true,
      sourcePositions: false,
      componentOutputs: false,
      stackOutputs: true,
    });
  });

  it("writes texts of any length to the engine with the same bytes as the SDK", async () => {
    const script = `
      import { createRequire } from "node:module";
      import { trimSdkStartup } from ${JSON.stringify(module)};
      const require = createRequire(${JSON.stringify(module)});
      const { Struct } = require("google-protobuf/google/protobuf/struct_pb.js");
      const { RegisterResourceRequest } = require("@pulumi/pulumi/proto/resource_pb.js");
      const texts = ["", "short", "x".repeat(256), "y".repeat(257), "é€𝄞".repeat(100), "line\\n".repeat(10_000)];
      const written = () => {
        const request = new RegisterResourceRequest();
        request.setName(texts[4]);
        request.setObject(Struct.fromJavaScript({ texts, [texts[3]]: texts[5] }));
        return Buffer.from(request.serializeBinary()).toString("base64");
      };
      const { writeString } = require("google-protobuf").BinaryWriter.prototype;
      const before = written();
      await trimSdkStartup(false);
      const own = require("google-protobuf").BinaryWriter.prototype.writeString !== writeString;
      process.stdout.write(JSON.stringify({ own, same: written() === before }));
      process.exit(0);
    `;
    const { stdout } = await run(process.execPath, ["--input-type=module", "--eval", script]);
    assert.deepEqual(JSON.parse(stdout), { own: true, same: true });
  });

  it("keeps debug messages under --debug", async () => {
    assert.deepEqual(await trimmed(true), {
      debugger: false,
      debugMessages: true,
      infoMessages: true,
      sourcePositions: false,
      componentOutputs: false,
      stackOutputs: true,
    });
  });

  it("loads nothing that serves functions sent to a cloud, other programs or traces, which its runner loads without the preload", async () => {
    const script = `
      import { createRequire } from "node:module";
      const require = createRequire(${JSON.stringify(module)});
      const loaded = (part) => Object.entries(require.cache).some(([file, { exports }]) => file.includes(part) && Object.keys(exports).length > 0);
      process.once("exit", () => {
        process.exitCode = 0;
        console.error(JSON.stringify({
          npm: loaded("/@npmcli/arborist/") || loaded("/normalize-package-data/"),
          compiler: loaded("/typescript/"),
          sourceMaps: loaded("/source-map-support/"),
          debugger: "getSessionAsync" in require("@pulumi/pulumi/runtime/closure/v8Hooks.js"),
          engines: loaded("/pulumi/automation/"),
          traces: loaded("/@opentelemetry/sdk-trace-base/"),
        }));
      });
      require("@pulumi/pulumi");
      require("@pulumi/pulumi/cmd/run/tracing.js");
      require("@pulumi/pulumi/cmd/run/index.js"); // ends the process with its usage: there are no arguments
    `;
    const loads = async (options: readonly string[], ...args: readonly string[]): Promise<unknown> => {
      const words = [...options, "--input-type=module", "--eval", script, "--", ...args];
      const { stderr } = await run(process.execPath, words);
      return JSON.parse(stderr.trim().split("\n").at(-1)!);
    };
    const all = { npm: true, compiler: true, sourceMaps: true, debugger: true, engines: true, traces: true };
    assert.deepEqual(await loads([]), all);
    const none = { npm: false, compiler: false, sourceMaps: false, debugger: false, engines: false, traces: false };
    assert.deepEqual(await loads(["--import", preload]), none);
    const traced = await loads(["--import", preload], "--tracing", "http://127.0.0.1:9");
    assert.deepEqual(traced, { ...none, traces: true }, "for who asks for traces");
  });

  it("is preloaded by Pulumi.yaml", async () => {
    const { runtime } = parse(await readFile("Pulumi.yaml", "utf8")) as { runtime: { options: { nodeargs: string } } };
    const [, path = ""] = /--import (\S+)/.exec(runtime.options.nodeargs) ?? [];
    assert.equal(pathToFileURL(path).href, preload);
  });
});
