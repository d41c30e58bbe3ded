import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { createApp } from "./app.ts";
import { type Assets, loadAssets } from "./catalogue/assets.ts";
import { clientHere } from "./client/client.ts";
import { emptyTable, type LoadedTable, loadTable } from "./cloud-ranges/table.ts";
import { configFileVariable, configVariable, parseConfig, type RedirectorConfig } from "./config.ts";
import { type Server, serve } from "./http1/bun-server.ts";
import { Existence, headObject } from "./mirrors/existence.ts";
import { startProber } from "./mirrors/health.ts";
import { Lists } from "./mirrors/lists.ts";
import { ManifestHeads } from "./mirrors/manifest-heads.ts";
import { chooseMirror, type Mirror } from "./mirrors/mirrors.ts";
import { PresenceDocuments, type PresenceReading, startPresence } from "./mirrors/presence-documents.ts";
import { probePublished } from "./mirrors/probe-published.ts";
import { PublishedObjects } from "./mirrors/published-objects.ts";
import { malformedResponse } from "./routing/response.ts";
import { logTo } from "./telemetry/log.ts";
import { LogSummary, logSummaries } from "./telemetry/log-summary.ts";
import { exposeState, type InstanceState, RequestMetrics } from "./telemetry/metrics.ts";
import { metricsResponse } from "./telemetry/metrics-page.ts";

/**
 * The redirector as it runs in production, on Bun. Listens on PORT (Cloud Run's container contract; default 8080). Reads the table of
 * cloud addresses and the page of the catalogue from the folder of the executable, or from the paths in CLOUD_RANGES and CATALOGUE. Exits
 * with 78 if the configuration is invalid, with 69 if it cannot listen, and with 0 after SIGTERM when all requests are completed.
 */

const misconfigured = 78; // EX_CONFIG of sysexits.h
const cannotListen = 69; // EX_UNAVAILABLE

const log = logTo(1);
const config = configured();
const port = portNumber();
const ranges = loadedRanges();
const metrics = new RequestMetrics();
const published = new PublishedObjects();
const existence = new Existence(
  config.existence,
  headObject,
  undefined,
  (mirror, failing) =>
    log.entry(
      failing ? "WARNING" : "NOTICE",
      `mirror ${mirror} ${failing ? "fails when asked for what it holds" : "answers again when asked for what it holds"}`,
    ),
  published,
);
const lists = new Lists(config.lists);
const heads = new ManifestHeads(config.lists);
let leaving: string | undefined;

const app = createApp(config, {
  ranges,
  holds: (check) => existence.holds(check),
  knowledge: {
    isBusy: (mirror) => existence.isBusy(mirror),
    holders: (check) => published.holders(check),
    repositoryHolders: (path) => published.repositoryHolders(path),
  },
  lists: (request) => lists.read(request),
  heads: (url) => heads.read(url),
  metrics,
  log,
  assets: loadedAssets(),
  leaving: () => leaving,
  revision: process.env["K_REVISION"], // Cloud Run, "Container runtime contract"
});

const server = listen(port);
const prober = startProber([...app.mirrors.images, ...app.mirrors.files], config.health, {
  probe: probePublished(published, {
    limitsRate: (mirror) => existence.limitsRate(mirror),
    lost: (mirror, url) =>
      log.entry("WARNING", `mirror ${mirror} lacks what was published: it is asked for each object for ten minutes`, {
        url,
      }),
  }),
  turned: (mirror) => {
    existence.forget(mirror.site.name);
    published.doubt(mirror.site.name);
    log.entry(
      mirror.healthy ? "NOTICE" : "WARNING",
      `mirror ${mirror.site.name} is ${mirror.healthy ? "healthy again" : "unhealthy"}`,
    );
  },
});
const presence = new PresenceDocuments(config.presence, presenceSources, published, undefined, undefined, () =>
  (globalThis as { Bun?: { gc(wait: boolean): void } }).Bun?.gc(false),
);
const stopPresence = config.presence.read
  ? startPresence(presence, config.presence.intervalSeconds, sayPresence)
  : undefined;
const metricsServer = listenForMetrics();
const summaries = logSummaries(
  log,
  config.log.summarySeconds,
  new LogSummary({ images: namesOf(app.mirrors.images), files: namesOf(app.mirrors.files) }),
  () => metrics.expose() + exposeState(instanceState()),
);

log.entry("NOTICE", "started", {
  port: server.port,
  metricsPort: metricsServer?.port,
  region: config.region.name,
  mirrors: prober.probed.map(({ mirror }) => mirror.site.name),
  cloudRanges: ranges.intervals,
});
process.once("SIGTERM", leave);
process.once("SIGINT", leave);

