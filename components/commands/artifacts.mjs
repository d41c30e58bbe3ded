#!/usr/bin/env node
// The command `artifacts`: `npx artifacts COMMAND ...` in a clone, or an npm script of package.json. Plain JavaScript without imports
// from node_modules, because it runs before they are installed, on any Node >= 20: no name is imported that Node 20 lacks.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import * as nodeModule from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "../..");
const args = process.argv.slice(2);

// The first steps of a stranger with a new clone: they install what is missing. No other command, and no --help, does.
const installing =
  ["rehearse", "test", "drills"].includes(args[0] ?? "") && !args.some((word) => /^(-h|--help)$/.test(word));
if (installing) prepare();

// Where the lockfile pins Node by hash: on Linux. Elsewhere it is the Node 24 of PATH.
const node = join(root, `node_modules/node-${process.platform}-${process.arch}/bin/node`);
if (!existsSync(join(root, "node_modules/commander/package.json"))) missing();
else if (Number(process.versions.node.split(".")[0]) >= 24) await run();
else if (existsSync(node)) {
  // Ctrl-C reaches both processes: the child decides how it ends.
  process.on("SIGINT", () => {});
  const { status, error } = spawnSync(node, [fileURLToPath(import.meta.url), ...args], { stdio: "inherit" });
  if (error) fail(`${node} cannot be started: ${error.message}`);
  process.exitCode = status ?? 1;
} else {
  const pinned = process.platform === "linux" && ["x64", "arm64"].includes(process.arch);
  fail(
    `Node ${process.versions.node} is too old, and node_modules has none for ${process.platform}-${process.arch}: ${pinned ? "run npm ci --include=optional, or install Node 24," : "install Node 24 (https://nodejs.org)"} and run this again`,
  );
}

async function run() {
  nodeModule.enableCompileCache?.(join(root, "node_modules/.cache/compile"));
  try {
    const { runCommandLine } = await import("./command-line.ts");
    await runCommandLine(args);
  } catch (error) {
    // A dependency that is newer than what is installed; a file of our own would be our mistake.
    if (error?.code === "ERR_MODULE_NOT_FOUND" && /Cannot find package/.test(error.message)) missing();
    else throw error;
  }
}

/** Installs what is missing, as a program of its own: no command depends on the rehearsal's files. */
function prepare() {
  const { status, error } = spawnSync(process.execPath, [join(root, "local/tools/prepare.mjs")], { stdio: "inherit" });
  if (error) fail(`the preparation cannot be started: ${error.message}`);
  if (status !== 0) process.exit(status ?? 1);
}

function missing() {
  fail(`the dependencies are not installed, or not all of them: run npm ci in ${root}`);
}

function fail(message) {
  console.error(`error: ${message}`);
  process.exitCode = 1;
}
