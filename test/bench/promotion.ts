/**
 * Promotion of images: `npm run bench -- promotion [SCENARIO ...] [--rounds N]`, against the tools that others use for it.
 *
 *   cold    100 images of 3 x 1 MiB, 10 indexes of 4 platforms, 20 signatures, to one empty mirror
 *   three   the same to three mirrors; regsync runs once for each
 *   latency both, with 50 ms of round trip to every registry
 *   noop    nothing to do, by what the last run knows and by what the mirror says
 *   add     one new digest among 1,000 present
 *   large   one layer of 5 GiB to three mirrors: memory
 *
 * Every run is against empty registries; rounds take turns between the tools, each time in another order; figures are ratios of medians. Ours
 * runs in a process of its own, whose start (as that of a provider, which is running anyway) is a figure of its own. olareg serves all, from
 * memory where there is a file system for that: on a disk, what a run costs the servers depends on the files of the run before, which were
 * removed a moment ago (ext4 looks for inodes among them).
 */
import { fork } from "node:child_process";
import { once } from "node:events";
import { statfs } from "node:fs/promises";
import { tmpdir } from "node:os";
import { imagePromotion } from "../../components/promotion/images/images.ts";
import type { Context, ImagesRequest, Previous } from "../../components/promotion/run/request.ts";
import { startRegistry, type TestRegistry } from "../support/registries.ts";
import { startRelayProcess } from "./delaying-relay.ts";
import { serveLargeImage } from "./large-image.ts";
import { median } from "./median.ts";
import { type Fixture, stage, standard } from "./promotion-fixture.ts";
import { type Cost, crane, oras, type PeerCommand, regsync, skopeo } from "./promotion-peers.ts";

interface Task {
  readonly request: ImagesRequest;
  readonly previous?: Previous<ImagesRequest>;
}

interface Result extends Cost {
  readonly failures: readonly string[];
  readonly requests: number;
  readonly writes: number;
  readonly started: number;
}

const context: Context = { signal: new AbortController().signal, report: () => {} };

function requestOf(source: string, targets: readonly string[], images: string): ImagesRequest {
  return {
    project: "bench",
    images,
    prefix: "bench",
    staging: `${source}/staging`,
    mirrors: targets.map((host, index) => ({ name: `m${index}`, repository: `${host}/images` })),
    layerMirrors: [],
    mutableTags: [],
    removalShare: 1,
    storage: {},
  };
}

/** In the child: the run, and what it took. */
async function runTask({ request, previous }: Task): Promise<void> {
  const started = process.uptime() * 1000;
  let requests = 0;
  let writes = 0;
  const promotion = imagePromotion({
    onRequest: (method) => {
      requests++;
      if (!/GET|HEAD/.test(method)) writes++;
    },
  });
  const began = performance.now();
  const { failures } = await promotion.promote(request, previous, context);
  const wall = performance.now() - began;
  const { userCPUTime, systemCPUTime, maxRSS } = process.resourceUsage();
  const cost = { wall, cpu: (userCPUTime + systemCPUTime) / 1000, rss: maxRSS / 1024 };
  process.send!({ ...cost, failures, requests, writes, started });
  await promotion.close();
}

async function ours(request: ImagesRequest, previous?: Previous<ImagesRequest>): Promise<Result> {
  const child = fork(import.meta.filename, { env: { ...process.env, BENCH_CHILD: "1" } });
  child.send({ request, previous });
  const [result] = (await once(child, "message")) as [Result];
  child.kill();
  if (result.failures.length > 0) throw new Error(result.failures.join("\n"));
  return result;
}

/** Empty registries, as far away as said, for one run. */
async function withTargets<T>(count: number, roundTrip: number, work: (hosts: string[]) => Promise<T>): Promise<T> {
  const registries = await Promise.all(Array.from({ length: count }, () => startRegistry("olareg")));
  const far = await Promise.all(registries.map(({ host }) => startRelayProcess(host, roundTrip)));
  try {
    return await work(far.map(({ host }) => host));
  } finally {
    for (const { close } of far) close();
    await Promise.all(registries.map((registry) => registry.remove()));
  }
}

const peers: Record<string, PeerCommand> = { regsync, crane, oras, skopeo };

