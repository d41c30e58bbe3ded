import type { Session } from "node:inspector";
import { createRequire } from "node:module";
import * as pulumi from "@pulumi/pulumi";

/**
 * Takes off what the SDK does for programs of other kinds, and each of a thousand resources pays for: a third of the program's processor time at
 * k8s.io's size. The SDK has no settings for it. Nothing is lost but its own messages under `--debug`. Called before the first resource.
 */
export async function trimSdkStartup(): Promise<void> {
  // Call stacks, asked for with every resource and promise, are looked up in source maps (source-map-support): nothing to learn there about
  // TypeScript that Node runs as it is.
  Reflect.deleteProperty(Error, "prepareStackTrace");
  // Every resource is reported to the engine three times, once with all its properties, for `--debug`: a call each, which waits for the last.
  Reflect.set(pulumi.log, "debug", () => Promise.resolve());
  await disableDebugger();
}

/**
 * V8's debugger is on, for the scripts' names in the code of dynamic providers, which this program has none of: as long as it is, each step of
 * a promise leaves the compiled code (V8's IsolatePromiseHookEnabledOrDebugIsActive).
 */
async function disableDebugger(): Promise<void> {
  const hooks = createRequire(import.meta.url)("@pulumi/pulumi/runtime/closure/v8Hooks.js") as Partial<V8Hooks>;
  const session = await hooks.getSessionAsync?.();
  session?.post("Debugger.disable");
}

interface V8Hooks {
  getSessionAsync(): Promise<Session>;
}
