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

  it("writes and reads properties as the generated classes do", async () => {
    const script = `
      import { createRequire } from "node:module";
      import { isDeepStrictEqual } from "node:util";
      import { trimSdkStartup } from ${JSON.stringify(module)};
      const require = createRequire(${JSON.stringify(module)});
      const { Struct } = require("google-protobuf/google/protobuf/struct_pb.js");
      const { RegisterResourceRequest, RegisterResourceResponse } = require("@pulumi/pulumi/proto/resource_pb.js");
      const texts = ["", "short", "x".repeat(257), "é€𝄞".repeat(100), "line\\n".repeat(10_000)];
      const properties = { texts, [texts[3]]: texts[4], none: null, yes: true, no: false, numbers: [0, -1.5, 2e9], map: { z: 1, "": {}, list: [[]] } };
      const written = () => {
        const request = new RegisterResourceRequest();
        request.setName("name");
        request.setObject(Struct.fromJavaScript(properties));
        request.setVersion("1.2.3");
        return request.serializeBinary();
      };
      const answered = (object) => {
        const response = new RegisterResourceResponse();
        response.setUrn("urn");
        response.setObject(object);
        response.setResult(2);
        return response.serializeBinary();
      };
      const fields = (bytes) => {
        const request = RegisterResourceRequest.deserializeBinary(bytes);
        return [request.getName(), request.getObject().toJavaScript(), request.getVersion()];
      };
      const [theirs, answer] = [written(), answered(Struct.fromJavaScript(properties))];
      const { serializeBinaryToWriter, deserializeBinaryFromReader } = Struct;
      await trimSdkStartup(false);
      const ours = written();
      const response = RegisterResourceResponse.deserializeBinary(answer);
      const entry = response.getObject().getFieldsMap().get("yes").toJavaScript();
      const again = answered(response.getObject());
      const own = Struct.serializeBinaryToWriter !== serializeBinaryToWriter && Struct.deserializeBinaryFromReader !== deserializeBinaryFromReader;
      const readByOurs = fields(theirs);
      const order = Object.keys(fields(ours)[1].map); // the engine writes a map in any order
      Object.assign(Struct, { serializeBinaryToWriter, deserializeBinaryFromReader });
      const expected = ["name", properties, "1.2.3"];
      process.stdout.write(JSON.stringify({
        own,
        sameSize: ours.length === theirs.length,
        writes: isDeepStrictEqual(fields(ours), expected),
        reads: isDeepStrictEqual(readByOurs, expected),
        answer: [response.getUrn(), response.getResult(), isDeepStrictEqual(response.getObject().toJavaScript(), properties), entry],
        handsOn: again.length === answer.length,
        order,
      }));
      process.exit(0);
    `;
    const { stdout } = await run(process.execPath, ["--input-type=module", "--eval", script]);
    assert.deepEqual(JSON.parse(stdout), {
      own: true,
      sameSize: true,
      writes: true,
      reads: true,
      answer: ["urn", 2, true, true],
      handsOn: true,
      order: ["", "list", "z"],
    });
  });

  /** What a program says of its resources, and its exit code. */
  async function resources(program: string): Promise<{ code: number; said: unknown; errors: string }> {
    const script = `
      import { createRequire } from "node:module";
      import { trimSdkStartup } from ${JSON.stringify(module)};
      const pulumi = createRequire(${JSON.stringify(module)})("@pulumi/pulumi");
      await trimSdkStartup(false);
      await pulumi.runtime.setMocks({
        newResource: ({ name, inputs }) => {
          if (name === "refused") throw new Error("it is refused");
          return { id: name + "-id", state: { ...inputs, made: "by the cloud" } };
        },
        call: () => ({}),
      });
      class Thing extends pulumi.CustomResource {
        constructor(name, inputs) {
          super("a:b:Thing", name, { ...inputs, made: undefined, never: undefined });
        }
      }
      const isMade = (thing, name) => "value" in Object.getOwnPropertyDescriptor(thing, name);
      const say = (what) => process.stdout.write(JSON.stringify(what));
      ${program}
    `;
    const child = run(process.execPath, ["--input-type=module", "--eval", script]);
    const { stdout, stderr } = await child.catch((error: { stdout: string; stderr: string }) => error);
    return { code: child.child.exitCode ?? -1, said: stdout === "" ? undefined : JSON.parse(stdout), errors: stderr };
  }

  it("makes an output when it is read, before or after the resource is registered", async () => {
    const { code, said, errors } = await resources(`
      const first = new Thing("first", { size: 1 });
      const second = new Thing("second", { size: first.size.apply((size) => size + 1), other: first.made });
      const early = second.size;
      await second.urn.promise();
      await new Promise((done) => setImmediate(done));
      const made = Object.keys(second).filter((name) => isMade(second, name));
      const [size, late, never] = [await early.promise(), await second.other.promise(), await second.never.promise()];
      const [id, dependsOn] = [await second.id.promise(), [...second.made.resources()].map((of) => of === second)];
      second.made = "as it is set";
      say({ size, late, never: never ?? null, id, dependsOn, once: second.size === early, made: made.includes("other"), early: made.includes("size"), set: second.made, known: await second.never.isKnown });
    `);
    assert.deepEqual([code, errors], [0, ""]);
    assert.deepEqual(said, {
      size: 2,
      late: "by the cloud",
      never: null,
      id: "second-id",
      dependsOn: [true],
      once: true,
      made: false,
      early: true,
      set: "as it is set",
      known: true,
    });
  });

  it("fails a program whose resource is refused, though nobody reads its outputs", async () => {
    const { code, errors } = await resources(`new Thing("refused", {});`);
    assert.equal(code, 1);
    assert.match(errors, /it is refused/);
  });

  it("fails a program that ends before its promises, as the SDK does", async () => {
    const waiting = `new Thing("waiting", { unready: new Promise(() => {}) });`;
    const { code, errors } = await resources(waiting);
    assert.equal(code, 1);
    assert.match(errors, /still active/);
    assert.equal((await resources(`new Thing("done", { now: Promise.resolve(1) });`)).code, 0);
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
