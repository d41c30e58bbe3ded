/**
 * `artifacts graph-record`: writes the graph of resources that the program of a checkout declares for its config and manifests, as JSON. It needs no engine,
 * credentials or cloud. A program that fails is a graph too: of its error.
 */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { parse } from "yaml";
import { recordedCloud } from "./emulated.ts";
import type { Graph } from "./graph.ts";
import { recordProgram } from "./record-program.ts";

const { values } = parseArgs({
  options: {
    root: { type: "string", default: "." },
    stack: { type: "string", default: "prod" },
    output: { type: "string", default: "graph.json" },
  },
});
const root = resolve(values.root);
const output = resolve(values.output);
const scratch = await mkdtemp(join(tmpdir(), "artifacts-graph-"));
try {
  await writeFile(output, JSON.stringify(await record(), null, 1));
} finally {
  await rm(scratch, { recursive: true });
}
// A program that leaves something running is recorded all the same.
process.exit();

async function record(): Promise<Graph> {
  try {
    const file = `Pulumi.${values.stack}.yaml`;
    const { config } = parse(await readFile(join(root, file), "utf8")) as { config: Record<string, unknown> };
    const archive = join(scratch, "redirector.tar.gz");
    await writeFile(archive, "stands for the built redirector");
    process.chdir(root); // the program reads its files from there
    const require = createRequire(join(root, "index.ts"));
    const loaded: unknown = await import(pathToFileURL(require.resolve("@pulumi/pulumi")).href);
    const sdk = loaded as Parameters<typeof recordProgram>[0];
    const { resources } = await recordProgram(
      sdk,
      () => import(pathToFileURL(join(root, "index.ts")).href) as Promise<Record<string, unknown>>,
      { ...config, "artifacts:redirectorArchive": archive },
      values.stack,
      recordedCloud(config),
    );
    return {
      resources: resources
        .filter(({ component }) => !component)
        .map(({ urn, formerUrns, type, name, inputs, protect }) => ({
          urn,
          formerUrns,
          type,
          name,
          inputs: withoutScratch(inputs),
          protect,
        })),
    };
  } catch (error) {
    return { failure: withoutScratch(error instanceof Error ? error.message : String(error)) };
  }
}

/** Paths of this run differ in every run. */
function withoutScratch<Value>(value: Value): Value {
  return JSON.parse(JSON.stringify(value).replaceAll(scratch, "").replaceAll(root, ".")) as Value;
}
