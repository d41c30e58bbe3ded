import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { cpus, tmpdir } from "node:os";
import path from "node:path";
import { parseArgs, promisify } from "node:util";
import { buildRedirector } from "../../redirector/build.ts";
import { configVariable, type RedirectorConfigInput } from "../../redirector/config.ts";
import { freePort } from "../support/ports.ts";
import { unpack } from "../support/redirector-process.ts";
import { median } from "./median.ts";

/**
 * `npm run bench -- redirector [--rounds N] [--seconds N]`: the redirector as it is deployed beside its peers, in one run, each on
 * one core with wrk on another: archeio (path of its binary in $ARCHEIO), nginx answering a plain 307. Rounds are interleaved and
 * ratios taken within a round, as the machine's speed drifts. Goals: per CPU second 2.2 x archeio and 0.8 x nginx, 64 MiB, 60 ms to the
 * first answer, 100 ns a lookup. Needs Linux, wrk and nginx (Debian: apt-get install wrk nginx).
 */

const run = promisify(execFile);

/** One run of wrk against one server. */
interface Sample {
  readonly perCpuSecond: number;
  readonly perSecond: number;
  readonly p99Ms: number;
  readonly rssMib: number;
}

interface Contender {
  readonly name: string;
  readonly port: number;
  /** Process that serves, whose CPU time and memory count. */
  readonly pid: number;
  readonly child: ChildProcess;
  readonly samples: Sample[];
}

const { values } = parseArgs({
  options: { rounds: { type: "string", default: "5" }, seconds: { type: "string", default: "3" } },
});
const rounds = Number(values.rounds);
const seconds = Number(values.seconds);
const connections = 64;
const warmUpSeconds = 2;
const manyTargetCount = 4096;
/** The server's core and wrk's, where there are two. */
const pinned = cpus().length > 1;

const folder = await mkdtemp(path.join(tmpdir(), "redirector-bench-"));
const contenders: Contender[] = [];
async function main(): Promise<void> {
  for (const tool of ["wrk", "nginx"]) {
    if (!(await run("which", [tool]).catch(() => undefined)))
      throw new Error(`${tool} is not installed: apt-get install wrk nginx`);
  }
  const built = await buildRedirector();
  if (!built.hasRanges)
    console.log("NOTE: built without cloud ranges (npm run ranges): the lookups are of an empty table");
  const executable = await unpack(await readFile(built.archive), folder);
  const script = path.join(folder, "requests.lua");
  await writeFile(script, requestsOf(""));
  // More targets than an instance remembers, each as rare as the others.
  const manyScript = path.join(folder, "many-requests.lua");
  await writeFile(manyScript, requestsOf(manyTargets));

  const nginx = await startNginx();
  const ours = await startOurs("ours", executable, { sample: 0 }, nginx.port);
  const logged = await startOurs("ours, every request logged", executable, { sample: 1 }, nginx.port);
  // What the catalogue's page costs those who never see it: the same build without its files.
  const pageless = path.join(folder, "pageless");
  await mkdir(pageless);
  const bare = await unpack(await readFile(built.archive), pageless);
  await rm(path.join(pageless, "catalogue"), { recursive: true });
  const withoutPage = await startOurs("ours, without the page", bare, { sample: 0 }, nginx.port);
  const many = await startOurs(
    `ours, ${manyTargetCount.toLocaleString("en")} targets`,
    executable,
    { sample: 0 },
    nginx.port,
  );
  contenders.push(ours, nginx, logged, withoutPage, many);
  const archeio = process.env["ARCHEIO"];
  if (archeio === undefined) console.log("NOTE: no archeio: set ARCHEIO to the path of its binary to compare with it");
  else contenders.push(await startArcheio(archeio));

  const scriptOf = (contender: Contender): string => (contender === many ? manyScript : script);
  for (const contender of contenders) await wrk(contender, scriptOf(contender), warmUpSeconds);
  for (let round = 0; round < rounds; round++) {
    // Each round in another order, so that no one always follows the same neighbour.
    for (let i = 0; i < contenders.length; i++) {
      const contender = contenders[(i + round) % contenders.length]!;
      contender.samples.push(await wrk(contender, scriptOf(contender), seconds));
    }
  }
  console.log(`${connections} connections, ${rounds} rounds of ${seconds} s; medians`);
  for (const { name, samples } of contenders) {
    const of = (key: keyof Sample): number => median(samples.map((sample) => sample[key]));
    console.log(
      `  ${name.padEnd(28)} ${thousands(of("perCpuSecond"))} per CPU s, ${thousands(of("perSecond"))} per s, p99 ${of("p99Ms").toFixed(2)} ms, RSS ${of("rssMib").toFixed(1)} MiB`,
    );
  }
  const rival = contenders.find(({ name }) => name === "archeio");
  if (rival) figure("redirector.per-cpu.vs-archeio", ratio(ours, rival, "perCpuSecond"), "x");
  figure("redirector.per-cpu.vs-nginx", ratio(ours, nginx, "perCpuSecond"), "x");
  figure("redirector.per-cpu.many-targets.vs-nginx", ratio(many, nginx, "perCpuSecond"), "x");
  figure("redirector.per-cpu.vs-without-page", ratio(ours, withoutPage, "perCpuSecond"), "x");
  figure("redirector.p99.vs-nginx", ratio(ours, nginx, "p99Ms"), "x");
  figure("redirector.rss.mib", Math.max(...ours.samples.map(({ rssMib }) => rssMib)), "MiB");
  figure("redirector.coldstart.ms", await coldStart(executable, nginx.port), "ms");
  const { lookupNs, fromTextNs } = await lookup();
  figure("redirector.lookup.ns", lookupNs, "ns");
  figure("redirector.lookup.from-text.ns", fromTextNs, "ns");
}

