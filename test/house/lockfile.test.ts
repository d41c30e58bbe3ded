/** What `npm ci` needs to install the same everywhere. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { it } from "mocha";
import packageJson from "../../package.json" with { type: "json" };

interface Entry {
  readonly version?: string;
  readonly integrity?: string;
  readonly resolved?: string;
  readonly optional?: boolean;
  readonly os?: readonly string[];
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}
const text = readFileSync(join(import.meta.dirname, "../../package-lock.json"), "utf8");
const entries = Object.entries((JSON.parse(text) as { packages: Record<string, Entry> }).packages).filter(([at]) => at);

it("package.json pins every dependency exactly", () => {
  const all = { ...packageJson.dependencies, ...packageJson.devDependencies };
  for (const [name, version] of Object.entries(all)) {
    assert.match(version, /^(npm:[^@]+@)?\d+\.\d+\.\d+$/, name);
  }
});

it("the lockfile has the integrity of all that is installed here, and says for which platform the others are", () => {
  for (const [at, entry] of entries) {
    if (entry.integrity !== undefined) continue;
    assert.ok(
      entry.optional && entry.os && entry.os.length > 0,
      `${at} has neither integrity nor a platform of its own`,
    );
  }
});

it("the lockfile names the optional packages of every platform, or npm ci refuses it there (complete-lockfile.mjs)", () => {
  const present = new Set(entries.map(([at]) => at));
  for (const [at, entry] of entries) {
    for (const name of Object.keys(entry.optionalDependencies ?? {})) {
      assert.ok(present.has(`node_modules/${name}`) || present.has(`${at}/node_modules/${name}`), `${name} of ${at}`);
    }
  }
});
