/** The rehearsal's engine, servers and independent client: found on this machine, or built once from go.mod in this folder. */
import { execFile } from "node:child_process";
import { chmod, mkdir, readFile, rename, stat, writeFile } from "node:fs/promises";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import goBuild from "./go-build.json" with { type: "json" };
import { ensurePrograms, type GoModule, type Say } from "./go-tools.ts";

const here = dirname(fileURLToPath(import.meta.url));

/** Version of the engine, equal to `@pulumi/pulumi` in package.json. Newer ones cannot be built from the module proxy. */
export const engineVersion = "3.232.0";

const versionVariable = "github.com/pulumi/pulumi/sdk/v3/go/common/version.Version";

const goModule: GoModule = {
  folder: here,
  ldflags: `-X ${versionVariable}=v${engineVersion}`, // without it `pulumi version` prints an empty line
  compiler: goBuild.rehearsal,
  programs: {
    pulumi: "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi",
    olareg: "github.com/olareg/olareg/cmd/olareg",
    "fake-gcs-server": "github.com/fsouza/fake-gcs-server",
    versitygw: "github.com/versity/versitygw/cmd/versitygw",
    regctl: "github.com/regclient/regclient/cmd/regctl",
  },
};

/** A program of the rehearsal. */
export type Tool = "pulumi" | "olareg" | "fake-gcs-server" | "versitygw" | "regctl";

/** All tools but the engine, which may be the machine's own. */
const servers: readonly Tool[] = ["olareg", "fake-gcs-server", "versitygw", "regctl"];

/**
 * The path of one program. Builds it if necessary. If $ARTIFACTS_TOOLS is set, it is the folder of prebuilt programs.
 * @param say receives the progress of a build.
 */
export async function toolPath(name: Tool, say: Say = () => {}): Promise<string> {
  const prebuilt = process.env["ARTIFACTS_TOOLS"];
  if (prebuilt) return join(prebuilt, name);
  if (name === "pulumi") return (await ensureEngine(say)).path;
  return join(await ensurePrograms(goModule, [name], say), name);
}

/** Builds every missing program and prints the progress. */
export async function ensureTools(say: Say): Promise<{ engine: Engine }> {
  if (process.env["ARTIFACTS_TOOLS"]) return { engine: await ensureEngine(say) };
  const own = await ownEngine();
  await ensurePrograms(goModule, own ? servers : ["pulumi", ...servers], say);
  return { engine: own ?? (await ensureEngine(say)) };
}

/** A Pulumi CLI and its origin. */
export interface Engine {
  readonly path: string;
  readonly version: string;
  /** `machine`: found on PATH, with its own language host. `built`: from the pinned Go module, with ours. */
  readonly origin: "machine" | "built";
}

/**
 * The CLI to use: the machine's own if it is new enough, else the one built from the pinned module. Throws where another process asks whether a
 * script on PATH is the machine's engine: a script that runs this is none, and whoever took it for one would start it for ever.
 */
export async function ensureEngine(say: Say): Promise<Engine> {
  if (process.env[queryVariable] !== undefined) throw new Error("this runs another Pulumi CLI: it is none itself");
  const own = await ownEngine();
  if (own) return own;
  const prebuilt = process.env["ARTIFACTS_TOOLS"];
  const folder = prebuilt || (await ensurePrograms(goModule, ["pulumi"], say));
  await installLanguageHost(folder);
  return { path: join(folder, "pulumi"), version: engineVersion, origin: "built" };
}

/** Environment for our language host, see {@link installLanguageHost}. */
export function languageHostEnvironment(): Record<string, string> {
  return { ARTIFACTS_NODE: process.execPath, ARTIFACTS_LANGUAGE_HOST: join(here, "language-host/main.ts") };
}

/**
 * Installs `pulumi-language-nodejs` beside the engine, which looks there first and warns if it has to use PATH. All clones on this machine
 * share the cache, so the installed script only forwards to the language host of the clone that runs it.
 */
async function installLanguageHost(folder: string): Promise<void> {
  const path = join(folder, "pulumi-language-nodejs");
  const script = `#!/bin/sh\nexec "\${ARTIFACTS_NODE:?run the engine by npm run pulumi}" "$ARTIFACTS_LANGUAGE_HOST" "$@"\n`;
  if ((await readFile(path, "utf8").catch(() => undefined)) === script) return;
  // Write and rename: another run may start the script, and a file that is open for writing cannot be executed.
  await mkdir(folder, { recursive: true });
  const scratch = `${path}.${process.pid}`;
  await writeFile(scratch, script, { mode: 0o755 });
  await chmod(scratch, 0o755);
  await rename(scratch, path);
}

/** Set in the environment of a CLI that is queried for its version. */
const queryVariable = "ARTIFACTS_ASKED_FOR_VERSION";

/** A `pulumi` on PATH that is new enough and comes with a Node.js language host. */
async function ownEngine(): Promise<Engine | undefined> {
  for (const folder of (process.env["PATH"] ?? "").split(delimiter)) {
    const path = join(folder || ".", "pulumi");
    const isFile = await stat(path).then(
      (found) => found.isFile(),
      () => false,
    );
    if (!isFile) continue;
    const version = await cliVersion(path);
    if (version && !older(version, engineVersion)) return { path, version, origin: "machine" };
  }
  return undefined;
}

async function cliVersion(path: string): Promise<string | undefined> {
  try {
    const { stdout } = await promisify(execFile)(path, ["version"], {
      env: { ...process.env, PULUMI_SKIP_UPDATE_CHECK: "true", [queryVariable]: "1" },
      timeout: 20_000,
    });
    return stdout.trim().match(/^v?(\d+\.\d+\.\d+)/)?.[1];
  } catch {
    return undefined; // not a working CLI
  }
}

function older(version: string, than: string): boolean {
  const [a, b] = [version, than].map((text) => text.split(".").map(Number)) as [number[], number[]];
  for (let i = 0; i < 3; i++) if (a[i] !== b[i]) return (a[i] ?? 0) < (b[i] ?? 0);
  return false;
}
