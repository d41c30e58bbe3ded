import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { parseArgs, promisify } from "node:util";
import { buildRedirector } from "../../redirector/build.ts";
import { caseRanges } from "../support/redirector/cases.ts";
import { startRedirector, unpack } from "../support/redirector-process.ts";
import { startMirror } from "../support/switchable-mirror.ts";

/**
 * `node test/bench/redirector-faults.ts [--seconds 60]`: the deployed redirector under wrk's full load with 64 connections while the
 * world around it fails: the near mirror killed and brought back, its probes slow, the bucket slow, the near mirror failing for what
 * it holds while its probes succeed, then SIGTERM. Prints where requests went, second by second, and ends with 1 if the redirector
 * itself ever answered 5xx or requests did not move within the stated time.
 */

const { values } = parseArgs({ options: { seconds: { type: "string", default: "60" } } });
const seconds = Number(values.seconds);
const health = { intervalSeconds: 2, recheckSeconds: 0.5, timeoutSeconds: 1, unhealthyAfter: 3, healthyAfter: 2 };
/** As redirector/mirrors/health.ts states it. */
const leftWithin = 1.2 * health.intervalSeconds + 3 * health.timeoutSeconds + 1.2 * 2 * health.recheckSeconds;

const requests = `
local n = 0
local manifest = wrk.format("GET", "/v2/pause/manifests/3.9", { ["Host"] = "x", ["X-Forwarded-For"] = "8.8.8.8,10.0.0.1" })
request = function()
  n = n + 1
  if n % 10 > 0 then return manifest end
  local layer = string.format("%064x", n % 100 == 0 and n or n % 1000)
  return wrk.format("GET", "/v2/pause/blobs/sha256:" .. layer, { ["Host"] = "x", ["X-Forwarded-For"] = "35.180.1.1,10.0.0.1" })
end
`;

const folder = await mkdtemp(path.join(tmpdir(), "redirector-faults-"));
const [near, far, bucket] = await Promise.all([startMirror(), startMirror(), startMirror()]);
try {
  process.exitCode = (await main()) ? 0 : 1;
} finally {
  await Promise.all([near, far, bucket].map((mirror) => mirror.kill()));
  await rm(folder, { recursive: true, force: true });
}

async function main(): Promise<boolean> {
  const ranges = path.join(folder, "ranges");
  await writeFile(ranges, caseRanges().bytes);
  const script = path.join(folder, "requests.lua");
  await writeFile(script, requests);
  const executable = await unpack(await readFile((await buildRedirector()).archive), folder);
  const mirror = (name: string, url: string, latitude: number, longitude: number) => ({
    name,
    url,
    region: name,
    latitude,
    longitude,
  });
  const redirector = await startRedirector({
    executable,
    ranges,
    config: {
      host: "artifacts.example.dev",
      region: { name: "europe-west1", latitude: 50.45, longitude: 3.82 },
      imageMirrors: [
        { ...mirror("far", `${far.origin}/v2/p/images`, 41.26, -95.86), cloud: "gcp" },
        { ...mirror("near", `${near.origin}/v2/p/images`, 50.45, 3.82), cloud: "gcp" },
      ],
      fileMirrors: [{ ...mirror("bucket", `${bucket.origin}/bucket`, 48.86, 2.35), cloud: "aws", layers: true }],
      health,
      log: { sample: 0 },
      metricsPort: 0,
    },
  });
  const metricsPort = Number(/"metricsPort":(\d+)/.exec(redirector.output())?.[1]);

  const at = (share: number): number => Math.round(seconds * share);
  const events = new Map<number, [string, () => unknown]>([
    [at(0.1), ["the near mirror is killed", () => near.kill()]],
    [at(0.35), ["the near mirror is back", () => near.revive()]],
    [at(0.5), ["the near mirror answers after 10 s", () => Object.assign(near, { delayMs: 10_000 })]],
    [at(0.7), ["the near mirror answers at once", () => Object.assign(near, { delayMs: 0 })]],
    [at(0.8), ["the bucket answers after 10 s", () => Object.assign(bucket, { delayMs: 10_000 })]],
    [
      at(0.87),
      ["the near mirror answers its probes, but 503 for what it holds", () => Object.assign(near, { status: 503 })],
    ],
    [at(0.95), ["SIGTERM", () => redirector.process.kill("SIGTERM")]],
  ]);
  // wrk goes on for a while after the end of the server: what it then cannot connect to is no fault.
  const wrk = promisify(execFile)("wrk", [
    "-t1",
    "-c64",
    `-d${at(0.95) + 1}s`,
    "-s",
    script,
    `http://127.0.0.1:${redirector.port}/`,
  ]);

  let good = true;
  let before = new Map<string, number>();
  const share = new Map<number, number>();
  for (let second = 1; second <= at(0.95); second++) {
    await new Promise((resolve) => setTimeout(resolve, 1000));
    const now = await counts(metricsPort);
    const since = (pattern: RegExp): number =>
      [...now]
        .filter(([sample]) => pattern.test(sample))
        .reduce((sum, [sample, value]) => sum + value - (before.get(sample) ?? 0), 0);
    const toNear = since(/requests_total\{route="manifest",mirror="near"/);
    const all = since(/requests_total\{route="manifest"/);
    share.set(second, all === 0 ? Number.NaN : toNear / all);
    const faults = since(/requests_total\{.*status="5|faults_total/);
    if (faults > 0) good = false;
    console.log(
      `${String(second).padStart(3)} s: ${since(/^redirector_requests_total/)} requests; manifests to the near mirror ${((share.get(second) ?? 0) * 100).toFixed(0)} %, ` +
        `layers to the bucket ${since(/requests_total\{route="blob",mirror="bucket"/)}, to the registry ${since(/requests_total\{route="blob",mirror="(near|far)"/)}; ${faults} faults`,
    );
    before = now;
    const event = events.get(second);
    if (event) {
      console.log(`     ${event[0]}`);
      await event[1]();
    }
  }
  const { stdout } = await wrk;
  console.log(stdout.trim());
  const code = redirector.process.exitCode ?? (await redirector.stop());
  console.log(`exit code ${code}`);

  const away = at(0.1) + Math.ceil(leftWithin) + 1;
  const awayAgain = at(0.5) + Math.ceil(leftWithin) + 1;
  for (const [second, expected] of [
    [at(0.1), 1],
    [away, 0],
    [at(0.35), 0],
    [at(0.5), 1],
    [awayAgain, 0],
    [at(0.8), 1],
    // The bucket being slow, the near mirror is asked for layers, and so found to fail.
    [at(0.95), 0],
  ] as const) {
    if (share.get(second) === expected) continue;
    console.log(
      `FAILED: at ${second} s ${share.get(second)} of the manifests went to the near mirror, not ${expected}`,
    );
    good = false;
  }
  if (code !== 0 || /Non-2xx or 3xx/.test(stdout)) good = false;
  console.log(good ? `no fault of its own; a sick mirror is left within ${leftWithin.toFixed(1)} s` : "FAILED");
  return good;
}

async function counts(port: number): Promise<Map<string, number>> {
  const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  const samples = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  return new Map(
    samples.map((line) => [line.slice(0, line.lastIndexOf(" ")), Number(line.slice(line.lastIndexOf(" ") + 1))]),
  );
}
