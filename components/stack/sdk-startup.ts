import type { Session } from "node:inspector";
import { createRequire } from "node:module";
import * as pulumi from "@pulumi/pulumi";
import { debugArgument } from "../plugin/debug-argument.ts";

/**
 * Turns off what the SDK does for programs of other kinds: a third of the program's processor time with the thousand resources of k8s.io's
 * size. The SDK has no settings for it. Called before the first resource.
 * @param debug `pulumi` was started with `--debug`: the SDK's debug messages stay on.
 */
export async function trimSdkStartup(debug: boolean = debugArgument()): Promise<void> {
  // source-map-support looks up every call stack, one for each resource and promise, in source maps. Node runs this TypeScript as it is:
  // there are none.
  Reflect.deleteProperty(Error, "prepareStackTrace");
  // The SDK reports every resource to the engine three times, once with all its properties; each call waits for the one before. The engine
  // shows these messages under `--debug` only.
  if (!debug) Reflect.set(pulumi.log, "debug", () => Promise.resolve());
  await disableDebugger();
}

/**
 * The SDK turns on V8's debugger to find the names of scripts in dynamic providers, which this program does not have. While it is on, each
 * step of a promise leaves the compiled code (V8's IsolatePromiseHookEnabledOrDebugIsActive).
 */
async function disableDebugger(): Promise<void> {
  const hooks = createRequire(import.meta.url)("@pulumi/pulumi/runtime/closure/v8Hooks.js") as Partial<V8Hooks>;
  const session = await hooks.getSessionAsync?.();
  session?.post("Debugger.disable");
}

interface V8Hooks {
  getSessionAsync(): Promise<Session>;
}
