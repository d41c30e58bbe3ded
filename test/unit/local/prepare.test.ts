/** What makes a fresh clone, or one with stale dependencies, runnable: local/tools/prepare.mjs on the machine's own Node. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, it } from "mocha";

const script = join(import.meta.dirname, "../../../local/tools/prepare.mjs");
let root: string;

describe("local/tools/prepare.mjs", () => {
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), "prepare-"));
    write("package-lock.json", lock);
    mkdirSync(join(root, "local/tools"), { recursive: true });
    copyFileSync(script, join(root, "local/tools/prepare.mjs"));
    // Stands for npm: notes that it was called, installs what the lockfile says.
    npm(`echo "$@" > called; mkdir -p node_modules && cp installed.json node_modules/.package-lock.json`);
    write("installed.json", installed);
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  const a = { version: "1.0.0", integrity: "sha512-a" };
  const other = { version: "2.0.0", integrity: "sha512-b", optional: true, os: ["nowhere"] };
  const lock = { packages: { "": { name: "x" }, "node_modules/a": a, "node_modules/other": other } };
  const installed = { packages: { "node_modules/a": a } };

  it("a fresh clone: npm ci, once", () => {
    const first = prepare();
    assert.equal(first.status, 0, first.output);
    assert.ok(first.installs);
    assert.match(first.output, /npm ci.*none are installed/);
    const second = prepare();
    assert.equal(second.status, 0, second.output);
    assert.ok(!second.installs, "the optional package of another platform is no reason");
  });

  it("another version in the lockfile: npm ci, and says why", () => {
    prepare();
    const newer = { version: "1.1.0", integrity: "sha512-c" };
    write("package-lock.json", { packages: { ...lock.packages, "node_modules/a": newer } });
    write("installed.json", { packages: { "node_modules/a": newer } });
    const run = prepare();
    assert.ok(run.installs);
    assert.match(run.output, /a is 1\.0\.0, not 1\.1\.0/);
  });

  it("a package that is missing: npm ci, and says which", () => {
    prepare();
    write("package-lock.json", { packages: { ...lock.packages, "node_modules/b": a } });
    assert.match(prepare().output, /b is missing/);
  });

  describe("the compiler, meanwhile", () => {
    beforeEach(() => {
      const [flags, compiler, rehearsal] = [["-a"], ["-b"], ["-c"]];
      write("local/tools/go-build.json", { flags, compiler, rehearsal, environment: { GOWORK: "off" } });
      // Stands for Go: notes how it is called and compiles until it is interrupted.
      const go = `trap 'echo interrupted >> ${root}/compiled; exit 1' INT; echo "$PWD $GOWORK $@" > ${root}/compiled; while :; do sleep 0.05; done`;
      program("go", go);
      npm(
        `while ! [ -s ${root}/compiled ]; do sleep 0.05; done; mkdir -p node_modules && cp installed.json node_modules/.package-lock.json`,
      );
    });
    const compiled = () => readFileSync(join(root, "compiled"), "utf8");

    it("begins with the rehearsal's programs, and is interrupted when npm ends", () => {
      assert.equal(prepare(undefined, { ARTIFACTS_CACHE: join(root, "cache") }).status, 0);
      assert.equal(compiled(), `${join(root, "local/tools")} off build -a -b -c tool\ninterrupted\n`);
    });

    it("is not there on a machine that has built programs, or has prebuilt ones", () => {
      npm("mkdir -p node_modules && cp installed.json node_modules/.package-lock.json");
      mkdirSync(join(root, "cache/go-0123"), { recursive: true });
      assert.equal(prepare(undefined, { ARTIFACTS_CACHE: join(root, "cache") }).status, 0);
      rmSync(join(root, "node_modules"), { recursive: true });
      const empty = { ARTIFACTS_CACHE: join(root, "other"), ARTIFACTS_TOOLS: "/opt/tools" };
      assert.equal(prepare(undefined, empty).status, 0);
      assert.ok(!existsSync(join(root, "compiled")));
    });
  });

  it("npm ci fails: one clear error, exit 1", () => {
    npm("echo 'npm error network' >&2; exit 1");
    const run = prepare();
    assert.equal(run.status, 1);
    assert.match(run.output, /error: npm ci failed .*network/);
  });

  it("no npm: one clear error, exit 1", () => {
    const run = prepare(join(root, "nothing"));
    assert.equal(run.status, 1);
    assert.match(run.output, /error: npm could not be started .*install npm/);
  });
});

function write(path: string, value: unknown): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), JSON.stringify(value));
}

const npm = (body: string): void => program("npm", body);

/** Puts a shell script first on the PATH. */
function program(name: string, body: string): void {
  mkdirSync(join(root, "bin"), { recursive: true });
  writeFileSync(join(root, "bin", name), `#!/bin/sh\n${body}\n`);
  chmodSync(join(root, "bin", name), 0o755);
}

function prepare(
  path = `${join(root, "bin")}:/usr/bin:/bin`,
  environment: NodeJS.ProcessEnv = {},
): { status: number | null; output: string; installs: boolean } {
  rmSync(join(root, "called"), { force: true });
  const result = spawnSync(process.execPath, [join(root, "local/tools/prepare.mjs")], {
    cwd: root,
    encoding: "utf8",
    env: { ...process.env, ...environment, PATH: path },
  });
  return { status: result.status, output: result.stdout + result.stderr, installs: existsSync(join(root, "called")) };
}
