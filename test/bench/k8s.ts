/**
 * `npm run bench -- k8s [--data FOLDER] [--digests N] [--rounds N]`: the move of k8s.io at its size.
 *
 * - The import of a checkout (by default the one beside this repository, ../shared/data-k8s.io-2024; without it these parts are skipped, which
 *   is said), with the comparison of every name: seconds of the clock and of processors, memory at most.
 * - A preview of the result without a change, on the real engine: bench/preview.ts with these manifests.
 * - A first promotion of a sample of 500 digests, made for the purpose, to two registries: imported, promoted, compared.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { productionOf } from "../../components/commands/production.ts";
import { importK8s } from "../../components/manifests/import-k8s.ts";
import { readManifests } from "../../components/manifests/read.ts";
import { imagePromotion } from "../../components/promotion/images/images.ts";
import { makeK8sSample, samplePlaces } from "../support/k8s-sample.ts";
import { inspect, startRegistry } from "../support/registries.ts";

const root = join(import.meta.dirname, "../..");
const { values } = parseArgs({
  options: {
    data: { type: "string", default: join(root, "../shared/data-k8s.io-2024") },
    digests: { type: "string", default: "500" },
    rounds: { type: "string", default: "3" },
  },
});

/** Loaded into the import, prints what it used when it ends. */
const measuring = `data:text/javascript,process.once("exit",()=>{const u=process.resourceUsage();console.log("used "+((u.userCPUTime%2Bu.systemCPUTime)/1e6).toFixed(2)+" s, "+(u.maxRSS/1024).toFixed(0)+" MiB")})`;

const folder = await mkdtemp(join(tmpdir(), "bench-k8s-"));
try {
  if (existsSync(values.data)) await measureCheckout(values.data);
  else console.warn(`SKIPPED: ${values.data} is not here; no figures of the import and of the preview`);
  await measurePromotion(Number(values.digests));
} finally {
  await rm(folder, { recursive: true, force: true });
}

async function measureCheckout(data: string): Promise<void> {
  const manifests = join(folder, "manifests");
  const command = join(root, "components/commands/artifacts.mjs");
  const args = [command, "import", data, "--owners", "g@example.org", "--manifests", manifests, "--report"];
  const started = performance.now();
  const output = await run([`--import=${measuring}`, ...args]);
  const seconds = (performance.now() - started) / 1000;
  const [, cpu = "", mib = ""] = /^used ([\d.]+) s, ([\d.]+) MiB$/m.exec(output) ?? [];
  console.log(`figure: k8s.import.seconds = ${seconds.toFixed(2)} s`);
  console.log(`figure: k8s.import.cpu = ${cpu} s`);
  console.log(`figure: k8s.import.rss = ${mib} MiB`);
  for (const line of output.split("\n").filter((one) => /^(?:before|after|equal|\d+ lost)/.test(one)))
    console.log(line);
  assert.match(output, /^equal: /m);
  await run([join(root, "test/bench/preview.ts"), "--manifests", manifests, "--rounds", values.rounds], true);
}

async function measurePromotion(digests: number): Promise<void> {
  const registries = await Promise.all(["olareg", "olareg"].map(() => startRegistry("olareg")));
  const hosts = registries.map(({ host }) => host);
  const promotion = imagePromotion();
  try {
    const { checkout, pulled } = await makeK8sSample(digests, hosts[0]!);
    const { projects } = readManifests(importK8s(checkout, "g@example.org").texts);
    const { images } = productionOf(projects, samplePlaces(hosts[0]!, hosts), {});
    const context = { signal: new AbortController().signal, report: () => {} };
    const started = performance.now();
    const outcomes = await Promise.all(images.map((request) => promotion.promote(request, undefined, context)));
    const seconds = (performance.now() - started) / 1000;
    assert.deepEqual(
      outcomes.flatMap(({ failures }) => failures),
      [],
    );
    for (const host of hosts)
      for (const [repository, names] of Map.groupBy(pulled, ([name]) => name.slice(0, name.indexOf(":")))) {
        const { tags } = await inspect(host, `p/images/${repository}`);
        for (const [name, digest] of names) assert.equal(tags[name.slice(repository.length + 1)], digest, name);
      }
    console.log(`a first promotion of ${digests} digests under ${pulled.size} names to two registries`);
    console.log(`figure: k8s.promotion.first.seconds = ${seconds.toFixed(2)} s`);
  } finally {
    await promotion.close();
    await Promise.all(registries.map((registry) => registry.remove()));
  }
}

/** Runs a program of this repository to its end. Throws if it fails. @param shown whether its output is printed as it comes. */
function run(args: readonly string[], shown = false): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, { cwd: root, stdio: ["ignore", "pipe", "inherit"] });
    let output = "";
    child.stdout.on("data", (chunk: Buffer) => {
      output += chunk.toString();
      if (shown) process.stdout.write(chunk);
    });
    child.once("error", reject).once("close", (code) => {
      if (code === 0) resolve(output);
      else reject(new Error(`${args.join(" ")}: exit code ${code}\n${output.slice(-5000)}`));
    });
  });
}
