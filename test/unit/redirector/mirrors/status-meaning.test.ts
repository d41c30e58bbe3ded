/** Every status that a mirror can answer, and what follows. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { it } from "mocha";
import { isServing, type ObjectStatus, objectStatus } from "../../../../redirector/mirrors/status-meaning.ts";

/** The rows of the table in redirector/README.md. */
const rows: [statuses: string, object: ObjectStatus, root: boolean, probePath: boolean][] = [
  ["200-399", "present", true, true],
  ["404, 410", "absent", true, false],
  ["429", "busy", true, false],
  ["408, 425", "failing", true, false],
  ["other 400-499", "refused", true, false],
  ["500-599", "failing", false, false],
];

it("maps each status from 200 to 599 of an object, a mirror's root and its probePath", () => {
  const named = rows.flatMap(([statuses]) => (statuses.startsWith("other") ? [] : statuses.split(", ")));
  const isNamed = (status: number): string | undefined =>
    named.find((each) => {
      const [from, to = from] = each.split("-").map(Number) as [number, number?];
      return status >= from && status <= to;
    });
  for (let status = 200; status < 600; status++) {
    const name = isNamed(status) ?? "other 400-499";
    const row = rows.find(([statuses]) => statuses.split(", ").includes(name))!;
    const found = [objectStatus(status), isServing(status, false), isServing(status, true)];
    assert.deepEqual(found, row.slice(1), String(status));
  }
});

it("the table in the README says the same", () => {
  const text = readFileSync(path.join(import.meta.dirname, "../../../../redirector/README.md"), "utf8");
  for (const [statuses, object, root, probePath] of rows) {
    const serving = (is: boolean) => (is ? "healthy" : "unhealthy");
    const row = `| ${statuses} | ${object} | ${serving(root)} | ${serving(probePath)} |`;
    assert.ok(text.includes(row), row);
  }
});
