import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { type App, createApp } from "../../../redirector/app.ts";
import { buildTable, readFolder } from "../../../redirector/cloud-ranges/build.ts";
import { type LoadedTable, loadTable } from "../../../redirector/cloud-ranges/table.ts";
import { parseConfig, type RedirectorConfig } from "../../../redirector/config.ts";
import { RequestMetrics } from "../../../redirector/metrics.ts";
import type { Answer } from "../../../redirector/request.ts";
import { type Case, caseConfig, caseRanges, cases, holds } from "./cases.ts";
import { silentLog } from "./silent-log.ts";

const config = configured();

test("every case of the table", async (t) => {
  const app = appWith(caseRanges().ranges);
  for (const each of cases) {
    await t.test(nameOf(each), async () => check(each, await ask(app, each)));
  }
});

test("every case of the table, with the clouds' whole ranges", async (t) => {
  const folder = path.join(import.meta.dirname, "../../../../shared/data-cloud-ranges");
  if (!existsSync(folder)) {
    console.warn(`SKIPPED: the cases on the clouds' whole ranges, as ${folder} is not there`);
    t.skip(`${folder} is not there`);
    return;
  }
  const app = appWith(loadTable(buildTable(await readFolder(folder, ["aws", "gcp", "azure"])).bytes));
  for (const each of cases) check(each, await ask(app, each));
});

test("without any table of ranges, clients are served by location alone", async () => {
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

function nameOf({ method, target, headers }: Case): string {
  const shown = target.length > 100 ? `${target.slice(0, 60)}...` : target;
  return `${method} ${shown} ${headers.map(([name, value]) => `${name}: ${value}`).join("; ")}`.trim();
}

function check({ target, expect }: Case, answer: Answer): void {
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

async function ask(app: App, { method, target, headers }: Case): Promise<Answer> {
  return await app.handle({
    method,
    target,
    peer: undefined,
    header: (name) => {
      const values = headers.filter(([each]) => each.toLowerCase() === name).map(([, value]) => value);
      return values.length > 0 ? values.join(", ") : undefined;
    },
  });
}

function appWith(ranges: LoadedTable): App {
  return createApp(config, {
    ranges,
    holds: (_, url) => holds(url),
    metrics: new RequestMetrics(),
    log: silentLog,
    leaving: () => undefined,
  });
}

function configured(): RedirectorConfig {
  const result = parseConfig(JSON.stringify(caseConfig((name) => `https://${name}.example`)));
  if ("errors" in result) throw new Error(result.errors.join("\n"));
  return result.config;
}
