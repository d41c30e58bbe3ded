// `node local/tools/complete-lockfile.mjs`: run after `npm install`. Adds to package-lock.json the optional packages of other platforms that
// the registry in use lacks (a mirror may have only some). npm drops these from the lockfile, and `npm ci` then fails because they are
// missing. They are added with version, platform and the integrity that the registry of npm's settings names; without one, nothing is written.
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const path = join(dirname(fileURLToPath(import.meta.url)), "../../package-lock.json");
const lock = JSON.parse(readFileSync(path, "utf8"));
const added = [];

for (const [parent, entry] of Object.entries(lock.packages)) {
  for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
    const own = `${parent}/node_modules/${name}`;
    const shared = `node_modules/${name}`;
    if (lock.packages[own] || lock.packages[shared]) continue;
    if (!/^\d+\.\d+\.\d+\S*$/.test(version))
      throw new Error(`${parent} requires ${name}@${version}, which is not an exact version`);
    lock.packages[shared] = {
      version,
      integrity: integrityOf(`${name}@${version}`),
      ...platform(name),
      ...(entry.dev ? { dev: true } : {}),
      optional: true,
    };
    added.push(name);
  }
}
lock.packages = Object.fromEntries(Object.entries(lock.packages).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)));
writeFileSync(path, `${JSON.stringify(lock, null, 2)}\n`);
console.log(added.length === 0 ? "nothing is missing" : `added ${added.join(", ")}`);

/** Its hash, by the registry: an entry without one would be installed whatever its bytes are. */
function integrityOf(spec) {
  const { stdout, error } = spawnSync("npm", ["view", spec, "dist.integrity"], { encoding: "utf8" });
  if (error) throw error;
  if (!stdout.startsWith("sha512-"))
    throw new Error(`the registry has no integrity of ${spec}: use a registry that has all platforms`);
  return stdout.trim();
}

/** The platform of a package, from its name: `@biomejs/cli-linux-x64-musl`. Without it npm installs the package on every platform. */
function platform(name) {
  const words = name.split(/[/-]/);
  const pick = (known) => words.filter((word) => known.includes(word));
  const os = pick([
    "aix",
    "android",
    "darwin",
    "freebsd",
    "linux",
    "netbsd",
    "openbsd",
    "openharmony",
    "sunos",
    "win32",
  ]);
  const cpu = pick(["arm", "arm64", "ia32", "loong64", "mips64el", "ppc64", "riscv64", "s390x", "x64"]);
  if (os.length !== 1 || cpu.length !== 1) throw new Error(`the name ${name} does not name one os and one cpu`);
  const libc = words.some((word) => word.startsWith("musl"))
    ? ["musl"]
    : words.some((word) => word.startsWith("gnu"))
      ? ["glibc"]
      : [];
  return { cpu, ...(libc.length > 0 ? { libc } : {}), os };
}
