/** Reads files to publish from packages that package-lock.json pins, so that their bytes are the same on every machine. */
import { readdir, readFile } from "node:fs/promises";
import { join, relative, sep } from "node:path";

const projectRoot = join(import.meta.dirname, "../..");

/** A package as the lockfile pins it. */
export interface PinnedPackage {
  readonly name: string;
  readonly version: string;
  readonly license: string;
  /** The `sha512-…` of its tarball, which npm verified at installation. */
  readonly integrity: string;
  /** Content by path in the package, sorted by path. */
  readonly files: ReadonlyMap<string, Uint8Array>;
}

interface Lockfile {
  readonly packages: Record<string, { version?: string; integrity?: string } | undefined>;
}

/**
 * Reads the named files of an installed package, or all files. Throws if the installed version is not the pinned one; the error says what to run.
 */
export async function readPackage(name: string, paths?: readonly string[], root = projectRoot): Promise<PinnedPackage> {
  const folder = join(root, "node_modules", name);
  const lock = JSON.parse(await readFile(join(root, "package-lock.json"), "utf8")) as Lockfile;
  const pin = lock.packages[`node_modules/${name}`];
  if (!pin?.version || !pin.integrity) throw new Error(`package-lock.json does not pin ${name}; run npm install`);
  const installed = await readInstalled(folder);
  if (installed?.version !== pin.version) {
    throw new Error(
      `${folder} is ${installed?.version ?? "missing"}, package-lock.json pins ${pin.version}; run npm ci`,
    );
  }
  const wanted = paths ?? (await filesUnder(folder));
  const files = new Map<string, Uint8Array>();
  for (const path of [...wanted].sort()) files.set(path, await readFile(join(folder, path)));
  return { name, version: pin.version, license: installed.license ?? "NOASSERTION", integrity: pin.integrity, files };
}

/** One file of the package. Throws if the package does not have it. */
export function packageFile(from: PinnedPackage, path: string): Uint8Array {
  const bytes = from.files.get(path);
  if (!bytes) throw new Error(`${from.name} ${from.version} has no file ${path}`);
  return bytes;
}

async function readInstalled(folder: string): Promise<{ version?: string; license?: string } | undefined> {
  try {
    return JSON.parse(await readFile(join(folder, "package.json"), "utf8")) as { version?: string; license?: string };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

async function filesUnder(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)).split(sep).join("/"))
    .filter((path) => !path.startsWith("node_modules/")); // nested dependencies are not part of the package
}
