/**
 * `npm run bench -- preview [--rounds N]`: how long a review waits: `pulumi preview` of the unchanged program on the real engine, with the
 * 22 + 6 regions of the organisation `big` (test/support/organisations) and manifests of k8s.io's size (108 projects, 12,400 digests, 5,140 files), on the emulated cloud.
 *
 * - "no change": nothing was changed. "one digest": one more in the largest project (9,000 digests), which the preview looks up in staging
 *   and whose tag it looks up in all 22 image mirrors.
 * - The state is that of a complete `up`. That `up` is real but for two things: the promotions are recorded as done in place of being
 *   carried out (`recording-provider.ts`), as there are no 12,400 images behind made-up digests; and it writes its state once, at the
 *   end (PULUMI_SKIP_CHECKPOINTS), where production checkpoints. The first preview after it, by the real provider, must find no change.
 * - What runs as the redirector answers its health check and nothing else: 22 real ones probing 50 mirrors would be measured too.
 * - The provider plugins of the clouds are the rehearsal's, small programs in Node. Real ones are large programs in Go, which need more
 *   memory, and less time for a resource; a preview asks the real clouds no more than these are asked: nothing.
 * - Node's cache of compiled modules is warm, as where previews are run often; a fresh runner has none.
 * - Processor time: of each process of the CLI's tree, as it was last seen before it ended; on a busy machine it says more than the clock.
 * - Memory: the most that the processes of a preview (CLI, language host, program, four plugins) had resident at one moment, in sum.
 *
 * Every kind in turn, after one round that does not count; medians.
 *
 * With `--trust MODE`: a second stack has a trust policy of this mode; "no change" only, of both in turn, the first of a pair by turns, and as figures the ratios of
 * medians: of the clock and of processor time (bench/trust.ts).
 *
 * With `--manifests FOLDER`: these in place of the made-up ones, and "no change" only, as figures with k8s before their names (bench/k8s.ts).
 */
import assert from "node:assert/strict";
import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Agent } from "undici";
import { manifestTexts } from "../../components/manifests/load.ts";
import { makeImage } from "../../local/seed/image.ts";
import { makeLayer } from "../../local/seed/layer.ts";
import { pushImage } from "../../local/seed/push-image.ts";
import { generateManifests, writeManifests } from "../support/generate-manifests.ts";
import { Drill } from "../support/rehearsal/drill.ts";
import { median } from "./median.ts";
import {
  type EngineRun,
  firstUp,
  preview,
  processorSeconds,
  productionSettings,
  recordingProject,
  runEngine,
} from "./recorded-stack.ts";

const { values } = parseArgs({
  options: { rounds: { type: "string", default: "5" }, manifests: { type: "string" }, trust: { type: "string" } },
});
const given = values.manifests;
const figures = given === undefined ? "preview" : "k8s.preview";
/** Whether a preview of one more digest is measured too. */
const withAddition = given === undefined;
const rounds = Number(values.rounds);

/** Whose digest is added: an image of one platform of the largest project. */
const image = "kube-0-amd64";
const tag = "v9.9.9";
/** One registry, one redirector in two revisions, for each region; and what is there once. */
const ports = 120;

const scratch = await mkdtemp(join(tmpdir(), "bench-preview-"));
try {
  const { trust } = values;
  await (trust === undefined
    ? withDrill(bench)
    : withDrill((drill) => withDrill((under) => compareTrust(drill, under, trust))));
} finally {
  await rm(scratch, { recursive: true, force: true });
}

async function withDrill(work: (drill: Drill) => Promise<void>): Promise<void> {
  const drill = await Drill.open({ ports, redirector: "stand-in" });
  try {
    await work(drill);
  } finally {
    await drill.end();
  }
}

/** A preview without a change under a trust policy, against one without. */
async function compareTrust(drill: Drill, under: Drill, mode: string): Promise<void> {
  // What the policy asks for does not matter: nothing is new.
  const signers = [{ identity: "release@example.org", issuer: "https://accounts.example.org" }];
  const manifests = join(scratch, "manifests");
  await writeManifests(manifests, generateManifests());
  const settings = await productionSettings();
  const recorded = await recordingProject(scratch);
  await firstUp(drill, recorded, manifests, settings);
  await firstUp(under, recorded, manifests, { ...settings, "artifacts:trust": { mode, signers } });
  const runs = { without: [] as EngineRun[], under: [] as EngineRun[] };
  const stacks = [
    ["without", drill],
    ["under", under],
  ] as const;
  for (let round = 0; round <= rounds; round++) {
    // Whoever comes second in a pair may find the machine warmer, or busier.
    for (const [kind, stack] of round % 2 === 0 ? stacks : stacks.toReversed()) {
      const ran = await runEngine(stack, [...preview, "--expect-no-changes"]);
      if (round > 0) runs[kind].push(ran);
      console.log(
        `  ${kind} ${ran.seconds.toFixed(2)} s (${processorSeconds(ran).toFixed(2)} s of a processor)${round > 0 ? "" : " (does not count)"}`,
      );
    }
  }
  for (const part of runs.without[0]!.cpu.keys()) {
    const [without, with_] = [runs.without, runs.under].map((all) => median(all.map(({ cpu }) => cpu.get(part) ?? 0)));
    console.log(`  processor time, ${part}: without ${without!.toFixed(2)} s, under the policy ${with_!.toFixed(2)} s`);
  }
  const ratio = (of: (ran: EngineRun) => number) =>
    (median(runs.under.map(of)) / median(runs.without.map(of))).toFixed(2);
  console.log(`figure: trust.preview.vs-without = ${ratio(({ seconds }) => seconds)} x`);
  console.log(`figure: trust.preview.processor-vs-without = ${ratio(processorSeconds)} x`);
}

