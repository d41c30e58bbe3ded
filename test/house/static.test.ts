/** The checks that read the code instead of running it: types, format, lint. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { describe, it } from "mocha";

const root = join(import.meta.dirname, "../..");

function succeeds(command: string, ...args: string[]): void {
  const result = spawnSync(process.execPath, [join(root, command), ...args], { cwd: root, encoding: "utf8" });
  assert.equal(result.status, 0, `${command} ${args.join(" ")}\n${result.stdout}${result.stderr}`);
}

describe("static checks", () => {
  it("types: tsc finds nothing", () => succeeds("node_modules/typescript7/lib/tsc.js", "-p", "."));
  it("format and style: biome finds nothing", () =>
    succeeds("node_modules/@biomejs/biome/bin/biome", "check", "--error-on-warnings", "."));
  it("floating and misused promises: oxlint finds none", () => succeeds("node_modules/oxlint/bin/oxlint"));
});
