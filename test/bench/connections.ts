/**
 * Connections to registries: `npm run bench -- connections [--rounds N]`: the requests of a promotion without what decides about them, over the
 * client of `components/promotion/oci` and over undici, which large blobs and Cloud Storage are spoken to with. 300 blobs of 1 MiB and 220 of 300
 * bytes from one olareg to another, 32 at a time, each with two questions about what is not there. Each run in a process of its own, against
 * an empty target; rounds take turns.
 */
import { fork } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { Agent, request as undiciRequest } from "undici";
import { Connections } from "../../components/promotion/oci/connections.ts";
import { Pusher, startRegistry } from "../support/registries.ts";

interface Blob {
  readonly repository: string;
  readonly digest: string;
  readonly size: number;
}

interface Task {
  readonly kind: Kind;
  readonly source: string;
  readonly target: string;
  readonly blobs: readonly Blob[];
}

interface Cost {
  readonly wall: number;
  readonly cpu: number;
}

/** Sends one request. @param into memory for the answer's body. */
type Send = (
  method: "GET" | "HEAD" | "POST",
  url: string,
  rest: { body?: Buffer; into?: Buffer },
) => Promise<{ status: number; body: Buffer }>;

const kinds = { ours, undici } as const;
type Kind = keyof typeof kinds;

function ours(): Send {
  const connections = new Connections({ connectTimeout: 5_000, stallTimeout: 60_000 });
  const { signal } = new AbortController();
  return (method, url, { body, into }) => {
    const { origin, pathname, search } = new URL(url);
    const headers = { "content-type": "application/octet-stream" };
    const request = { origin, path: pathname + search, method, headers, body, patience: 60_000 };
    return connections.exchange(request, { limit: into?.length ?? 65_536, into, what: "bench", signal });
  };
}

function undici(): Send {
  const dispatcher = new Agent({ allowH2: false });
  return async (method, url, { body }) => {
    const headers = { "content-type": "application/octet-stream" };
    const answer = await undiciRequest(url, { dispatcher, method, headers, body: body ?? null, reset: false });
    return { status: answer.statusCode, body: Buffer.from(await answer.body.arrayBuffer()) };
  };
}

/** In the child: the requests, and what they took. */
async function runTask({ kind, source, target, blobs }: Task): Promise<void> {
  const send = kinds[kind]();
  const memory: Buffer[] = [];
  const waiting = [...blobs];
  const absent = `sha256:${"0".repeat(64)}`;
  const began = performance.now();
  const before = process.cpuUsage();
  const work = async () => {
    for (let blob = waiting.pop(); blob; blob = waiting.pop()) {
      const into = memory.pop() ?? Buffer.allocUnsafeSlow(1024 * 1024);
      const got = await send("GET", `http://${source}/v2/${blob.repository}/blobs/${blob.digest}`, { into });
      const to = `http://${target}/v2/bench/${blob.repository}`;
      const digest = encodeURIComponent(blob.digest);
      const put = await send("POST", `${to}/blobs/uploads/?digest=${digest}`, { body: got.body });
      for (let count = 0; count < 2; count++) await send("HEAD", `${to}/manifests/${absent}`, {});
      if (got.body.length !== blob.size || put.status !== 201) throw new Error(`${blob.digest}: ${put.status}`);
      memory.push(into);
    }
  };
  await Promise.all(Array.from({ length: 32 }, work));
  const { user, system } = process.cpuUsage(before);
  process.send!({ wall: performance.now() - began, cpu: (user + system) / 1000 } satisfies Cost);
}

async function measure(task: Omit<Task, "target">): Promise<Cost> {
  const registry = await startRegistry("olareg");
  const child = fork(import.meta.filename, { env: { ...process.env, BENCH_CHILD: "1" } });
  try {
    child.send({ ...task, target: registry.host });
    const [cost] = (await Promise.race([once(child, "message"), once(child, "exit")])) as [Cost | number];
    if (typeof cost !== "object") throw new Error(`${task.kind} ended without a result`);
    return cost;
  } finally {
    child.kill();
    await registry.remove();
  }
}

async function main(rounds: number): Promise<void> {
  const source = await startRegistry("olareg");
  try {
    const blobs: Blob[] = [];
    for (let index = 0; index < 10; index++) {
      const repository = `app-${index}`;
      const pusher = new Pusher(source.host, repository);
      for (const size of [...Array(30).fill(1024 * 1024), ...Array(22).fill(300)] as number[]) {
        blobs.push({ repository, ...(await pusher.blob(randomBytes(size))) });
      }
      await pusher.image(); // olareg forgets a repository without a manifest
    }
    const costs: Record<Kind, Cost[]> = { ours: [], undici: [] };
    for (let round = 0; round < rounds; round++) {
      for (const kind of Object.keys(costs) as Kind[]) {
        costs[kind].push(await measure({ kind, source: source.host, blobs }));
      }
    }
    for (const key of ["cpu", "wall"] as const) {
      const [mine, theirs] = [median(costs.ours, key), median(costs.undici, key)];
      console.log(`connections: ${key}: ours ${mine.toFixed(0)}, undici ${theirs.toFixed(0)} (ms, ${rounds} runs)`);
      console.log(`figure: connections.${key}.vs-undici = ${(mine / theirs).toFixed(2)} x`);
    }
  } finally {
    await source.remove();
  }
}

function median(costs: readonly Cost[], key: keyof Cost): number {
  const sorted = costs.map((cost) => cost[key]).sort((one, other) => one - other);
  return sorted[Math.floor(sorted.length / 2)]!;
}

if (process.env["BENCH_CHILD"]) {
  process.once("message", (task) => void runTask(task as Task));
} else {
  const at = process.argv.indexOf("--rounds");
  await main(at < 0 ? 5 : Number(process.argv[at + 1]));
}
