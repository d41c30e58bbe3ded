import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { it } from "mocha";
import { coordinatesAt } from "../../../../redirector/client/coordinates.ts";
import { parseConfig, type RedirectorConfig } from "../../../../redirector/config.ts";
import { sliceOf } from "../../../../redirector/http1/byte-slice.ts";
import type { HeaderName } from "../../../../redirector/http1/request.ts";
import { type Access, accessFields } from "../../../../redirector/telemetry/access-log.ts";
import { logTo } from "../../../../redirector/telemetry/log.ts";
import { itUnless } from "../../../support/annotations.ts";
import { afterTest } from "../../../support/cleanup.ts";
import { asked } from "../../../support/redirector/asked.ts";
import { caseConfig } from "../../../support/redirector/cases.ts";

it("one JSON object per line, all of them, in order", async () => {
  const folder = await mkdtemp(path.join(tmpdir(), "log-"));
  afterTest(() => rm(folder, { recursive: true }));
  const file = path.join(folder, "log");
  const descriptor = openSync(file, "w");
  const log = logTo(descriptor, () => new Date(0));
  for (let i = 0; i < 1000; i++) log.entry(i % 2 === 0 ? "INFO" : "WARNING", `line ${i}\n"`, { i });
  await log.flush();
  closeSync(descriptor);
  const lines = (await readFile(file, "utf8")).trimEnd().split("\n");
  assert.equal(lines.length, 1000);
  assert.deepEqual(JSON.parse(lines[1] ?? ""), {
    severity: "WARNING",
    time: "1970-01-01T00:00:00.000Z",
    message: 'line 1\n"',
    i: 1,
  });
});

const noFifo = process.platform === "win32" ? "Windows has no mkfifo" : undefined;
itUnless(noFifo, "a log that nobody reads holds at most its backlog, and counts what it drops", async () => {
  const folder = await mkdtemp(path.join(tmpdir(), "log-"));
  afterTest(() => rm(folder, { recursive: true }));
  const pipe = path.join(folder, "pipe");
  assert.equal(spawnSync("mkfifo", [pipe]).status, 0);
  // Both ends open, nobody reads; not blocking, as a file descriptor of a pipe in a busy server may be.
  const descriptor = openSync(pipe, 0o4002);
  const log = logTo(descriptor);
  const line = "x".repeat(10_000);
  for (let i = 0; i < 300; i++) log.entry("INFO", line);
  assert.ok(log.dropped > 150 && log.dropped < 250, String(log.dropped));
  closeSync(descriptor);
  await log.flush();
});

it("the access log has Cloud Logging's fields, and the client's address as configured", () => {
  const fields = accessFields(access("35.180.1.77"), configWith({ clientAddress: "network" }));
  assert.deepEqual(JSON.parse(JSON.stringify(fields)), {
    httpRequest: {
      requestMethod: "GET",
      requestUrl: "https://artifacts.example.dev/v2/a/manifests/1",
      status: 307,
      latency: "0.001500s",
      userAgent: "containerd/2",
    },
    clientNetwork: "35.180.1.0/24",
    route: "manifest",
    mirror: "m",
    cloud: "aws",
    cloudRegion: "eu-west-3",
    "logging.googleapis.com/trace": "0af7651916cd43dd8448eb211c80319c",
    "logging.googleapis.com/spanId": "b7ad6b7169203331",
    "logging.googleapis.com/trace_sampled": true,
  });
  const shown = (address: string | undefined, clientAddress: "none" | "network" | "full"): string =>
    JSON.stringify(accessFields(access(address), configWith({ clientAddress })));
  for (const address of ["35.180.1.77", "2600:1f01:4874:9::77"]) {
    assert.ok(!shown(address, "none").includes("77"));
    assert.ok(!shown(address, "network").includes("77"));
    assert.ok(shown(address, "full").includes(`"remoteIp":"${address}"`));
  }
  assert.ok(shown("2600:1f01:4874:9::77", "network").includes('"2600:1f01:4874::/48"'));
  assert.ok(!shown("junk", "full").includes("junk"));
  assert.ok(!shown(undefined, "full").includes("remoteIp"));
});

