/** The command line as a whole: every command's help acts on nothing, wrong calls are refused before anything happens, exit codes. */
import assert from "node:assert/strict";
import { execFile, spawnSync } from "node:child_process";
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "mocha";
import { commandLine, commands, optionNames } from "../../../components/commands/command-line.ts";
import { exitCodes } from "../../../components/commands/exit-codes.ts";
import { programs } from "../../../components/commands/programs.ts";
import packageJson from "../../../package.json" with { type: "json" };
import { type EndedCommand, runCommandLines } from "../../support/run-command-lines.ts";

const root = join(import.meta.dirname, "../../..");
const artifacts = join(root, "components/commands/artifacts.mjs");
const names = [...Object.keys(commands), ...programs.map(({ name }) => name), "completion"];
const line = await commandLine();

/** What a command must be given. */
const required: Readonly<Record<string, readonly string[]>> = {
  new: ["tool", "--owners", "g@example.org"],
  promote: ["tool", "app:v1"],
  demote: ["tool", "app:v1"],
  import: ["."],
  verify: ["example.org/app:v1", "--key", "key.pub"],
  attest: ["--project", "tool"],
  sync: ["--mirror", "images-us-central1"],
  fill: ["--mirror", "images-us-central1"],
  completion: ["bash"],
  compare: ["--registry", "registry.example.org/p", "--with", "registry.example.org/q"],
  "aws-credentials": ["--role", "r", "--region", "us-east-1"],
  "engine-install": ["--to", "bin"],
  "engine-run": ["version"],
  "keep-build": ["--built", "a", "--deployed", "b", "--since", "2026-11-29T12:00:00Z"],
  "graph-preview": ["--base", ".", "--head", "."],
  "change-report": ["--before", "a", "--after", "b", "--output", "c", "--run-url", "https://example.org"],
  "preview-report": ["--marker", "m", "--title", "t", "--run-url", "https://example.org"],
};

/** A folder that a command might act on. */
let folder: string;

