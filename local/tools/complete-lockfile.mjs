// `node local/tools/complete-lockfile.mjs`: after `npm install`, names in package-lock.json the optional packages of other platforms that
// the registry in use does not have (a mirror may hold only some). npm drops these from the lockfile, and `npm ci` then refuses it
// for what it dropped. They are named by version and platform; where a registry has them, npm records their integrity itself.
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
      throw new Error(`${parent} wants ${name}@${version}: not one exact version`);
    lock.packages[shared] = {
      version,
      ...platform(name),
      ...(entry.dev ? { dev: true } : {}),
      optional: true,
    };
    added.push(name);
  }
}
lock.packages = Object.fromEntries(Object.entries(lock.packages).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)));
writeFileSync(path, `${JSON.stringify(lock, null, 2)}\n`);
console.log(added.length === 0 ? "nothing was missing" : `added ${added.join(", ")}`);

/** What a package is for, from its name: `@biomejs/cli-linux-x64-musl`. Without it npm would install it everywhere. */
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
  if (os.length !== 1 || cpu.length !== 1) throw new Error(`which platform is ${name} for?`);
  const libc = words.some((word) => word.startsWith("musl"))
    ? ["musl"]
    : words.some((word) => word.startsWith("gnu"))
      ? ["glibc"]
      : [];
  return { cpu, ...(libc.length > 0 ? { libc } : {}), os };
}
