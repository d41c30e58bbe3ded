/**
 * The part of `npm run bench -- scale` on previews: a preview in which nothing changes, of the unchanged program on the real engine, at eight times the size
 * of k8s.io (864 projects, 99,200 digests). The promotions are recorded as done, as in bench/preview.ts, which says what that leaves out.
 */
import { generateManifests, k8sSize } from "../support/generate-manifests.ts";
import type { Drill } from "../support/rehearsal/drill.ts";
import { median } from "./median.ts";
import {
  type EngineRun,
  onRecordedStack,
  preview,
  processorSeconds,
  runEngine,
  withoutCheckpoints,
} from "./recorded-stack.ts";

const rounds = 3;

/** Measures after one preview that does not count; medians. */
export async function previewAtSize(times = 8): Promise<void> {
  const runs = await onRecordedStack(manifestsTimes(times), withoutCheckpoints, previews);
  const middle = (of: (run: EngineRun) => number) => median(runs.map(of));
  console.log(`figure: scale.preview.${times}x.seconds = ${middle(({ seconds }) => seconds).toFixed(1)} s`);
  console.log(`figure: scale.preview.${times}x.cpu-seconds = ${middle(processorSeconds).toFixed(1)} s`);
  console.log(`figure: scale.preview.${times}x.rss.mib = ${middle(({ mib }) => mib).toFixed(0)} MiB`);
}

async function previews(drill: Drill): Promise<EngineRun[]> {
  const runs: EngineRun[] = [];
  for (let round = 0; round <= rounds; round++) {
    const run = await runEngine(drill, [...preview, "--expect-no-changes"]);
    const parts = [...run.cpu].map(([part, seconds]) => `${part} ${seconds.toFixed(1)}`).join(", ");
    console.log(`  ${run.seconds.toFixed(1)} s; of processor time: ${parts}${round > 0 ? "" : " (does not count)"}`);
    if (round > 0) runs.push(run);
  }
  return runs;
}

/** So many organisations of k8s.io's size in one, with project names of their own. */
function manifestsTimes(times: number): Map<string, string> {
  const texts = new Map<string, string>();
  for (let copy = 0; copy < times; copy++) {
    const generated = generateManifests({ ...k8sSize, seed: copy + 1 });
    for (const [path, text] of generated) texts.set(copy === 0 ? path : `of${copy}-${path}`, text);
  }
  return texts;
}
