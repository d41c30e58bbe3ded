/** Every alert has a line in the runbook, looks at what it is about, and says what is true. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { it } from "mocha";
import { parse } from "yaml";
import type { Declared } from "../../local/graph/record-program.ts";
import { everything, manifests } from "../support/graph/fixtures.ts";
import { declare } from "../support/graph/program.ts";

it("every alert has a line in docs/operating.md, and every line an alert", async () => {
  const document = await readFile(new URL("../../docs/operating.md", import.meta.url), "utf8");
  const [, table = ""] = /^## Alerts\n(.*?)^## /ms.exec(document) ?? [];
  const lines = [...table.matchAll(/^\| (.+?) \| (.+) \|$/gm)].slice(1).map(([, alert = ""]) => alert);
  const patterns = lines.map((line) => ({
    line,
    pattern: new RegExp(`^${line.split("\\*").map(escaped).join(".+")}$`),
  }));
  const alerts = (await alertPolicies()).map(({ inputs }) => String(inputs["displayName"]));
  assert.ok(alerts.length > 10);
  assert.deepEqual(
    alerts.filter((alert) => !patterns.some(({ pattern }) => pattern.test(alert))),
    [],
    "alerts without a line",
  );
  assert.deepEqual(
    patterns.filter(({ pattern }) => !alerts.some((alert) => pattern.test(alert))).map(({ line }) => line),
    [],
    "lines without an alert",
  );
});

/** What the alerts of the list look at, by the beginning of their names. */
const looksAt: Readonly<Record<string, readonly string[]>> = {
  "Artifact Registry refuses requests": [
    'metric.type=\\"serviceruntime.googleapis.com/quota/exceeded\\"',
    'resource.label.service=\\"artifactregistry.googleapis.com\\"',
    '"ALIGN_COUNT_TRUE"', // the metric is a truth value
  ],
  "Artifact Registry: more than 80 %": [
    'increase(serviceruntime_googleapis_com:quota_rate_net_usage{monitored_resource=\\"consumer_quota\\",service=\\"artifactregistry.googleapis.com\\"}[1m])',
    "/ min by (quota_metric, location) (min_over_time(serviceruntime_googleapis_com:quota_limit{",
    "[1d]) > 0) > 0.8",
  ],
  "The buckets sent more than 1000 GiB": ["storage_googleapis_com:network_sent_bytes_count", "[24h])) > 1073741824000"],
  "The certificate of artifacts.example.org": ["uptime_check/time_until_ssl_cert_expires", '"COMPARISON_LT"'],
  "The certificate of registry.example.org": ["uptime_check/time_until_ssl_cert_expires", '"COMPARISON_LT"'],
  "A fill failed": [
    "sum by (location) (increase(run_googleapis_com:job_completed_execution_count{",
    'job_name=\\"artifacts-fill\\",result=\\"failed\\"}[6h])) > 0 or sum by (location) (increase(',
    "user_artifacts_fill_given_up_sum",
  ],
  "A fill makes no progress": [
    'run_googleapis_com:job_running_executions{monitored_resource=\\"cloud_run_job\\",job_name=\\"artifacts-fill\\"}[10m])) > 0 unless on (location)',
    "logging_googleapis_com:user_artifacts_fill_progress",
    '"7200s"',
  ],
  "Production is no longer compared": ["absent_over_time(logging_googleapis_com:user_artifacts_drift_compared"],
  "A deploy failed, or production differs": ['logs/artifacts\\" severity>=ERROR'],
};

for (const [name, parts] of Object.entries(looksAt))
  it(`the alert "${name} ..." looks at what it is about`, async () => {
    const found = (await alertPolicies()).filter(({ inputs }) => String(inputs["displayName"]).startsWith(name));
    assert.equal(found.length, 1);
    const conditions = JSON.stringify(found[0]!.inputs["conditions"]);
    for (const part of parts) assert.ok(conditions.includes(part), `${part} is not in ${conditions}`);
  });

it("an alert whose text says that a deploy repairs something says that it has to refresh: a deploy of a merge does not look", async () => {
  const { jobs } = parse(await readFile(new URL("../../.github/workflows/drift.yml", import.meta.url), "utf8")) as {
    jobs: { compare: { steps: { env?: { MESSAGE?: string } }[] } };
  };
  const texts = [
    ...(await alertPolicies()).map(({ inputs }) => (inputs["documentation"] as { content: string }).content),
    ...jobs.compare.steps.flatMap(({ env }) => env?.MESSAGE ?? []),
  ].filter((text) => /\brepairs\b/.test(text));
  assert.equal(texts.length, 6, texts.join("\n")); // of four certificates, of drift, and the line in the log
  for (const text of texts) assert.match(text, /deploy`?, run by hand|run the workflow `deploy` by hand/);
  for (const text of texts) assert.match(text, /refresh/);
});

let declared: Promise<readonly Declared[]> | undefined;

/** The program with every option is run once. */
async function alertPolicies(): Promise<readonly Declared[]> {
  declared ??= declare(everything, manifests);
  return (await declared).filter(({ type }) => type.endsWith(":AlertPolicy"));
}

function escaped(text: string): string {
  return text.replaceAll(/[.+^${}()|[\]\\?]/g, "\\$&");
}
