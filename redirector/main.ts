import { readFileSync } from "node:fs";
import { createApp } from "./app.ts";
import type { CloudRanges } from "./client.ts";
import { configFileVariable, configVariable, parseConfig, type RedirectorConfig } from "./config.ts";
import { serve } from "./http1/bun-server.ts";

/** The redirector as it runs in production, on Bun. Listens on PORT (Cloud Run's container contract), 8080 without it. */

const misconfigured = 78; // EX_CONFIG of sysexits.h

const config = configured();
const ranges: CloudRanges = { regions: [], lookup: () => -1 };
const app = createApp(config, { ranges, holds: () => false });
const server = serve({
  hostname: "0.0.0.0",
  port: portNumber(),
  handle: app.handle,
  fault: (error) => console.error(error),
});
console.log(`listening on ${server.port}`);

process.on("SIGTERM", () => {
  server.drain(config.limits.drainSeconds * 1000).then(
    () => process.exit(0),
    () => process.exit(1),
  );
});

function configured(): RedirectorConfig {
  const file = process.env[configFileVariable];
  const text = process.env[configVariable] ?? (file === undefined ? undefined : readFileSync(file, "utf8"));
  if (text === undefined) return stop([`neither ${configVariable} nor ${configFileVariable} is set`]);
  const result = parseConfig(text);
  return "errors" in result ? stop(result.errors) : result.config;
}

function portNumber(): number {
  const text = process.env["PORT"] ?? "8080";
  const port = Number(text);
  return /^\d+$/.test(text) && port <= 65535 ? port : stop([`PORT is ${JSON.stringify(text)}, which is not a port`]);
}

function stop(errors: readonly string[]): never {
  for (const error of errors) console.error(`redirector: ${error}`);
  process.exit(misconfigured);
}