async function bench(drill: Drill): Promise<void> {
  const [before, after] = [join(scratch, "manifests"), join(scratch, "manifests-after")];
  const texts = given === undefined ? generateManifests() : (await manifestTexts(given)).texts;
  await writeManifests(before, texts);
  const production = await productionSettings();
  const { resources, output } = await firstUp(drill, await recordingProject(scratch), before, production);
  assert.ok(resources > (given === undefined ? 1000 : 500), output);

  let digest = "";
  if (withAddition) {
    digest = await stageOneMore(drill, String(production["gcp:project"]));
    texts.set("kubernetes/images.yaml", withOneMore(texts.get("kubernetes/images.yaml")!, digest));
    await writeManifests(after, texts);
  }

  const noChange = async (): Promise<EngineRun> => {
    await drill.configure(before, production);
    return await runEngine(drill, [...preview, "--expect-no-changes"]);
  };
  const oneDigest = async (): Promise<EngineRun> => {
    await drill.configure(after, production);
    const ran = await runEngine(drill, preview);
    assert.match(ran.output, new RegExp(`\\+ ${image}:${tag} ${digest}`));
    assert.match(ran.output, /The run will:/);
    assert.match(ran.output, /~ 2 to update/);
    return ran;
  };
  const kinds = withAddition ? { nochange: noChange, onedigest: oneDigest } : { nochange: noChange };
  const runs: Record<string, EngineRun[]> = { nochange: [], onedigest: [] };
  for (let round = 0; round <= rounds; round++) {
    for (const [kind, measure] of Object.entries(kinds)) {
      const ran = await measure();
      if (round > 0) runs[kind]!.push(ran);
      console.log(
        `  ${kind} ${ran.seconds.toFixed(2)} s, ${ran.mib.toFixed(0)} MiB${round > 0 ? "" : " (does not count)"}`,
      );
    }
  }

  const seconds = median(runs["nochange"]!.map((ran) => ran.seconds));
  const state = await stat(join(drill.stack.folder, "state/.pulumi/stacks/artifacts/local.json"));
  console.log(`${resources} resources; ${((seconds / resources) * 1000).toFixed(1)} ms each`);
  const parts = [...runs["nochange"]![0]!.cpu.keys()].map(
    (part) => `${part} ${median(runs["nochange"]!.map(({ cpu }) => cpu.get(part) ?? 0)).toFixed(1)} s`,
  );
  console.log(`processor time, no change: ${parts.join(", ")}`);
  console.log(`figure: ${figures}.nochange.seconds = ${seconds.toFixed(2)} s`);
  if (withAddition)
    console.log(
      `figure: preview.onedigest.seconds = ${median(runs["onedigest"]!.map((ran) => ran.seconds)).toFixed(2)} s`,
    );
  console.log(`figure: ${figures}.rss.mib = ${median(runs["nochange"]!.map((ran) => ran.mib)).toFixed(0)} MiB`);
  console.log(`figure: ${figures}.state.mib = ${(state.size / 1024 ** 2).toFixed(2)} MiB`);
}

/** Puts an image into the largest project's staging area. @returns its digest. */
async function stageOneMore(drill: Drill, project: string): Promise<string> {
  const layer = await makeLayer("a layer", [{ path: "bin/program", content: "#!/bin/sh\n", mode: 0o755 }]);
  const { manifest, config } = makeImage({ os: "linux", architecture: "amd64" }, [layer], {
    entrypoint: ["/bin/program"],
    labels: {},
  });
  const { digest } = manifest;
  const releases = [{ digest, tags: [tag], promoted: true }];
  const demo = { name: image, blobs: [config, layer], manifests: [{ content: manifest, tags: [tag] }], releases };
  const registry = `127.0.0.1:${await drill.cloud.registry("us")}/${project}/staging-kubernetes`;
  const dispatcher = new Agent();
  await pushImage(dispatcher, demo, registry, () => {});
  await dispatcher.close();
  return digest;
}

function withOneMore(manifest: string, digest: string): string {
  const head = `- name: ${image}\n  dmap:\n`;
  assert.ok(manifest.includes(head));
  return manifest.replace(head, `${head}    "${digest}": ["${tag}"]\n`);
}
