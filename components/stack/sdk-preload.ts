/**
 * Runs before the SDK (`--import` in Pulumi.yaml's nodeargs) and keeps it from loading what serves functions that are sent to a cloud, stacks
 * of calls in compiled TypeScript, programs that drive the engine, and traces that nobody asked for. This program has none of them: Node runs its
 * TypeScript as it is. It was two thirds of the SDK's time to load, 0.55 s of processor time in each command of the CLI. The SDK has no setting
 * for it.
 */
import { createRequire, Module } from "node:module";
import { dirname } from "node:path";

/** What is not loaded: the module that requires it, what it requires, and what stands in its place. */
const unused: readonly (readonly [by: string, name: string, exports?: object])[] = [
  ["@pulumi/pulumi/runtime/closure/codePaths.js", "@npmcli/arborist"],
  ["@pulumi/pulumi/runtime/closure/codePaths.js", "normalize-package-data"],
  ["@pulumi/pulumi/runtime/closure/parseFunction.js", "../../typescript-shim"],
  ["@pulumi/pulumi/index.js", "./automation"],
  // It looks up every call stack, one for each resource and promise, in source maps.
  ["@pulumi/pulumi/cmd/run/index.js", "source-map-support/register"],
  // It turns on V8's debugger, which tells it of each script that is loaded before and after, and waits until it has been told.
  [
    "@pulumi/pulumi/cmd/run/index.js",
    "../../runtime/closure/v8Hooks.js",
    { isInitializedAsync: () => Promise.resolve() },
  ],
];

/** What the SDK loads to send traces of the program, whether or not somebody asks for them (`pulumi --tracing`). */
const traces = [
  "@opentelemetry/exporter-zipkin",
  "@opentelemetry/instrumentation",
  "@opentelemetry/instrumentation-grpc",
  "@opentelemetry/resources",
  "@opentelemetry/sdk-trace-base",
  "@opentelemetry/sdk-trace-node",
];

const require = createRequire(import.meta.url);
for (const [by, name, exports] of unused) leaveOut(by, name, exports);
const traced = process.argv.some((argument) => argument.startsWith("--tracing")) || process.env["TRACEPARENT"];
if (!traced) for (const name of traces) leaveOut("@pulumi/pulumi/cmd/run/tracing.js", name);

/** Puts an empty module, or one with these exports, where the SDK would load another. One that a later SDK no longer has is no error: the SDK then loads what it needs. */
function leaveOut(by: string, name: string, exports: object = {}): void {
  let file: string;
  try {
    file = createRequire(require.resolve(by)).resolve(name);
  } catch {
    return;
  }
  const empty = new Module(file);
  empty.filename = file;
  empty.paths = [dirname(file)];
  empty.exports = exports;
  empty.loaded = true;
  require.cache[file] = empty;
}
