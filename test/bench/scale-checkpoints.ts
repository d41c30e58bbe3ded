/**
 * The part of `npm run bench -- scale` on checkpoints: a first `pulumi up` at the size of k8s.io with the settings of deploy.yml, against one that writes
 * its state once, at the end. The promotions are recorded as done, so what differs is what the engine spends on its state.
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { parse } from "yaml";
import { projectRoot } from "../../local/tools/rehearsal-folder.ts";
import { generateManifests } from "../support/generate-manifests.ts";
import { type EngineRun, onRecordedStack, withoutCheckpoints } from "./recorded-stack.ts";

/** Measures both, each on clouds of its own. */
export async function checkpoints(): Promise<void> {
  const once = await measured(withoutCheckpoints);
  const often = await measured(await deploySettings());
  for (const [name, run] of [
    ["once", once],
    ["checkpoints", often],
  ] as const) {
    console.log(
      `  ${name}: ${run.seconds.toFixed(1)} s; CLI ${(run.cpu.get("CLI") ?? 0).toFixed(1)} s of processor time`,
    );
  }
  console.log(`figure: scale.up.seconds = ${often.seconds.toFixed(1)} s`);
  console.log(`figure: scale.up.checkpoints.ratio = ${(often.seconds / once.seconds).toFixed(2)} x`);
}

/** The engine's settings in the workflow that deploys. */
async function deploySettings(): Promise<Record<string, string>> {
  const text = await readFile(join(projectRoot, ".github/workflows/deploy.yml"), "utf8");
  const { jobs } = parse(text) as { jobs: Record<string, { steps?: { env?: Record<string, unknown> }[] }> };
  const settings = Object.values(jobs).flatMap(({ steps = [] }) =>
    steps.flatMap(({ env = {} }) => Object.entries(env)),
  );
  return Object.fromEntries(
    settings.filter(([name]) => /^PULUMI_|^GOGC$/.test(name)).map(([name, value]) => [name, String(value)]),
  );
}

async function measured(settings: Readonly<Record<string, string>>): Promise<EngineRun> {
  return await onRecordedStack(generateManifests(), settings, (_, up) => up);
}
