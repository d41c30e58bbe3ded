/**
 * `npm run bench -- trust [PART ...] [--rounds N]`: what trust costs.
 *
 *   verify     digests that one core judges in a second: of each a signature and SLSA provenance, keyless, with certificate, its log, transparency
 *              log and time; nothing is fetched
 *   promotion  50 signed images with provenance to two mirrors, with 50 ms of round trip to every registry: under a policy that requires both,
 *              against none; in turn, each time to empty registries; the ratio of the medians
 *   preview    `pulumi preview` without a change at k8s.io's size, with a policy of mode `warn`, against none: bench/preview.ts. In pairs; the ratios of the
 *              medians, of the clock and of processor time
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { imagePromotion } from "../../components/promotion/images/images.ts";
import type { Context, ImagesRequest, TrustSettings } from "../../components/promotion/run/request.ts";
import { judge, type TrustPolicy } from "../../components/promotion/trust/policy.ts";
import { readRoots } from "../../components/promotion/trust/roots.ts";
import { verifyBundle } from "../../components/promotion/trust/verify-bundle.ts";
import { type Pushed, Pusher, startRegistry } from "../support/registries.ts";
import { type TestSigstore, testIdentity, testIssuer, testSigstore } from "../support/sigstore.ts";
import { startRelayProcess } from "./delaying-relay.ts";
import { median } from "./median.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { rounds: { type: "string", default: "5" } },
});
const rounds = Number(values.rounds);
const parts = { verify: measureVerification, promotion: measurePromotion, preview: measurePreview };
const unknown = positionals.filter((part) => !(part in parts));
if (unknown.length > 0) throw new Error(`${unknown.join(", ")}: the parts are ${Object.keys(parts).join(", ")}`);
for (const [name, measure] of Object.entries(parts))
  if (positionals.length === 0 || positionals.includes(name)) await measure();

function policy(): TrustPolicy {
  return {
    mode: "require",
    signers: [{ identity: testIdentity, issuer: testIssuer }],
    provenance: { sources: ["https://github.com/example/*"] },
    predicates: [],
  };
}

/** What a project attaches to a digest: a signature and provenance. */
async function bundlesOf(sigstore: TestSigstore, digest: string): Promise<[type: string, bundle: string][]> {
  const slsa = "https://slsa.dev/provenance/v1";
  const workflow = { repository: "https://github.com/example/tool", ref: "refs/tags/v1", path: "release.yml" };
  const predicate = {
    buildDefinition: {
      buildType: "https://actions.github.io/buildtypes/workflow/v1",
      externalParameters: { workflow },
    },
    runDetails: { builder: { id: "https://github.com/actions/runner" } },
  };
  return [
    ["https://sigstore.dev/cosign/sign/v1", await sigstore.bundle({ digest })],
    [slsa, await sigstore.bundle({ digest, predicateType: slsa, predicate })],
  ];
}

async function measureVerification(): Promise<void> {
  const sigstore = await testSigstore();
  const trust = { roots: readRoots(sigstore.root), keys: [] };
  const digests = Array.from({ length: 20 }, (_, index) => `sha256:${index.toString(16).padStart(64, "0")}`);
  const attached = await Promise.all(
    digests.map(async (digest) => ({ digest, bundles: await bundlesOf(sigstore, digest) })),
  );
  const all = () => {
    for (const { digest, bundles } of attached) {
      const verified = bundles.map(([, bundle]) => verifyBundle(bundle, { digest }, trust));
      assert.equal(judge(policy(), verified).satisfied, true);
    }
  };
  const turns = 20;
  for (let turn = 0; turn < turns; turn++) all(); // the compiler's
  const before = process.cpuUsage();
  for (let turn = 0; turn < turns; turn++) all();
  const { user, system } = process.cpuUsage(before);
  const perSecond = (turns * digests.length) / ((user + system) / 1e6);
  console.log(`figure: trust.verify.digests-per-second = ${perSecond.toFixed(0)}`);
}

