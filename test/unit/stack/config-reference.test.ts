/** docs/config.md is the reference of the settings: complete, and with the defaults that hold. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { it } from "mocha";
import { parse } from "yaml";

const root = new URL("../../../", import.meta.url);
const [reference, pulumi] = await Promise.all(
  ["docs/config.md", "Pulumi.yaml"].map((file) => readFile(new URL(file, root), "utf8")),
);
const declared = (parse(pulumi ?? "") as { config: Record<string, { default?: unknown }> }).config;

/** The cells of each row that begins with a setting, by the setting. */
const rows = new Map(
  [...(reference ?? "").matchAll(/^\| `([a-z]+:\w+)` \|(.*)\|$/gm)].map(([, setting = "", cells = ""]) => [
    setting,
    cells.split(" | ").map((cell) => cell.trim()),
  ]),
);

it("has a row for each setting of Pulumi.yaml, and none for another one", () => {
  const documented = [...rows.keys()].filter((setting) => setting.startsWith("artifacts:"));
  assert.deepEqual(
    documented.sort(),
    Object.keys(declared)
      .map((key) => `artifacts:${key}`)
      .sort(),
  );
});

for (const [key, { default: byDefault }] of Object.entries(declared)) {
  if (byDefault === undefined || key === "zoneId") continue;
  it(`says the default of artifacts:${key}`, () => {
    const shown = typeof byDefault === "string" ? byDefault : JSON.stringify(byDefault);
    const wanted = key === "googlePrefix" ? "artifacts:organization" : shown === "" ? "none" : shown;
    assert.equal(rows.get(`artifacts:${key}`)?.[0]?.replaceAll("`", ""), wanted);
  });
}

it("names the settings of the clouds' own providers that the program reads", () => {
  for (const setting of ["gcp:project", "aws:region", "aws:allowedAccountIds"]) assert.ok(rows.has(setting), setting);
});