function leave(): void {
  leaving = "shutting down";
  prober.stop();
  stopPresence?.();
  server
    .drain(config.limits.drainSeconds * 1000)
    .then(async () => {
      summaries.last();
      log.entry("NOTICE", "ended");
      await Promise.race([log.flush(), new Promise((resolve) => setTimeout(resolve, 500))]);
      process.exit(0);
    })
    .catch((error: unknown) => {
      console.error(error);
      process.exit(1);
    });
}

function listen(on: number): Server {
  try {
    return serve({
      hostname: "0.0.0.0",
      port: on,
      handle: app.handle,
      onError,
      refuse: (head) => {
        metrics.countMalformed(head.status);
        return malformedResponse(head);
      },
    });
  } catch (error) {
    return stop(cannotListen, [
      `cannot listen on port ${on}: ${error instanceof Error ? error.message : String(error)}`,
    ]);
  }
}

/** The metrics have their own port. If it is taken, the redirector runs without them. */
function listenForMetrics(): Server | undefined {
  if (config.metricsPort === undefined) return undefined;
  try {
    return serve({
      hostname: "0.0.0.0",
      port: config.metricsPort,
      handle: metricsPage,
      onError,
      refuse: malformedResponse,
    });
  } catch (error) {
    log.entry("ERROR", `no metrics: cannot listen on port ${config.metricsPort}: ${String(error)}`);
    return undefined;
  }
}

function metricsPage({ method, target }: { method: string; target: string }): ReturnType<typeof metricsResponse> {
  return metricsResponse(method, target, metrics, instanceState());
}

function instanceState(): InstanceState {
  return {
    prober,
    existence,
    published,
    presence,
    lists,
    rangeIntervals: ranges.intervals,
    connections: server.connections(),
    droppedLogLines: log.dropped,
    residentBytes: process.memoryUsage.rss(),
    startTimeSeconds: Math.round(Date.now() / 1000 - process.uptime()),
  };
}

/** The nearest healthy file mirror, and the canonical one or the second nearest. */
function presenceSources(): string[] {
  const { files } = app.mirrors;
  const here = clientHere(config);
  const nearest = chooseMirror(files, here);
  const others = files.filter((mirror) => mirror !== nearest);
  const other = others[0] === files[0] ? files[0] : chooseMirror(others, here);
  return [nearest, other].flatMap((mirror) => (mirror ? [mirror.site.url] : []));
}

function sayPresence(reading: PresenceReading): void {
  if (reading === "changed") log.entry("NOTICE", "read what is published", { objects: published.size });
}

function namesOf(mirrors: readonly Mirror[]): string[] {
  return mirrors.map(({ site }) => site.name);
}

function onError(error: unknown): void {
  metrics.faults++;
  log.entry("ERROR", `fault: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
}

function configured(): RedirectorConfig {
  const file = process.env[configFileVariable];
  let text = process.env[configVariable];
  if (text === undefined) {
    if (file === undefined) return stop(misconfigured, [`neither ${configVariable} nor ${configFileVariable} is set`]);
    try {
      text = readFileSync(file, "utf8");
    } catch (error) {
      return stop(misconfigured, [`${configFileVariable}: ${error instanceof Error ? error.message : String(error)}`]);
    }
  }
  const result = parseConfig(text);
  return "errors" in result ? stop(misconfigured, result.errors) : result.config;
}

function portNumber(): number {
  const text = process.env["PORT"] ?? "8080";
  const number = Number(text);
  return /^\d+$/.test(text) && number <= 65535
    ? number
    : stop(misconfigured, [`PORT is ${JSON.stringify(text)}, which is not a port`]);
}

/** Without a valid table pulls still work: mirrors are then chosen by location only. */
function loadedRanges(): LoadedTable {
  const file = process.env["CLOUD_RANGES"] ?? path.join(path.dirname(process.execPath), "cloud-ranges.bin");
  if (!existsSync(file)) {
    log.entry("WARNING", "the table of cloud addresses is missing: mirrors are chosen by location only", { file });
    return emptyTable;
  }
  try {
    return loadTable(readFileSync(file));
  } catch (error) {
    log.entry(
      "ERROR",
      `the table of cloud addresses ${error instanceof Error ? error.message : String(error)}: it is not used`,
      { file },
    );
    return emptyTable;
  }
}

/** Without the page, pulls and downloads still work. */
function loadedAssets(): Assets | undefined {
  const folder = process.env["CATALOGUE"] ?? path.join(path.dirname(process.execPath), "catalogue");
  try {
    return loadAssets(folder);
  } catch (error) {
    log.entry("WARNING", `no page for browsers: ${error instanceof Error ? error.message : String(error)}`);
    return undefined;
  }
}

function stop(code: number, errors: readonly string[]): never {
  for (const error of errors) console.error(`redirector: ${error}`);
  process.exit(code);
}
