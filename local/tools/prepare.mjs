// Prepares a clone: installs the dependencies if they are missing or differ from the lockfile.
// Plain JavaScript without imports from node_modules, because it runs before they are installed, on any Node >= 20.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "../..");
const major = Number(process.versions.node.split(".")[0]);

if (major < 20) fail(`Node ${process.versions.node} is too old: install Node 20 or newer.`);

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

// The `node` package puts Node 24 first on PATH in npm scripts. Its install script fetches the binary.
if (!existsSync(join(root, "node_modules/.bin/node")) || !existsSync(join(root, "node_modules/node/bin/node"))) {
  if (major < 24) {
    fail(
      "node_modules/.bin/node is missing: npm's install scripts seem to be disabled (ignore-scripts). " +
        "Run `npm rebuild node bun --ignore-scripts=false`, or use Node 24.",
    );
  }
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
      // Optional packages of other platforms are in the lockfile but not installed.
      if (entry.optional || entry.devOptional) continue;
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
