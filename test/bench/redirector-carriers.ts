import { type ChildProcess, execFile, spawn } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { parseArgs, promisify } from "node:util";
import { createApp } from "../../redirector/app.ts";
import { parseConfig } from "../../redirector/config.ts";
import { serve } from "../../redirector/http1/bun-server.ts";
import type { IncomingRequest, OutgoingResponse } from "../../redirector/http1/request.ts";
import { malformedResponse } from "../../redirector/routing/response.ts";
import { RequestMetrics } from "../../redirector/telemetry/metrics.ts";
import { freePort } from "../support/ports.ts";
import { asked } from "../support/redirector/asked.ts";
import { caseConfig, caseRanges } from "../support/redirector/cases.ts";
import { silentLog } from "../support/redirector/silent-log.ts";
import { nodeServer } from "../support/redirector-node-http.ts";
import { answers, end } from "../support/seed-servers.ts";
import { median } from "./median.ts";

/**
 * `node test/bench/redirector-carriers.ts [--rounds 5] [--seconds 3]`: what carrying HTTP by hand is worth: the redirector's core behind
 * redirector/http1, Bun.serve (which resolves targets before one sees them, so it is no choice), Bun's node:http and Node's http, in
 * one run under wrk. Prints the median requests per CPU second and the ratios to the one by hand. Needs Linux and wrk.
 */

const carriers = ["by hand", "Bun.serve", "node:http on Bun", "node:http on Node"] as const;
type Carrier = (typeof carriers)[number];

const { values } = parseArgs({
  options: {
    carry: { type: "string" },
    port: { type: "string" },
    rounds: { type: "string", default: "5" },
    seconds: { type: "string", default: "3" },
  },
});
if (values.carry === undefined) await compare(Number(values.rounds), values.seconds);
else carry(values.carry as Carrier, Number(values.port));

async function compare(rounds: number, seconds: string): Promise<void> {
  const folder = await mkdtemp(path.join(tmpdir(), "redirector-carriers-"));
  const script = path.join(folder, "request.lua");
  await writeFile(
    script,
    `wrk.headers["User-Agent"] = "containerd/2.2.0"
     wrk.headers["Accept"] = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, */*"
     wrk.headers["X-Forwarded-For"] = "35.180.1.1,10.0.0.1"
     wrk.headers["X-Client-Latlong"] = "48.86,2.35"
     wrk.headers["traceparent"] = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"`,
  );
  const running: { carrier: Carrier; child: ChildProcess; url: string; perCpuSecond: number[] }[] = [];
  try {
    for (const carrier of carriers) {
      const port = await freePort();
      const command =
        carrier === "node:http on Node"
          ? process.execPath
          : path.join(import.meta.dirname, "../../node_modules/.bin/bun");
      const child = spawn(command, [import.meta.filename, "--carry", carrier, "--port", String(port)], {
        stdio: "inherit",
      });
      const origin = `http://127.0.0.1:${port}`;
      await answers(`${origin}/healthz`);
      running.push({ carrier, child, url: `${origin}/v2/pause/manifests/3.9`, perCpuSecond: [] });
    }
    for (let round = 0; round <= rounds; round++) {
      for (const { child, url, perCpuSecond } of running) {
        const before = await cpuSeconds(child);
        const args = ["-t1", "-c64", `-d${seconds}s`, "-s", script, url];
        const { stdout } = await promisify(execFile)("wrk", args);
        const requests = Number(/(\d+) requests in/.exec(stdout)?.[1]);
        if (round > 0) perCpuSecond.push(requests / ((await cpuSeconds(child)) - before)); // the first one warms up
      }
    }
    const [byHand = []] = running.map(({ perCpuSecond }) => perCpuSecond);
    for (const { carrier, perCpuSecond } of running) {
      const ratio = median(byHand.map((own, round) => own / perCpuSecond[round]!));
      console.log(
        `${carrier.padEnd(18)} ${Math.round(median(perCpuSecond))} per CPU second; by hand ${ratio.toFixed(2)} x`,
      );
    }
  } finally {
    await Promise.all(running.map(({ child }) => end(child)));
    await rm(folder, { recursive: true });
  }
}

/** The process that carries: the core as it is, with every mirror known to hold everything. */
function carry(carrier: Carrier, port: number): void {
  const parsed = parseConfig(JSON.stringify(caseConfig((name) => `https://${name}.example`)));
  if ("errors" in parsed) throw new Error(parsed.errors.join("\n"));
  const { handle } = createApp(parsed.config, {
    ranges: caseRanges().ranges,
    holds: () => "present",
    metrics: new RequestMetrics(),
    log: silentLog,
    leaving: () => undefined,
  });
  const hostname = "127.0.0.1";
  if (carrier === "by hand") serve({ hostname, port, handle, onError: console.error, refuse: malformedResponse });
  else if (carrier === "Bun.serve") bunServe(port, handle);
  else nodeServer(handle).listen(port, hostname);
}

function bunServe(
  port: number,
  handle: (request: IncomingRequest) => OutgoingResponse | Promise<OutgoingResponse>,
): void {
  interface Bun {
    serve(options: { hostname: string; port: number; fetch(request: Request): Promise<Response> }): unknown;
  }
  const { Bun } = globalThis as unknown as { Bun: Bun };
  Bun.serve({
    hostname: "127.0.0.1",
    port,
    async fetch(request) {
      const { pathname, search } = new URL(request.url);
      const { status, headers, location, body } = await handle(
        asked(request.method, pathname + search, (name) => request.headers.get(name) ?? undefined),
      );
      const all = location === undefined ? headers : [...headers, ["Location", location] as const];
      return new Response(body ?? null, {
        status,
        headers: all.map(([name, value]): [string, string] => [name, value]),
      });
    },
  });
}

/** User and system time of a process: fields 14 and 15 of /proc/PID/stat, in hundredths of a second on every Linux. */
async function cpuSeconds({ pid }: ChildProcess): Promise<number> {
  const fields = (await readFile(`/proc/${pid}/stat`, "utf8")).replace(/^.*\) /s, "").split(" ");
  return (Number(fields[11]) + Number(fields[12])) / 100;
}
