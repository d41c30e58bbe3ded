/**
 * Builds programs once from a pinned Go module and caches them outside node_modules, so that `npm ci` keeps them. The cache key is a
 * digest of the module's pins: each version has its own folder. An interrupted build leaves nothing behind.
 */
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import goBuild from "./go-build.json" with { type: "json" };
import { type CommandEnd, runToEnd } from "./run-to-end.ts";

/** A Go module and the programs to build from it. */
export interface GoModule {
  /** Folder of go.mod and go.sum. */
  readonly folder: string;
  /** Program name -> Go package that builds it. */
  readonly programs: Readonly<Record<string, string>>;
  /** Linker flags, e.g. to stamp a version. */
  readonly ldflags?: string;
  /** Flags for the compiler besides those of all modules. */
  readonly compiler?: readonly string[];
}

/** Prints progress, one short line at a time. */
export type Say = (line: string) => void;

/** The cache of everything that is built or downloaded once: $ARTIFACTS_CACHE, else `artifacts` in the XDG cache folder. */
export function cacheDir(): string {
  const { ARTIFACTS_CACHE, XDG_CACHE_HOME } = process.env;
  if (ARTIFACTS_CACHE) return ARTIFACTS_CACHE;
  return join(XDG_CACHE_HOME || join(homedir(), ".cache"), "artifacts");
}

/** The folder of a module's programs, which may not exist yet. Its name is a digest of everything that the programs' bytes depend on. */
export async function programsFolder(module: GoModule): Promise<string> {
  const hash = createHash("sha256");
  for (const file of ["go.mod", "go.sum"]) hash.update(await readFile(join(module.folder, file)));
  const own = join(module.folder, "main.go");
  if (existsSync(own)) hash.update(await readFile(own));
  hash.update(JSON.stringify([module.ldflags ?? "", buildFlags, process.platform, process.arch]));
  return join(cacheDir(), `go-${hash.digest("hex").slice(0, 16)}`);
}

/**
 * Builds the named programs that are not in the cache yet.
 * @returns the folder that holds them.
 * @throws if Go is missing or too old, the modules cannot be downloaded, or the build fails (with the last lines of its output).
 */
export async function ensurePrograms(module: GoModule, names: readonly string[], say: Say): Promise<string> {
  const folder = await programsFolder(module);
  const missing = (): string[] => names.filter((name) => !existsSync(join(folder, name)));
  if (missing().length === 0) return folder;

  await requireGo(missing());
  await mkdir(folder, { recursive: true });
  const unlock = await lock(join(folder, ".lock"), () => say(`Waiting for another process that builds in ${folder}`));
  try {
    const stillMissing = missing();
    if (stillMissing.length > 0) await build(module, stillMissing, folder, say);
  } finally {
    await unlock();
  }
  return folder;
}

async function build(module: GoModule, missing: readonly string[], folder: string, say: Say): Promise<void> {
  const started = Date.now();
  say(`Building ${missing.join(", ")} from ${module.folder}/go.mod (once; kept in ${folder})`);
  say("  downloading the sources of its modules");
  await download(module);
  const scratch = await mkdtemp(join(folder, ".building-"));
  try {
    await compile(module, missing, scratch, say);
    for (const name of missing) await rename(join(scratch, name), join(folder, name));
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
  say(`Built in ${Math.round((Date.now() - started) / 1000)} s`);
}

/**
 * Waits until no other process holds the lock, and takes it. A lock whose process is gone is taken over.
 * @returns releases it.
 */
async function lock(path: string, onWait: () => void): Promise<() => Promise<void>> {
  for (let told = false; ; ) {
    try {
      await writeFile(path, String(process.pid), { flag: "wx" });
      return () => rm(path, { force: true });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    }
    const holder = Number(await readFile(path, "utf8").catch(() => ""));
    // Without a number it was just created or just released.
    if (holder > 0 && !isAlive(holder)) await rm(path, { force: true });
    else if (!told) {
      onWait();
      told = true;
    }
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/**
 * How Go builds. In JSON, because prepare.mjs reads it before any TypeScript can run. Neither cgo nor local paths: every machine builds the same
 * bytes. What is left out is a sixth of the compiler's time and serves nobody here, so that it is no part of the cache's key: debug information,
 * which the linker would strip, and gRPC in the client of Cloud Storage, which speaks HTTP. The rehearsal's programs inline calls only where it spends its
 * time: most of their code, the clients of clouds and brokers that it never calls, compiles in a fifth less time without.
 */
const { flags: buildFlags, compiler: compilerFlags, environment } = goBuild;
const goEnvironment = { ...process.env, ...environment };

async function requireGo(wanted: readonly string[]): Promise<void> {
  const version = await run("go", ["version"], process.cwd()).catch(() => undefined);
  const found = version?.output.match(/go(\d+)\.(\d+)/);
  const enough = found && (Number(found[1]) > 1 || Number(found[2]) >= 25);
  if (enough) return;
  const have = found ? `Go ${found[1]}.${found[2]} is too old` : "Go is not installed";
  throw new Error(
    `${have}, and ${wanted.join(", ")} must be built once. Install Go 1.25 or newer (https://go.dev/doc/install) and run this again.`,
  );
}

async function download(module: GoModule): Promise<void> {
  const result = await run("go", ["mod", "download"], module.folder);
  if (result.code === 0) return;
  throw new Error(
    `The Go modules of ${module.folder} could not be downloaded: check the network or GOPROXY.\n${tail(result.output)}`,
  );
}

async function compile(module: GoModule, names: readonly string[], folder: string, say: Say): Promise<void> {
  const packages = names.map((name) => {
    const path = module.programs[name];
    if (path === undefined) throw new Error(`${name} is not a program of ${module.folder}`);
    return path;
  });
  say("  compiling; a first build takes minutes");
  const list = await run("go", ["list", "-deps", ...packages], module.folder);
  const total = list.output.split("\n").length;
  let compiled = 0;
  let last = Date.now();
  const args = [
    "build",
    "-v",
    ...buildFlags,
    ...compilerFlags,
    ...(module.compiler ?? []),
    "-ldflags",
    `-s -w ${module.ldflags ?? ""}`,
    "-o",
    `${folder}/`,
  ];
  const result = await run("go", [...args, ...packages], module.folder, () => {
    compiled++;
    if (Date.now() - last < 5000) return;
    last = Date.now();
    say(`  compiled ${compiled} of up to ${total} packages`);
  });
  if (result.code !== 0) throw new Error(`go build failed in ${module.folder}:\n${tail(result.output)}`);
}

function tail(output: string): string {
  return output.trim().split("\n").slice(-5).join("\n");
}

function run(command: string, args: readonly string[], cwd: string, onLine?: () => void): Promise<CommandEnd> {
  return runToEnd(command, args, { cwd, env: goEnvironment, ...(onLine && { onLine }) });
}
