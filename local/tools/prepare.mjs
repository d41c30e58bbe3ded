// Prepares a clone: installs the dependencies if they are missing or differ from the lockfile.
// Plain JavaScript without imports from node_modules, because it runs before they are installed, on any Node >= 20.
import { spawn, spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "../..");
const major = Number(process.versions.node.split(".")[0]);

if (major < 20) fail(`Node ${process.versions.node} is too old: install Node 20 or newer.`);

// The program needs Node 24. On Linux the lockfile pins it by hash; elsewhere it is the one of PATH, which runs this.
const pinnedNode = `node_modules/node-${process.platform}-${process.arch}`;

const stale = staleness();
if (stale !== undefined) {
  console.log(`Installing dependencies (npm ci): ${stale}`);
  const started = Date.now();
  const compiler = beginTools();
  const result = spawnSync("npm", ["ci", "--no-audit", "--no-fund", "--loglevel=error"], {
    cwd: root,
    stdio: ["ignore", "inherit", "inherit"],
  });
  if (result.error) fail(`npm could not be started (${result.error.message}): install npm, it comes with Node.`);
  if (result.status !== 0) {
    fail("npm ci failed (see above). It needs the npm registry: check the network or npm's `registry` setting.");
  }
  console.log(`Dependencies installed in ${((Date.now() - started) / 1000).toFixed(0)} s`);
  await interrupt(compiler);
}

if (major < 24 && !existsSync(join(root, pinnedNode, "bin/node"))) {
  fail(
    `Node ${process.versions.node} is too old, and npm did not install ${pinnedNode}: optional packages are omitted (npm ci --include=optional), ` +
      "or the registry has no such package or one of other bytes than package-lock.json names. Or install Node 24 (https://nodejs.org).",
  );
}

/**
 * Begins to compile the rehearsal's programs, on a machine that has none of them: npm waits for the network, and the compiler takes minutes.
 * go-tools.ts, which needs the dependencies, then finds the packages in Go's own cache. Without Go it says what to install.
 */
function beginTools() {
  const { ARTIFACTS_TOOLS, ARTIFACTS_CACHE, XDG_CACHE_HOME } = process.env;
  const cache = ARTIFACTS_CACHE || join(XDG_CACHE_HOME || join(homedir(), ".cache"), "artifacts");
  if (ARTIFACTS_TOOLS || (existsSync(cache) && readdirSync(cache).some((name) => name.startsWith("go-"))))
    return undefined;
  const folder = join(root, "local/tools");
  const file = join(folder, "go-build.json");
  if (!existsSync(file)) return undefined;
  const { flags, compiler, rehearsal, environment } = JSON.parse(readFileSync(file, "utf8"));
  const options = { cwd: folder, env: { ...process.env, ...environment }, stdio: "ignore" };
  const child = spawn("go", ["build", ...flags, ...compiler, ...rehearsal, "tool"], options).on("error", () => {});
  process.once("exit", () => child.kill("SIGINT"));
  return child;
}

/** Interrupts the compiler, which ends with the packages that it is at, and waits for it. */
async function interrupt(compiler) {
  if (compiler?.pid === undefined) return;
  const ended = new Promise((resolve) => compiler.once("exit", resolve));
  compiler.kill("SIGINT");
  await ended;
}

/** How node_modules differs from package-lock.json; undefined if it does not. Compares npm's record of the installed packages. */
function staleness() {
  const record = join(root, "node_modules/.package-lock.json");
  if (!existsSync(record)) return "none are installed";
  const wanted = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")).packages;
  const present = JSON.parse(readFileSync(record, "utf8")).packages;
  for (const [path, entry] of Object.entries(wanted)) {
    if (path === "") continue;
    const installed = present[path];
    if (installed === undefined) {
      // Optional packages of other platforms, and those that a registry lacks, are in the lockfile but not installed. The Node of this platform
      // is, where this one is too old.
      if ((entry.optional || entry.devOptional) && (path !== pinnedNode || major >= 24)) continue;
      return `${path.replace(/^node_modules\//, "")} is missing`;
    }
    if (installed.version !== entry.version || installed.integrity !== entry.integrity) {
      return `${path.replace(/^node_modules\//, "")} is ${installed.version}, not ${entry.version}`;
    }
  }
  return undefined;
}

function fail(message) {
  console.error(`error: ${message}`);
  process.exit(1);
}