/** Promotes to `count` mirrors, in turn with the peers, and prints the ratios. */
async function compare(
  name: string,
  fixture: Fixture,
  source: string,
  options: { mirrors: number; roundTrip: number; rounds: number; against: readonly string[] },
): Promise<void> {
  const { mirrors, roundTrip, rounds, against } = options;
  const costs = new Map<string, Cost[]>();
  const starts: number[] = [];
  const far = await startRelayProcess(source, roundTrip);
  for (let round = 0; round < rounds; round++) {
    const tools = ["ours", ...against];
    for (const tool of [...tools.slice(round % tools.length), ...tools.slice(0, round % tools.length)]) {
      const cost = await withTargets(mirrors, roundTrip, async (targets) => {
        if (tool === "ours") {
          const result = await ours(requestOf(far.host, targets, fixture.lines));
          starts.push(result.started);
          return result;
        }
        const parts: Cost[] = [];
        for (const target of targets) {
          const part = await peers[tool]!(far.host, target, fixture);
          if (!part) return undefined;
          parts.push(part);
        }
        return {
          wall: sum(parts.map(({ wall }) => wall)),
          cpu: sum(parts.map(({ cpu }) => cpu)),
          rss: Math.max(...parts.map(({ rss }) => rss)),
        };
      });
      if (cost) costs.set(tool, [...(costs.get(tool) ?? []), cost]);
      else console.warn(`${tool} is not on this machine: left out`);
    }
  }
  far.close();
  for (const [tool, runs] of costs) {
    const line = (["wall", "cpu", "rss"] as const).map(
      (key) => `${key} ${median(runs.map((run) => run[key])).toFixed(0)}`,
    );
    console.log(`${name}: ${tool}: ${line.join(", ")} (ms, ms, MiB; ${runs.length} runs)`);
  }
  for (const tool of against) {
    const [mine, theirs] = [costs.get("ours")!, costs.get(tool)];
    if (!theirs) continue;
    const ratio = (key: keyof Cost) => median(mine.map((run) => run[key])) / median(theirs.map((run) => run[key]));
    const withStart = (median(mine.map(({ wall }) => wall)) + median(starts)) / median(theirs.map(({ wall }) => wall));
    console.log(`figure: promotion.${name}.vs-${tool} = ${ratio("wall").toFixed(2)} x`);
    console.log(`figure: promotion.${name}.with-start.vs-${tool} = ${withStart.toFixed(2)} x`);
    console.log(`figure: promotion.${name}.cpu.vs-${tool} = ${ratio("cpu").toFixed(2)} x`);
    console.log(`figure: promotion.${name}.rss.vs-${tool} = ${ratio("rss").toFixed(2)} x`);
  }
}

/** Nothing to do: by what the last run knew, and (for scale) when only the mirror knows. */
async function noop(fixture: Fixture, source: string): Promise<void> {
  await withTargets(1, 0, async (targets) => {
    const request = requestOf(source, targets, fixture.lines);
    await ours(request);
    const known = await ours(request, { request, incomplete: {} });
    console.log(`figure: promotion.noop.requests = ${known.requests} requests`);
    console.log(`figure: promotion.noop.wall = ${known.wall.toFixed(1)} ms`);
    const adopted = await ours(request);
    console.log(`figure: promotion.noop.adopting.requests = ${adopted.requests} requests`);
    console.log(`figure: promotion.noop.adopting.writes = ${adopted.writes} requests`);
    const theirs = await regsync(source, targets[0]!, fixture);
    console.log(`figure: promotion.noop.adopting.vs-regsync = ${(adopted.wall / theirs!.wall).toFixed(2)} x`);
  });
}