/** What a redirector is asked: tags, digests, layers for clients of GCP (which no peer asks a bucket for), from all over. */
const requestsOf = (more: string): string => `
local d = "sha256:da86e6ba6ca197bf6bc5e9d900febd906b133eaa4750e6bed647b0fbe50ed43e"
local asked = {
  { "/v2/pause/manifests/3.9", "35.180.1.1", "48.86,2.35" },
  { "/v2/coredns/coredns/manifests/v1.11.1", "8.8.8.8", "37.39,-122.08" },
  { "/v2/pause/manifests/" .. d, "2600:1f01:4874::47", "45.84,-119.7" },
  { "/v2/pause/blobs/" .. d, "35.220.26.1", "60.57,27.19" },
  { "/v2/kube-apiserver/manifests/v1.31.0", "81.2.69.142", "51.51,-0.13" },
  { "/v2/ingress-nginx/controller/blobs/" .. d, "34.80.0.1", "24.05,120.52" },
  { "/v2/", "1.1.1.1", "-33.87,151.21" },
  { "/v2/etcd/manifests/3.5.15-0", "20.42.0.1", "37.37,-79.82" },
}
${more}
local texts = {}
local turn = 0
init = function()
  for i, r in ipairs(asked) do
    texts[i] = wrk.format("GET", r[1], {
      ["Host"] = "artifacts.example.dev",
      ["User-Agent"] = "containerd/2.2.0",
      ["Accept"] = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, */*",
      ["X-Forwarded-For"] = r[2] .. ",10.0.0.1",
      ["X-Client-Latlong"] = r[3],
      ["X-Forwarded-Proto"] = "https",
      ["Via"] = "1.1 google",
      ["traceparent"] = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00",
    })
  end
end
request = function()
  turn = turn % #texts + 1
  return texts[turn]
end
`;

const manyTargets = `
local few = #asked
for i = few + 1, ${manyTargetCount} do
  local r = asked[(i - 1) % few + 1]
  asked[i] = { string.gsub(r[1], "^/v2/(.+/[mb])", "/v2/p" .. i .. "/%1"), r[2], r[3] }
end
`;

