import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import path from "node:path";
import { describe, it } from "mocha";
import { type App, createApp } from "../../../../redirector/app.ts";
import { buildTable, readRangesFolder } from "../../../../redirector/cloud-ranges/build.ts";
import { type LoadedTable, loadTable } from "../../../../redirector/cloud-ranges/table.ts";
import { parseConfig, type RedirectorConfig } from "../../../../redirector/config.ts";
import type { OutgoingResponse } from "../../../../redirector/http1/request.ts";
import type { ExistenceCheck, Presence } from "../../../../redirector/mirrors/existence.ts";
import { RequestMetrics } from "../../../../redirector/telemetry/metrics.ts";
import { skip } from "../../../support/annotations.ts";
import { asked } from "../../../support/redirector/asked.ts";
import { type Case, caseConfig, caseRanges, cases, holds as isThere } from "../../../support/redirector/cases.ts";
import { silentLog } from "../../../support/redirector/silent-log.ts";

const config = configured();

describe("every case of the table", () => {
  const app = appWith(caseRanges().ranges);
  for (const each of cases) it(nameOf(each), async () => check(each, await ask(app, each)));
});

it("every case of the table, with the clouds' complete ranges", async function () {
  const folder = path.join(import.meta.dirname, "../../../../../shared/data-cloud-ranges");
  if (!existsSync(folder)) {
    console.warn(`SKIPPED: the cases on the clouds' whole ranges, as ${folder} is not there`);
    skip(this, `${folder} is not there`);
    return;
  }
  const app = appWith(loadTable(buildTable(await readRangesFolder(folder, ["aws", "gcp", "azure"])).bytes));
  for (const each of cases) check(each, await ask(app, each));
});

it("a file's path of more than 1,024 bytes is unknown, however it is encoded: no store has such an object", async () => {
  const app = appWith(loadTable(buildTable({}).bytes), () => "present");
  const named = "binaries/demo/".length;
  const status = async (rest: string) =>
    (await ask(app, { method: "GET", target: `/binaries/demo/${rest}`, headers: [] })).status;
  const longest = "x".repeat(1_024 - named);
  assert.deepEqual([await status(longest), await status(`${longest}x`)], [307, 404]);
  const encoded = "%C3%A9".repeat((1_024 - named) / 2);
  assert.deepEqual([await status(encoded), await status(`${encoded}%C3%A9`)], [307, 404]);
});

it("without a table of ranges, mirrors are chosen by location only", async () => {
  const app = appWith(loadTable(buildTable({}).bytes));
  const [request] = cases.filter(
    (each) => each.target.includes("/blobs/") && each.headers[0]?.[1] === "35.180.1.1,10.0.0.1",
  );
  assert.ok(request);
  assert.equal(
    (await ask(app, request)).location,
    `https://files-eu-north-1.example/files-eu-north-1/containers/images/${request.target.split("/").at(-1)}`,
  );
});

it("checks no mirror for a refused request, and only the mirror of the redirect", async () => {
  const asked: string[] = [];
  const app = appWith(caseRanges().ranges, ({ url }) => {
    asked.push(url);
    return "present";
  });
  for (const each of cases) {
    asked.length = 0;
    const { status, location } = await ask(app, each);
    if (status !== 307) assert.deepEqual(asked, [], each.target);
    else if (asked.length > 0) assert.deepEqual(asked, [location?.replace(/\?.*/, "")], each.target);
  }
});

it("does not check an unhealthy mirror", async () => {
  const app = appWith(caseRanges().ranges, ({ asked }) => assert.fail(asked));
  for (const mirror of app.mirrors.images) mirror.healthy = false;
  const { location } = await ask(app, { method: "GET", target: "/v2/a/manifests/1", headers: [] });
  assert.equal(new URL(location ?? "").host, "images-us-central1.example");
});

it("chooses the redirect by check result and healthy mirrors", async () => {
  const rows: [unhealthy: string[], presence: Presence, expected: string][] = [
    [[], "present", "europe-north1"],
    [[], "absent", "us-central1"],
    [[], "failing", "us-central1"],
    // Nobody knows: its own mirror, as if it had not been asked.
    [[], "unknown", "europe-north1"],
    [["europe-north1"], "present", "us-central1"],
    // There is no other: a try at the one that may have it.
    [["us-central1"], "absent", "europe-north1"],
    [["us-central1"], "failing", "europe-north1"],
    [["us-central1", "europe-north1"], "absent", "us-central1"],
  ];
  for (const [unhealthy, held, expected] of rows) {
    const app = appWith(caseRanges().ranges, () => held);
    for (const mirror of app.mirrors.images) mirror.healthy = !unhealthy.includes(mirror.site.region);
    const { location } = await ask(app, { method: "GET", target: "/v2/a/manifests/1", headers: [] });
    assert.equal(new URL(location ?? "").host, `images-${expected}.example`, `${unhealthy.join()} ${held}`);
  }
});