async function measurePromotion(): Promise<void> {
  const sigstore = await testSigstore();
  const folder = await mkdtemp(join(tmpdir(), "bench-trust-"));
  const staging = await startRegistry("olareg");
  const roundTrip = 50;
  try {
    const trustedRoot = join(folder, "trusted_root.json");
    await writeFile(trustedRoot, sigstore.root);
    const pusher = new Pusher(staging.host, "staging/app");
    const lines: string[] = [];
    for (let index = 0; index < 50; index++) {
      const image = await pusher.image();
      for (const [type, bundle] of await bundlesOf(sigstore, image.digest)) await attach(pusher, image, type, bundle);
      lines.push(`app:v${index} ${image.digest}\n`);
    }
    const far = await startRelayProcess(staging.host, roundTrip);
    const run = async (trust: TrustSettings | undefined): Promise<{ wall: number; cpu: number }> => {
      const registries = await Promise.all(["olareg", "olareg"].map(() => startRegistry("olareg")));
      const relays = await Promise.all(registries.map(({ host }) => startRelayProcess(host, roundTrip)));
      const promotion = imagePromotion();
      const context: Context = { signal: new AbortController().signal, report: () => {} };
      const request: ImagesRequest = {
        project: "bench",
        images: lines.sort().join(""),
        prefix: "bench",
        staging: `${far.host}/staging`,
        mirrors: relays.map(({ host }, index) => ({ name: `m${index}`, repository: `${host}/images` })),
        layerMirrors: [],
        mutableTags: [],
        removalShare: 1,
        ...(trust && { trust }),
        storage: {},
      };
      const before = process.cpuUsage();
      const started = performance.now();
      const { failures } = await promotion.promote(request, undefined, context);
      const wall = (performance.now() - started) / 1000;
      const { user, system } = process.cpuUsage(before);
      assert.deepEqual(failures, []);
      await promotion.close();
      for (const relay of relays) relay.close();
      await Promise.all(registries.map((registry) => registry.remove()));
      return { wall, cpu: (user + system) / 1e6 };
    };
    const text = ({ wall, cpu }: { wall: number; cpu: number }) =>
      `${wall.toFixed(2)} s (${cpu.toFixed(2)} s of a processor)`;
    const times = { without: [] as number[], with: [] as number[] };
    for (let round = 0; round <= rounds; round++) {
      const without = await run(undefined);
      const under = await run({ ...policy(), trustedRoot });
      console.log(`  without ${text(without)}, with ${text(under)}${round > 0 ? "" : " (does not count)"}`);
      if (round === 0) continue;
      times.without.push(without.wall);
      times.with.push(under.wall);
    }
    far.close();
    console.log(`figure: trust.promotion.vs-without = ${(median(times.with) / median(times.without)).toFixed(2)} x`);
  } finally {
    await staging.remove();
    await rm(folder, { recursive: true, force: true });
  }
}

async function attach(pusher: Pusher, subject: Pushed, predicate: string, bundle: string): Promise<void> {
  const type = "application/vnd.dev.sigstore.bundle.v0.3+json";
  await pusher.manifest({
    mediaType: "application/vnd.oci.image.manifest.v1+json",
    artifactType: type,
    config: { ...(await pusher.blob(Buffer.from("{}"))), mediaType: "application/vnd.oci.empty.v1+json" },
    layers: [{ ...(await pusher.blob(Buffer.from(bundle))), mediaType: type }],
    subject,
    annotations: { "dev.sigstore.bundle.predicateType": predicate },
  });
}

/** By the benchmark of previews, which prints the figures. */
async function measurePreview(): Promise<void> {
  const program = join(import.meta.dirname, "preview.ts");
  const child = spawn(process.execPath, [program, "--rounds", values.rounds, "--trust", "warn"], { stdio: "inherit" });
  const [code] = (await once(child, "exit")) as [number | null];
  assert.equal(code, 0, "the benchmark of previews failed");
}
