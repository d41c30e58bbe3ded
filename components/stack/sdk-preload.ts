/**
 * Runs before the SDK (`--import` in Pulumi.yaml's nodeargs) and keeps it from loading what serves functions that are sent to a cloud, and stacks
 * of calls in compiled TypeScript. This program has neither: Node runs its TypeScript as it is. It was half of the SDK's time to load, 0.45 s of
 * processor time in each command of the CLI. The SDK has no setting for it.
 */
import { createRequire, Module } from "node:module";
import { dirname } from "node:path";

/** What is not loaded: the module that requires it, and what it requires. */
const unused: readonly (readonly [by: string, name: string])[] = [
  ["@pulumi/pulumi/runtime/closure/codePaths.js", "@npmcli/arborist"],
  ["@pulumi/pulumi/runtime/closure/parseFunction.js", "../../typescript-shim"],
  // It looks up every call stack, one for each resource and promise, in source maps.
  ["@pulumi/pulumi/cmd/run/index.js", "source-map-support/register"],
];

const require = createRequire(import.meta.url);
for (const [by, name] of unused) leaveOut(by, name);

/** Puts an empty module where the SDK would load another. One that a later SDK no longer has is no error: the SDK then loads what it needs. */
function leaveOut(by: string, name: string): void {
  let file: string;
  try {
    file = createRequire(require.resolve(by)).resolve(name);
  } catch {
    return;
  }
  const empty = new Module(file);
  empty.filename = file;
  empty.paths = [dirname(file)];
  empty.loaded = true;
  require.cache[file] = empty;
}