it("clients of a failing mirror go to the next nearest, those of a mirror without the object to the canonical one", async () => {
  const places = { "us-central1": [41.26, -95.86], "europe-north1": [60.57, 27.19], "europe-west1": [50.45, 3.82] };
  const imageMirrors = Object.entries(places).map(([region, [latitude = 0, longitude = 0]]) => ({
    ...config.imageMirrors[0]!,
    name: region,
    url: `https://${region}.example/v2`,
    region,
    latitude,
    longitude,
  }));
  for (const [held, busy, expected] of [
    ["failing", [], "europe-west1"],
    ["absent", [], "us-central1"],
    // The quota of a region is used up: its clients spill over to the next region that has some left.
    ["busy", ["europe-north1"], "europe-west1"],
    ["busy", ["europe-north1", "europe-west1"], "us-central1"],
    ["busy", Object.keys(places), "europe-north1"],
  ] as const) {
    const isBusy = (mirror: string): boolean => (busy as readonly string[]).includes(mirror);
    const holds = ({ asked }: { readonly asked: string }) => (asked === "europe-north1" ? held : "present");
    const app = appWith(caseRanges().ranges, holds, { imageMirrors }, isBusy);
    const { location } = await ask(app, { method: "GET", target: "/v2/a/manifests/1", headers: [] });
    assert.equal(new URL(location ?? "").host, `${expected}.example`);
  }
});

it("with the default, only clients inside AWS get layers from its buckets", async () => {
  const app = appWith(caseRanges().ranges, () => "present", { layerClients: "same-cloud" });
  const target = `/v2/pause/blobs/sha256:${"a".repeat(64)}`;
  for (const [address, expected] of [
    ["35.180.1.1", "files-eu-west-3"],
    ["15.193.31.1", "files-eu-north-1"], // AWS without a region: where the instance serves
    ["20.42.0.1", "images-us-central1"],
    ["35.220.26.1", "images-europe-north1"],
    ["8.8.8.8", "images-europe-north1"],
  ] as const) {
    const { location } = await ask(app, {
      method: "GET",
      target,
      headers: [["X-Forwarded-For", `${address},10.0.0.1`]],
    });
    assert.equal(new URL(location ?? "").host, `${expected}.example`, address);
  }
});

it("with existence.mirrors off checks no mirrors, but still buckets for layers", async () => {
  const asked: string[] = [];
  const app = appWith(
    caseRanges().ranges,
    ({ asked: mirror, isPublishedOnly }) => {
      if (isPublishedOnly) return "unknown"; // as Existence does
      asked.push(mirror);
      return "absent";
    },
    { existence: { ...config.existence, mirrors: false } },
  );
  for (const target of ["/v2/a/manifests/1", "/binaries/x", `/v2/a/blobs/sha256:${"a".repeat(64)}`]) {
    const { location } = await ask(app, { method: "GET", target, headers: [["X-Forwarded-For", "35.180.1.1,1"]] });
    assert.match(location ?? "", /-europe-north1\.example|-eu-west-3\.example/);
  }
  assert.deepEqual(asked, ["files-eu-west-3"]);
});

function nameOf({ method, target, headers }: Case): string {
  const shown = target.length > 100 ? `${target.slice(0, 60)}...` : target;
  return `${method} ${shown} ${headers.map(([name, value]) => `${name}: ${value}`).join("; ")}`.trim();
}

function check({ target, expect }: Case, answer: OutgoingResponse): void {
  if ("mirror" in expect) {
    const mirror = [...config.imageMirrors, ...config.fileMirrors].find(({ name }) => name === expect.mirror);
    assert.equal(answer.location, `${mirror?.url}${expect.path}`, target);
    assert.equal(answer.status, 307);
    return;
  }
  assert.equal(answer.status, expect.status, target);
  assert.equal(answer.location, expect.location);
  if (expect.text !== undefined) assert.equal(answer.body, expect.text);
  if (expect.code !== undefined) {
    const { errors } = JSON.parse(answer.body ?? "") as { errors: { code: string; message: string }[] };
    assert.equal(errors.length, 1);
    assert.equal(errors[0]?.code, expect.code, target);
    assert.match(errors[0]?.message ?? "", /\w/);
    assert.ok(answer.headers.some(([name, value]) => name === "Content-Type" && value === "application/json"));
  }
  const allow = answer.headers.find(([name]) => name === "Allow")?.[1];
  assert.equal(allow, answer.status === 405 ? "GET, HEAD" : undefined);
}

async function ask(app: App, { method, target, headers }: Omit<Case, "expect">): Promise<OutgoingResponse> {
  const header = (name: string): string | undefined => {
    const values = headers.filter(([each]) => each.toLowerCase() === name).map(([, value]) => value);
    return values.length > 0 ? values.join(", ") : undefined;
  };
  return await app.handle(asked(method, target, header));
}

function appWith(
  ranges: LoadedTable,
  holds: (question: ExistenceCheck) => Presence = ({ url }) => (isThere(url) ? "present" : "absent"),
  changes: Partial<RedirectorConfig> = {},
  isBusy?: (mirror: string) => boolean,
): App {
  return createApp(
    { ...config, ...changes },
    {
      ranges,
      holds,
      knowledge: { isBusy },
      metrics: new RequestMetrics(),
      log: silentLog,
      leaving: () => undefined,
    },
  );
}

function configured(): RedirectorConfig {
  const result = parseConfig(JSON.stringify(caseConfig((name) => `https://${name}.example`)));
  if ("errors" in result) throw new Error(result.errors.join("\n"));
  return result.config;
}
