/** Dead code: files that nothing imports, and exports that no other file uses. knip.json names the programs that start from a file. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { it } from "mocha";
import { afterTest } from "../support/cleanup.ts";

const root = join(import.meta.dirname, "../..");

function knip(cwd: string, ...args: string[]): { status: number | null; output: string } {
  const program = join(root, "node_modules/knip/bin/knip.js");
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...args], { cwd, encoding: "utf8" });
  return { status, output: stdout + stderr };
}

it("every file and every export is used", () => {
  const { status, output } = knip(root);
  assert.equal(status, 0, output);
});

it("every export is used outside of tests, or says @internal", () => {
  const { status, output } = knip(root, "--production", "--config", "knip.production.json");
  assert.equal(status, 0, output);
});

it("the check finds an unused export and an unused file", () => {
  const folder = mkdtempSync(join(tmpdir(), "unused-"));
  afterTest(() => rmSync(folder, { recursive: true }));
  mkdirSync(join(folder, "src"));
  const files = {
    "package.json": JSON.stringify({ name: "probe", type: "module" }),
    "knip.json": JSON.stringify({ entry: ["src/main.ts"], project: ["src/*.ts"] }),
    "src/main.ts": 'import { used } from "./both.ts";\nconsole.log(used);\n',
    "src/both.ts": "export const used = 1;\nexport const unusedExport = 2;\n",
    "src/unused-file.ts": "export const alone = 3;\n",
  };
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  const { status, output } = knip(folder);
  assert.notEqual(status, 0, output);
  assert.match(output, /unusedExport/);
  assert.match(output, /unused-file\.ts/);
});

it("the check finds an export that only a test uses, unless it says @internal", () => {
  const folder = mkdtempSync(join(tmpdir(), "unused-"));
  afterTest(() => rmSync(folder, { recursive: true }));
  mkdirSync(join(folder, "src"));
  const files = {
    "package.json": JSON.stringify({ name: "probe", type: "module" }),
    "knip.production.json": JSON.stringify({
      entry: ["src/main.ts!", "src/some.test.ts"],
      project: ["src/*.ts!", "!src/*.test.ts!"],
      include: ["exports"],
    }),
    "src/main.ts": 'import { used } from "./both.ts";\nconsole.log(used);\n',
    "src/both.ts": "export const used = 1;\nexport const forTests = 2;\n/** @internal */\nexport const declared = 3;\n",
    "src/some.test.ts": 'import { declared, forTests } from "./both.ts";\nconsole.log(declared, forTests);\n',
  };
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  const { status, output } = knip(folder, "--production", "--config", "knip.production.json");
  assert.notEqual(status, 0, output);
  assert.match(output, /forTests/);
  assert.doesNotMatch(output, /declared/);
});
