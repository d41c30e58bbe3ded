/** The unchanged program on the real engine, for a large organisation, with the promotions recorded as done in place of being carried out. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseDocument } from "yaml";
import { projectRoot } from "../../local/tools/rehearsal-folder.ts";
import { ensureEngine } from "../../local/tools/tools.ts";
import { writeManifests } from "../support/generate-manifests.ts";
import { organisation } from "../support/organisations/organisation.ts";
import { Drill } from "../support/rehearsal/drill.ts";
import { type TreeUse, watchTree } from "./process-tree.ts";

/** All settings of the organisation `big` but the place of the manifests; the rest, such as where the emulated clouds are, is the rehearsal's. */
export async function productionSettings(): Promise<Readonly<Record<string, unknown>>> {
  const { "artifacts:manifests": _, ...settings } = (await organisation("big")).config;
  return settings;
}

/** Makes a bucket as somebody else has: the state's is there before the program. */
async function makeBucket(drill: Drill, name: string): Promise<void> {
  const bucket = {
    type: "gcp:storage/bucket:Bucket",
    id: name,
    inputs: { project: "bootstrap", name, location: "US" },
    computed: {},
    config: {},
  };
  const body = JSON.stringify(bucket);
  const answer = await fetch(`${drill.cloud.control}/v1/resources`, { method: "POST", body });
  assert.equal(answer.status, 201, await answer.text());
}

/** Makes a folder, below another, with the project's Pulumi.yaml but another provider of promotion. */
export async function recordingProject(scratch: string): Promise<string> {
  const folder = join(scratch, "recording");
  await mkdir(folder);
  const plugin = join(folder, "pulumi-resource-promotion");
  const provider = join(import.meta.dirname, "recording-provider.ts");
  await writeFile(plugin, `#!/bin/sh\nexec '${process.execPath}' '${provider}' "$@"\n`);
  await chmod(plugin, 0o755);
  const project = parseDocument(await readFile(join(projectRoot, "Pulumi.yaml"), "utf8"));
  project.set("main", join(projectRoot, "index.ts"));
  project.setIn(["plugins", "providers", 0, "path"], folder);
  await writeFile(join(folder, "Pulumi.yaml"), project.toString());
  return folder;
}

/** A run of the CLI. */
export interface EngineRun extends TreeUse {
  readonly seconds: number;
  readonly output: string;
}

/**
 * Runs the CLI on the drill's stack to its end. Throws if it fails.
 * @param settings environment variables.
 */
export async function runEngine(
  drill: Drill,
  args: readonly string[],
  settings: Readonly<Record<string, string>> = withoutCheckpoints,
): Promise<EngineRun> {
  const { path } = await ensureEngine(() => {});
  const stack = ["--stack", "local", "--config-file", join(drill.stack.folder, "Pulumi.local.yaml")];
  const started = performance.now();
  const child = spawn(path, [...args, ...stack], {
    cwd: projectRoot,
    env: { ...drill.stack.environment(), ...settings },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => (output += chunk.toString()));
  const ended = new Promise<number>((resolve, reject) => {
    child.once("error", reject).once("close", (code) => {
      seconds = (performance.now() - started) / 1000;
      resolve(code ?? 1);
    });
  });
  let seconds = 0;
  const use = await watchTree(child.pid!, ended, partOf);
  const code = await ended;
  assert.equal(code, 0, `pulumi ${args.join(" ")}: exit code ${code}\n${output.slice(-20_000)}`);
  return { seconds, output, ...use };
}

/** A first `up`, and how many resources it made. */
export interface FirstUp extends EngineRun {
  readonly resources: number;
}

/**
 * Runs a first `up`, with the promotions recorded as done.
 * @param recorded made by {@link recordingProject}.
 * @param environment of the engine.
 */
export async function firstUp(
  drill: Drill,
  recorded: string,
  manifests: string,
  settings: Readonly<Record<string, unknown>>,
  environment: Readonly<Record<string, string>> = withoutCheckpoints,
): Promise<FirstUp> {
  await drill.configure(manifests, settings);
  await makeBucket(drill, String(settings["artifacts:stateBucket"]));
  const options = ["--yes", "--skip-preview", "--suppress-outputs", "--suppress-progress", "--color", "never"];
  const run = await runEngine(drill, ["-C", recorded, "up", ...options], environment);
  const resources = Number(/\+ (\d+) created/.exec(run.output)?.[1]);
  assert.ok(resources > 0, run.output);
  console.log(`  a first \`pulumi up\` of ${resources} resources: ${run.seconds.toFixed(1)} s`);
  return { ...run, resources };
}

/**
 * Runs a first `up` of these manifests on clouds of their own, uses the stack, and removes all.
 * @param texts of the manifests, by path.
 * @param environment of the engine at the first `up`.
 */
export async function onRecordedStack<Result>(
  texts: ReadonlyMap<string, string>,
  environment: Readonly<Record<string, string>>,
  use: (drill: Drill, up: FirstUp) => Result | Promise<Result>,
): Promise<Result> {
  const scratch = await mkdtemp(join(tmpdir(), "bench-recorded-"));
  try {
    const drill = await Drill.open({ ports: 120, redirector: "stand-in" });
    try {
      const manifests = join(scratch, "manifests");
      await writeManifests(manifests, texts);
      const recorded = await recordingProject(scratch);
      return await use(drill, await firstUp(drill, recorded, manifests, await productionSettings(), environment));
    } finally {
      await drill.end();
    }
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/** The command of the workflow that previews. */
export const preview = ["preview", "--diff", "--color", "never", "--non-interactive", "--suppress-progress"] as const;

/** Processor time of all processes of a run. */
export function processorSeconds({ cpu }: TreeUse): number {
  return [...cpu.values()].reduce((sum, seconds) => sum + seconds, 0);
}

/** The state is written once, at the end. */
export const withoutCheckpoints = { PULUMI_SKIP_CHECKPOINTS: "true" };

/** Which part of a run a process is. */
function partOf(commandLine: string): string {
  if (/cmd\/run\/index\.js/.test(commandLine)) return "program";
  if (/language-host/.test(commandLine)) return "language host";
  if (/promotion\/provider|recording-provider/.test(commandLine)) return "promotion";
  const cloud = /providers\/(\w+)\.ts/.exec(commandLine)?.[1];
  return cloud ?? "CLI";
}
