import type { Session } from "node:inspector";
import { createRequire } from "node:module";
import * as pulumi from "@pulumi/pulumi";
import { debugArgument } from "../plugin/debug-argument.ts";

/**
 * Turns off work of the SDK that this program does not need, and what it would put into the state that nobody reads: the engine writes the whole state
 * twice for each resource that it changes. Together with source maps (sdk-preload.ts) it took a third of
 * the program's processor time for a thousand resources, k8s.io's size. The SDK has no settings for it. Call it before the first resource is
 * registered.
 * @param debug `pulumi` was started with `--debug`: the SDK's debug messages stay on.
 */
export async function trimSdkStartup(debug: boolean = debugArgument()): Promise<void> {
  // The SDK reports every resource to the engine three times, once with all its properties; each call waits for the one before. The engine
  // shows these messages under `--debug` only.
  if (!debug) Reflect.set(pulumi.log, "debug", () => Promise.resolve());
  leaveOutSourcePositions();
  leaveOutComponentOutputs();
  writeLongTextsAsBytes();
  await disableDebugger();
}

/** Where in the program each resource was made: a twelfth of the state of a resource, by the paths of the machine that deployed it. */
function leaveOutSourcePositions(): void {
  Reflect.set(pulumi.Resource, "stackTrace", () => []);
}

/**
 * What components register is shown by the console of Pulumi's own service only. The engine would write its state a third time for each of them. The
 * stack is a component too, whose outputs stay.
 */
function leaveOutComponentOutputs(): void {
  const component = pulumi.ComponentResource.prototype;
  const register: unknown = Reflect.get(component, "registerOutputs");
  Reflect.set(component, "registerOutputs", function (this: pulumi.ComponentResource, outputs: unknown) {
    if (Reflect.get(this, "__pulumiType") === "pulumi:pulumi:Stack")
      Reflect.apply(register as () => void, this, [outputs]);
  });
}

/**
 * The SDK writes a text to the engine character by character, into an array. The lines of a project's images are long: as the bytes that they are, they take a
 * fifth of the processor time.
 */
function writeLongTextsAsBytes(): void {
  const { prototype } = (createRequire(import.meta.url)("google-protobuf") as typeof import("google-protobuf"))
    .BinaryWriter;
  const write = prototype.writeString;
  prototype.writeString = function (field, value) {
    if (value !== undefined && value.length > longText) this.writeBytes(field, Buffer.from(value));
    else write.call(this, field, value);
  };
}

/** Characters above which the bytes of a text are not worth an array. */
const longText = 256;

/**
 * The SDK turns on V8's debugger to find the names of scripts in dynamic providers, which this program does not use.
 * While it is on, each promise step leaves compiled code (V8's IsolatePromiseHookEnabledOrDebugIsActive).
 */
async function disableDebugger(): Promise<void> {
  const hooks = createRequire(import.meta.url)("@pulumi/pulumi/runtime/closure/v8Hooks.js") as Partial<V8Hooks>;
  const session = await hooks.getSessionAsync?.();
  session?.post("Debugger.disable");
}

interface V8Hooks {
  getSessionAsync(): Promise<Session>;
}