it("logs a valid trace id under the project's name, and no invalid one", () => {
  const trace = (headers: Partial<Record<HeaderName, string>>, traceProject?: string): unknown =>
    accessFields(access("1.1.1.1", headers), configWith(traceProject === undefined ? {} : { traceProject }))[
      "logging.googleapis.com/trace"
    ];
  const id = "0af7651916cd43dd8448eb211c80319c";
  assert.equal(trace({ traceparent: `00-${id}-b7ad6b7169203331-01` }, "p"), `projects/p/traces/${id}`);
  assert.equal(trace({ "x-cloud-trace-context": `${id}/123;o=1` }, "p"), `projects/p/traces/${id}`);
  assert.equal(trace({ traceparent: "junk", "x-cloud-trace-context": "junk" }), undefined);
});

it("converts the decimal span of Google's older header to hexadecimal", () => {
  const id = "0af7651916cd43dd8448eb211c80319c";
  const fields = (context: string): Record<string, unknown> =>
    JSON.parse(JSON.stringify(accessFields(access("1.1.1.1", { "x-cloud-trace-context": context }), configWith({}))));
  assert.equal(fields(`${id}/10;o=1`)["logging.googleapis.com/spanId"], "000000000000000a");
  assert.equal(fields(`${id}/10;o=1`)["logging.googleapis.com/trace_sampled"], true);
  assert.equal(fields(`${id}/18446744073709551615`)["logging.googleapis.com/spanId"], "ffffffffffffffff");
  assert.equal(fields(id)["logging.googleapis.com/spanId"], undefined);
});

it("logs no more of the client's address than configured, whatever headers contain", () => {
  const headers = { ...agent, "x-forwarded-for": "203.0.113.9,35.180.1.77,10.0.0.1", "x-client-latlong": "48.86,2.35" };
  for (const clientAddress of ["none", "network"] as const) {
    const text = JSON.stringify(accessFields(access("35.180.1.77", headers), configWith({ clientAddress })));
    assert.doesNotMatch(text, /203\.0\.113|35\.180\.1\.77|10\.0\.0\.1|48\.86/);
  }
});

it("logs our own host for a request in absolute form", () => {
  const one = access("1.1.1.1");
  const url = (target: string): unknown =>
    (
      accessFields({ ...one, request: { ...one.request, target } }, configWith({}))["httpRequest"] as {
        requestUrl: string;
      }
    ).requestUrl;
  assert.equal(url("http://evil.example/v2/a/manifests/1?x"), "https://artifacts.example.dev/v2/a/manifests/1?x");
});

it("truncates long targets and user agents", () => {
  const long = { ...access("1.1.1.1", { "user-agent": "u".repeat(9000) }) };
  const text = JSON.stringify(
    accessFields({ ...long, request: { ...long.request, target: `/${"t".repeat(9000)}` } }, configWith({})),
  );
  assert.ok(text.length < 2000);
});

function access(address: string | undefined, headers: Partial<Record<HeaderName, string>> = agent): Access {
  return {
    request: asked("GET", "/v2/a/manifests/1", (name) => headers[name as HeaderName]),
    address: address === undefined ? undefined : sliceOf(address),
    client: { cloud: "aws", region: "eu-west-3", place: coordinatesAt(0, 0) },
    route: "manifest",
    mirror: "m",
    status: 307,
    milliseconds: 1.5,
  };
}

const agent = { "user-agent": "containerd/2", traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01" };

function configWith(log: Partial<RedirectorConfig["log"]>): RedirectorConfig {
  const result = parseConfig(JSON.stringify({ ...caseConfig(() => "https://x.example"), log }));
  assert.ok("config" in result);
  return result.config;
}
