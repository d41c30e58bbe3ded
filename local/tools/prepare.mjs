// Prepares a clone: installs the dependencies if they are missing or differ from the lockfile.
// Plain JavaScript without imports from node_modules, because it runs before they are installed, on any Node >= 20.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
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
  const result = spawnSync("npm", ["ci", "--no-audit", "--no-fund", "--loglevel=error"], {
    cwd: root,
    stdio: ["ignore", "inherit", "inherit"],
  });
  if (result.error) fail(`npm could not be started (${result.error.message}): install npm, it comes with Node.`);
  if (result.status !== 0) {
    fail("npm ci failed (see above). It needs the npm registry: check the network or npm's `registry` setting.");
  }
  console.log(`Dependencies installed in ${((Date.now() - started) / 1000).toFixed(0)} s`);
}

if (major < 24 && !existsSync(join(root, pinnedNode, "bin/node"))) {
  fail(
    `Node ${process.versions.node} is too old, and npm did not install ${pinnedNode}: optional packages are omitted (npm ci --include=optional), ` +
      "or the registry has no such package or one of other bytes than package-lock.json names. Or install Node 24 (https://nodejs.org).",
  );
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