async function startOurs(
  name: string,
  executable: string,
  log: { sample: number },
  mirrorPort: number,
): Promise<Contender> {
  const port = await freePort();
  return await contender(name, port, onServerCore(executable, []), {
    PORT: String(port),
    [configVariable]: JSON.stringify(oursConfig(log, mirrorPort)),
  });
}

/** As large as a real one: ten registries and twenty buckets, all of them nginx, probed as in production. */
function oursConfig(log: { sample: number }, mirrorPort: number): RedirectorConfigInput {
  const places = [
    [41.26, -95.86],
    [33.2, -80.01],
    [45.6, -121.18],
    [50.45, 3.82],
    [53.44, 6.84],
    [60.57, 27.19],
    [24.05, 120.52],
    [35.68, 139.69],
    [1.35, 103.82],
    [-33.87, 151.21],
  ] as const;
  const mirrors = <Cloud extends "gcp" | "aws">(cloud: Cloud, kind: string) =>
    places.map(([latitude, longitude], index) => ({
      name: `${kind}-${cloud}-${index}`,
      url: `http://127.0.0.1:${mirrorPort}/${kind === "images" ? `v2/p${index}/images` : `bucket-${cloud}-${index}`}`,
      cloud,
      region: `region-${index}`,
      latitude,
      longitude,
    }));
  return {
    host: "artifacts.example.dev",
    region: { name: "europe-west1", latitude: 50.45, longitude: 3.82 },
    imageMirrors: mirrors("gcp", "images"),
    fileMirrors: [
      ...mirrors("gcp", "files"),
      ...mirrors("aws", "files").map((mirror) => ({ ...mirror, layers: true })),
    ],
    log,
  };
}

async function startArcheio(binary: string): Promise<Contender> {
  const port = await freePort();
  return await contender("archeio", port, onServerCore(binary, []), { PORT: String(port), GOMAXPROCS: "1" });
}

async function startNginx(): Promise<Contender> {
  const port = await freePort();
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    .map((name) => `${name}_temp_path ${folder}/nginx;`)
    .join(" ");
  await mkdir(path.join(folder, "nginx"));
  const file = path.join(folder, "nginx.conf");
  await writeFile(
    file,
    `worker_processes 1; daemon off; master_process off; pid ${folder}/nginx.pid; error_log stderr crit; events { worker_connections 1024; }
     http { access_log off; keepalive_requests 1000000000; server_tokens off; ${temporary}
       server { listen 127.0.0.1:${port};
         location /v2/ { return 307 https://us-central1-docker.pkg.dev/v2/k8s-artifacts-prod/images$request_uri; } } }`,
  );
  return await contender("nginx", port, onServerCore("nginx", ["-c", file, "-p", folder]), {});
}

async function contender(
  name: string,
  port: number,
  [command, args]: [string, string[]],
  env: Record<string, string>,
): Promise<Contender> {
  const child = spawn(command, args, {
    env: { PATH: process.env["PATH"], ...env },
    stdio: ["ignore", "ignore", "inherit"],
  });
  await once(child, "spawn");
  await answered(port, 20_000);
  return { name, port, pid: child.pid!, child, samples: [] };
}

function onServerCore(command: string, args: string[]): [string, string[]] {
  return pinned ? ["taskset", ["-c", "0", command, ...args]] : [command, args];
}

async function wrk({ pid, port, name }: Contender, script: string, duration: number): Promise<Sample> {
  const args = ["-t1", `-c${connections}`, `-d${duration}s`, "--latency", "-s", script, `http://127.0.0.1:${port}/`];
  const before = await cpuSeconds(pid);
  const { stdout } = await (pinned ? run("taskset", ["-c", "1", "wrk", ...args]) : run("wrk", args));
  const used = (await cpuSeconds(pid)) - before;
  const requestCount = Number(/(\d+) requests in/.exec(stdout)?.[1]);
  const [, p99, unit] = /99%\s+([\d.]+)(us|ms|s)/.exec(stdout) ?? [];
  if (!requestCount || p99 === undefined || /Non-2xx|Socket errors/.test(stdout)) throw new Error(`${name}: ${stdout}`);
  return {
    perCpuSecond: requestCount / used,
    perSecond: requestCount / duration,
    p99Ms: Number(p99) * (unit === "us" ? 0.001 : unit === "s" ? 1000 : 1),
    rssMib: Number(/VmRSS:\s+(\d+)/.exec(await readFile(`/proc/${pid}/status`, "utf8"))?.[1]) / 1024,
  };
}