describe("artifacts", () => {
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "command-line-"));
    await mkdir(join(folder, "manifests/tool"), { recursive: true });
    await writeFile(
      join(folder, "manifests/tool/project.yaml"),
      "description: x\nowners: {group: g@example.org}\nstaging: {images: true}\n",
    );
    await writeFile(
      join(folder, "manifests/tool/images.yaml"),
      `- name: app\n  dmap:\n    "sha256:${"a".repeat(64)}": ["v1"]\n`,
    );
    await mkdir(join(folder, "rehearsal/state"), { recursive: true });
  });
  after(() => rm(folder, { recursive: true }));

  it("has every command that npm run has, and each script is its alias", () => {
    for (const [script, text] of Object.entries(packageJson.scripts)) {
      const [, name = ""] = /^exec node components\/commands\/artifacts\.mjs (\S+)$/.exec(text) ?? [];
      assert.ok(names.includes(name), `${script}: ${text}`);
    }
  });

  it("docs/commands.md says what each command does, in the words of its help", async () => {
    const text = await readFile(join(root, "docs/commands.md"), "utf8");
    for (const command of line.createHelp().visibleCommands(line)) {
      const isDevelopment = ["test", "drills", "bench", "format", "screenshots", "help"].includes(command.name());
      if (!isDevelopment) assert.ok(text.includes(`| \`${command.name()}\` | ${command.summary()} |`), command.name());
    }
  });

  it("--help acts on nothing, wherever it stands, and says what the command does", async () => {
    const before = await contents(folder);
    const calls = names.flatMap((name) => [
      [name, "--help"],
      [name, ...(required[name] ?? []), "-h"],
    ]);
    for (const [index, { code, out, err }] of (await runInOne(calls)).entries()) {
      assert.deepEqual({ code, err }, { code: 0, err: "" });
      assert.match(out, new RegExp(`^Usage: artifacts ${calls[index]?.[0]}`));
    }
    const { code, out } = await run(["clean", "--help"]);
    assert.equal(code, 0);
    assert.match(out, /^Usage: artifacts clean/);
    assert.deepEqual(await contents(folder), before);
  });

  it("loads no command but the one that is called", async () => {
    for (const name of names)
      assert.deepEqual(
        (await commandLine(name)).commands.map((one) => one.name()),
        [name],
      );
  });

  it("an option that a command does not know is refused, with exit code 2", async () => {
    const strict = names.filter((name) => programs.find((program) => program.name === name)?.passes !== true);
    const calls = strict.map((name) => [name, ...(required[name] ?? []), "--no-such-option"]);
    for (const [index, { code, out, err }] of (await runInOne(calls)).entries()) {
      assert.deepEqual({ code, out }, { code: exitCodes.usage, out: "" }, calls[index]?.join(" "));
      assert.match(err, /^error: unknown option '--no-such-option'\n(\(Did you mean .*\)\n)?See artifacts /);
    }
  });

  /** A call as npm leaves it to the script: the arguments that are left, and what npm put into the environment. */
  const swallowed: readonly (readonly [script: string, args: readonly string[], env: Record<string, string>])[] = [
    ["adopt", [], { npm_config_preview_only: "true" }],
    ["demote", ["tool", "app"], { npm_config_dry_run: "true" }],
    ["promote", ["tool", "app:v1"], { npm_config_stack: "staging" }],
    ["sync", ["--mirror", "images-us-central1"], { npm_config_dryrun: "true" }],
    ["audit", [], { npm_config_json: "true" }],
    ["clean", [], { npm_config_halp: "true" }],
    ["start", [], { npm_config_once: "true" }],
    ["pulumi", ["up"], { npm_config_yes: "", npm_config_diff_only: "true" }],
    ["import", ["."], { npm_config_force: "true" }],
  ];
  for (const [script, args, env] of swallowed) {
    const [flag = ""] = Object.entries(env).flatMap(([name, value]) => (value === "" ? [] : [name.slice(11)]));
    it(`npm run ${script} ${args.join(" ")} --${flag.replaceAll("_", "-")}: refused before anything acts`, async () => {
      const before = await contents(folder);
      const npm = { npm_command: "run", npm_lifecycle_event: script, ...env };
      const { code, out, err } = await run([script === "start" ? "rehearse" : script, ...args], npm);
      assert.deepEqual({ code, out }, { code: exitCodes.usage, out: "" });
      assert.match(
        err,
        /^error: npm took --[a-z-]+ for itself, nothing was done: write npm run [a-z]+ -- \.\.\. --[a-z-]+/,
      );
      assert.deepEqual(await contents(folder), before);
    });
  }

  it("npm itself: an option before -- does not reach the script, which refuses", () => {
    const env = { ...process.env, ARTIFACTS_REHEARSAL: join(folder, "rehearsal") };
    const { status, stderr } = spawnSync("npm", ["run", "--silent", "demote", "tool", "app", "--dry-run"], {
      cwd: root,
      env,
      encoding: "utf8",
    });
    assert.equal(status, exitCodes.usage, stderr);
    assert.match(stderr, /error: npm took --dry-run for itself/);
  });

  it("no command and an unknown one are refused, the second with what was meant", async () => {
    const { code, err } = await run([]);
    assert.equal(code, exitCodes.usage);
    assert.match(err, /^Usage: artifacts /);
    const unknown = await run(["promot"]);
    assert.equal(unknown.code, exitCodes.usage);
    assert.match(unknown.err, /^error: unknown command 'promot'\n\(Did you mean promote\?\)\n/);
  });

  it("prints JSON and nothing else with --json, results alone with --quiet", async () => {
    for (const args of [
      ["check", "--json"],
      ["demote", "tool", "app:v1", "--dry-run", "--json"],
    ]) {
      const { code, out, err } = await run(args);
      assert.deepEqual({ code, err }, { code: 0, err: "" });
      assert.equal(typeof JSON.parse(out), "object", out);
    }
    assert.deepEqual(await run(["check", "--quiet"]), { code: 0, out: "", err: "" });
    const { out } = await run(["demote", "tool", "app:v1", "--dry-run", "-q"]);
    assert.match(out, /^- app:v1 sha256:a+\nwarning: this is 1 of 1[^\n]*\n$/);
  });

  it("before npm ci each command says so, in one line", async () => {
    const clone = join(folder, "clone");
    await mkdir(join(clone, "components"), { recursive: true });
    await cp(join(root, "components/commands"), join(clone, "components/commands"), { recursive: true });
    const program = join(clone, "components/commands/artifacts.mjs");
    for (const args of [["check"], ["adopt", "--preview-only"], ["clean"], ["format"], ["rehearse", "--help"]]) {
      const { code, out, err } = await run(args, {}, program);
      assert.deepEqual({ code, out }, { code: exitCodes.error, out: "" });
      assert.match(err, /^error: the dependencies are not installed, or not all of them: run npm ci in \S+\n$/);
    }
    // An old node_modules, of before a dependency was added.
    await mkdir(join(clone, "node_modules"));
    await symlink(join(root, "node_modules/commander"), join(clone, "node_modules/commander"));
    const { err } = await run(["check"], {}, program);
    assert.match(err, /^error: the dependencies are not installed, or not all of them: run npm ci in \S+\n$/);
  });

  it("has no option that npm would not let through, unless it is refused", () => {
    for (const command of line.commands) for (const option of optionNames(command)) assert.match(option, /^[a-z-]+$/);
  });
});

function run(args: readonly string[], env: Record<string, string> = {}, program = artifacts): Promise<EndedCommand> {
  const plain = Object.entries(process.env).filter(([name]) => !name.startsWith("npm_") && name !== "GITHUB_ACTIONS");
  const environment = { ...Object.fromEntries(plain), ARTIFACTS_REHEARSAL: join(folder, "rehearsal"), ...env };
  return new Promise((resolve) => {
    execFile(process.execPath, [program, ...args], { cwd: folder, env: environment }, (error, out, err) =>
      resolve({ code: error === null ? 0 : Number(error.code), out, err }),
    );
  });
}

/** Several command lines in one process, in the folder. */
function runInOne(calls: readonly (readonly string[])[]): Promise<EndedCommand[]> {
  return runCommandLines(calls, { cwd: folder, env: { ARTIFACTS_REHEARSAL: join(folder, "rehearsal") } });
}

/** Every file and folder, and what the files hold. */
async function contents(of: string): Promise<Record<string, string>> {
  const entries = await readdir(of, { recursive: true, withFileTypes: true });
  const texts = entries.map(async (entry) => {
    const path = join(entry.parentPath, entry.name);
    return [path, entry.isFile() ? await readFile(path, "utf8") : ""] as const;
  });
  return Object.fromEntries(await Promise.all(texts));
}
