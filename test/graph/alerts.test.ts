/** Every alert has a line in the runbook, and every line an alert. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { it } from "mocha";
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
  const resources = await declare(everything, manifests);
  const alerts = resources
    .filter(({ type }) => type.endsWith(":AlertPolicy"))
    .map(({ inputs }) => String(inputs["displayName"]));
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

function escaped(text: string): string {
  return text.replaceAll(/[.+^${}()|[\]\\?]/g, "\\$&");
}