/** CPU time of a process so far, to the nanosecond: /proc/PID/schedstat of each of its threads. */
async function cpuSeconds(pid: number): Promise<number> {
  const threads = (await run("ls", [`/proc/${pid}/task`])).stdout.trim().split("\n");
  let sum = 0;
  for (const thread of threads) {
    const text = await readFile(`/proc/${pid}/task/${thread}/schedstat`, "utf8").catch(() => "0");
    sum += Number(text.split(" ")[0]) / 1e9;
  }
  return sum;
}

/** Median time from the start of the process to its first answer, with all tables loaded. */
async function coldStart(executable: string, mirrorPort: number): Promise<number> {
  const times: number[] = [];
  for (let i = 0; i < 11; i++) {
    const port = await freePort();
    const started = performance.now();
    const child = spawn(executable, {
      env: { PORT: String(port), [configVariable]: JSON.stringify(oursConfig({ sample: 0 }, mirrorPort)) },
      stdio: "ignore",
    });
    await answered(port, 5000);
    times.push(performance.now() - started);
    child.kill("SIGKILL");
    await once(child, "exit");
  }
  return median(times);
}

async function answered(port: number, limitMs: number): Promise<void> {
  const deadline = performance.now() + limitMs;
  while (performance.now() < deadline) {
    const answer = await new Promise<boolean>((resolve) => {
      const socket = connect(port, "127.0.0.1", () => socket.write("GET /v2/ HTTP/1.1\r\nHost: x\r\n\r\n"));
      socket.once("data", () => {
        socket.destroy();
        resolve(true);
      });
      socket.once("error", () => resolve(false));
    });
    if (answer) return;
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  throw new Error(`nothing answers on port ${port}`);
}

/** What redirector-lookup.ts writes. */
interface Lookup {
  readonly source: string;
  readonly intervals: number;
  readonly tableBytes: number;
  /** To find an address that is read; to read it; both. */
  readonly lookupNs: number;
  readonly readingNs: number;
  readonly fromTextNs: number;
}

/** Nanoseconds for one address, in Bun, over those of all blocks: of five processes the one in the middle. */
async function lookup(): Promise<Lookup> {
  const bun = path.join(import.meta.dirname, "../../node_modules/.bin/bun");
  const all: Lookup[] = [];
  for (let i = 0; i < 5; i++) {
    const { stdout } = await run(bun, [path.join(import.meta.dirname, "redirector-lookup.ts")]);
    all.push(JSON.parse(stdout) as Lookup);
  }
  const found = all.sort((a, b) => a.lookupNs - b.lookupNs)[2]!;
  console.log(
    `  lookup (${found.source}): ${found.intervals} intervals, ${found.tableBytes} bytes in memory, ` +
      `${found.lookupNs.toFixed(0)} ns, ${found.fromTextNs.toFixed(0)} ns from text, of which reading it ${found.readingNs.toFixed(0)} ns`,
  );
  return found;
}

function ratio(ours: Contender, theirs: Contender, key: keyof Sample): number {
  return median(ours.samples.map((sample, round) => sample[key] / theirs.samples[round]![key]));
}

function figure(name: string, value: number, unit: string): void {
  console.log(`figure: ${name} = ${value.toFixed(2)} ${unit}`);
}

function thousands(value: number): string {
  return `${(value / 1000).toFixed(1)} k`.padStart(8);
}

try {
  await main();
} finally {
  for (const { child } of contenders) child.kill("SIGTERM");
  await rm(folder, { recursive: true, force: true });
}
