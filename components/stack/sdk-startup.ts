import type { Session } from "node:inspector";
import { createRequire } from "node:module";
import * as pulumi from "@pulumi/pulumi";
import { debugArgument } from "../plugin/debug-argument.ts";
import { convertPropertiesByCodec } from "./sdk-messages.ts";
import { makeOutputsOnDemand } from "./sdk-outputs.ts";

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
  if (!spared) {
    leaveOutComponentOutputs();
    rememberPromisesOnly();
    makeOutputsOnDemand();
    convertPropertiesByCodec();
    spared = true;
  }
  await disableDebugger();
}

/** Whether this process has these already: tests load the program many times. */
let spared = false;

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
 * The SDK remembers of each promise where it was made, and puts two behind it, to tell of those that never end. It tells of them as before, without where: for
 * that there is PULUMI_DEBUG_PROMISE_LEAKS.
 */
function rememberPromisesOnly(): void {
  const require = createRequire(import.meta.url);
  const debuggable = require("@pulumi/pulumi/runtime/debuggable.js") as Debuggable;
  if (debuggable.debugPromiseLeaks) return;
  const { getStore } = require("@pulumi/pulumi/runtime/state.js") as { getStore(): { leakCandidates: Set<unknown> } };
  const remember = debuggable.debuggablePromise;
  let first = true; // it also has the exit of the process watched
  debuggable.debuggablePromise = (promise, context) => {
    if (first) {
      first = false;
      return remember(promise, context);
    }
    const store = getStore();
    store.leakCandidates.add(promise);
    return promise.then(
      (value) => {
        store.leakCandidates.delete(promise);
        return value;
      },
      (error: unknown) => {
        store.leakCandidates.delete(promise);
        if (error instanceof Error) Reflect.set(error, "promise", promise);
        throw error;
      },
    );
  };
}

interface Debuggable {
  readonly debugPromiseLeaks: boolean;
  debuggablePromise: <T>(promise: Promise<T>, context: string) => Promise<T>;
}

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