/** One new digest among 1,000. */
async function add(source: string, rounds: number): Promise<void> {
  const small = { repositories: 1, images: 1_000, indexes: 0, signatures: 0, layers: 1, layerBytes: 1_000 };
  const fixture = await stage(source, small, "many");
  const walls: number[] = [];
  const theirs: number[] = [];
  let last: Result | undefined;
  await withTargets(1, 0, async (targets) => {
    const before = requestOf(source, targets, fixture.lines);
    await ours(before);
    for (let round = 0; round < rounds; round++) {
      const added = await stage(source, { ...small, images: 1 }, `new${round}`);
      const line = added.lines.replace(/^[^:]*:v0 /, `many-0:new${round} `);
      await copyStaged(source, `new${round}-0`, `many-0`, `new${round}`);
      const request = { ...before, images: `${fixture.lines}${line}` };
      const peer = await regsync(source, targets[0]!, { ...fixture, repositories: ["many-0"] });
      // The peer has brought it: ours brings it to where it has not been.
      const fresh = { ...request, prefix: `round${round}` };
      last = await ours(fresh, { request: { ...before, prefix: `round${round}` }, incomplete: {} });
      walls.push(last.wall);
      theirs.push(peer!.wall);
    }
  });
  console.log(`figure: promotion.add.requests = ${last!.requests} requests`);
  console.log(`figure: promotion.add.vs-regsync = ${(median(walls) / median(theirs)).toFixed(2)} x`);
}

/** Has one staged image in a second repository too. */
async function copyStaged(host: string, from: string, to: string, tag: string): Promise<void> {
  const { execFile } = await import("node:child_process");
  const { promisify } = await import("node:util");
  const { peerPath } = await import("../support/peers.ts");
  await promisify(execFile)(await peerPath("crane"), [
    "copy",
    `${host}/staging/${from}:v0`,
    `${host}/staging/${to}:${tag}`,
  ]);
}

/** A layer of so many GiB to three mirrors that throw it away. */
async function large(gibibytes: number): Promise<void> {
  const image = await serveLargeImage(gibibytes);
  try {
    const targets = image.mirrors;
    const result = await ours(requestOf(image.staging, targets, `large:v1 ${image.digest}\n`));
    const rate = (gibibytes * 1024) / (result.wall / 1000);
    console.log(`figure: promotion.rss.mib = ${result.rss.toFixed(0)} MiB`);
    console.log(`figure: promotion.large.rate = ${rate.toFixed(0)} MiB/s to each of ${targets.length} mirrors`);
    console.log(`figure: promotion.large.cpu = ${(result.cpu / 1000 / gibibytes).toFixed(2)} s/GiB`);
  } finally {
    await image.close();
  }
}

/** Has the registries keep what they hold in memory, if there is a file system for that, and nobody has said where. */
async function keepInMemory(): Promise<void> {
  const memory = "/dev/shm";
  const free = await statfs(memory).then(
    ({ bavail, bsize }) => bavail * bsize,
    () => 0,
  );
  if (process.env["TMPDIR"] === undefined && free > 4 * 1024 ** 3) process.env["TMPDIR"] = memory;
  console.log(`registries and peers in ${tmpdir()}`);
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

async function main(): Promise<void> {
  const args = process.argv.slice(2);
  const at = args.indexOf("--rounds");
  const rounds = at < 0 ? 5 : Number(args.splice(at, 2)[1]);
  const scenarios = args.length > 0 ? args : ["cold", "three", "latency", "noop", "add", "large"];
  await keepInMemory();
  if (scenarios.includes("large")) await large(5);
  if (scenarios.every((scenario) => scenario === "large")) return;
  let source: TestRegistry | undefined;
  try {
    source = await startRegistry("olareg");
    const { host } = source;
    const fixture = await stage(host, standard);
    const all = Object.keys(peers);
    if (scenarios.includes("cold")) {
      await compare("cold", fixture, host, { mirrors: 1, roundTrip: 0, rounds, against: all });
    }
    if (scenarios.includes("three")) {
      await compare("three-mirrors", fixture, host, { mirrors: 3, roundTrip: 0, rounds, against: ["regsync"] });
    }
    if (scenarios.includes("latency")) {
      await compare("latency.one", fixture, host, { mirrors: 1, roundTrip: 50, rounds, against: ["regsync"] });
      await compare("latency", fixture, host, { mirrors: 3, roundTrip: 50, rounds, against: ["regsync"] });
    }
    if (scenarios.includes("noop")) await noop(fixture, host);
    if (scenarios.includes("add")) await add(host, rounds);
  } finally {
    await source?.remove();
  }
}

if (process.env["BENCH_CHILD"]) process.once("message", (task) => void runTask(task as Task));
else await main();
