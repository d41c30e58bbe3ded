/**
 * `npm run bench -- k8s [--data FOLDER] [--digests N] [--rounds N] [--only up]`: the move of k8s.io at its size.
 *
 * - The import of a checkout (by default the one beside this repository, ../shared/data-k8s.io-2024; without it these parts are skipped, which
 *   is said), with the comparison of every name: seconds of the clock and of processors, memory at most.
 * - A preview of the result without a change, on the real engine: bench/preview.ts with these manifests.
 * - A first `pulumi up` of the unchanged program with a sample of 500 digests, made for the purpose, on the emulated clouds: imported, promoted,
 *   and each name pulled by its tag through the redirector.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { K8sDrill } from "../support/rehearsal/k8s-drill.ts";

const root = join(import.meta.dirname, "../..");
const { values } = parseArgs({
  options: {
    data: { type: "string", default: join(root, "../shared/data-k8s.io-2024") },
    digests: { type: "string", default: "500" },
    rounds: { type: "string", default: "3" },
    only: { type: "string" },
  },
});

/** Loaded into the import, prints what it used when it ends. */
const measuring = `data:text/javascript,process.once("exit",()=>{const u=process.resourceUsage();console.log("used "+((u.userCPUTime%2Bu.systemCPUTime)/1e6).toFixed(2)+" s, "+(u.maxRSS/1024).toFixed(0)+" MiB")})`;

const folder = await mkdtemp(join(tmpdir(), "bench-k8s-"));
try {
  if (values.only === "up") console.warn("SKIPPED: the import and the preview, because of --only up");
  else if (existsSync(values.data)) await measureCheckout(values.data);
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
  const k8s = await K8sDrill.open(digests, false);
  try {
    await k8s.run("npm run import -- <checkout of k8s.io> --owners g@example.org");
    await k8s.drill.configure(k8s.manifests);
    const started = performance.now();
    await k8s.drill.run("pulumi up");
    const seconds = (performance.now() - started) / 1000;
    await k8s.drill.run("pulumi preview --expect-no-changes");
    await k8s.assertServed(new URL(await k8s.drill.control.site("artifacts.example.org")).host);
    console.log(
      `a first \`pulumi up\` with ${digests} digests under ${k8s.sample.pulled.size} names, to two registries and three buckets; each pulled by its tag through the redirector`,
    );
    console.log(`figure: k8s.up.first.seconds = ${seconds.toFixed(2)} s`);
  } finally {
    await k8s.end();
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
