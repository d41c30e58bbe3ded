/** How the rehearsal has its engine, its servers and its independent client: found on this machine, or built once (go.mod here). */
import { execFile } from "node:child_process";
import { chmod, mkdir, readFile, rename, stat, writeFile } from "node:fs/promises";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { ensurePrograms, type GoModule, type Say } from "./go-tools.ts";

const here = dirname(fileURLToPath(import.meta.url));

/** The engine that `@pulumi/pulumi` in package.json is pinned to; facts: newer ones cannot be built from the module proxy. */
export const engineVersion = "3.232.0";

const versionVariable = "github.com/pulumi/pulumi/sdk/v3/go/common/version.Version";

const goModule: GoModule = {
  folder: here,
  ldflags: `-X ${versionVariable}=v${engineVersion}`, // without it `pulumi version` prints an empty line
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

/** All but the engine, which may be the machine's own. */
const servers: readonly Tool[] = ["olareg", "fake-gcs-server", "versitygw", "regctl"];

/**
 * The path of one program; builds what is missing, quietly.
 * $ARTIFACTS_TOOLS names a folder of prebuilt programs, which then is used as it is.
 */
export async function toolPath(name: Tool): Promise<string> {
  const prebuilt = process.env["ARTIFACTS_TOOLS"];
  if (prebuilt) return join(prebuilt, name);
  if (name === "pulumi") return (await ensureEngine(() => {})).path;
  return join(await ensurePrograms(goModule, [name], () => {}), name);
}

/** Has every program ready, telling what it builds. */
export async function ensureTools(say: Say): Promise<{ engine: Engine }> {
  if (process.env["ARTIFACTS_TOOLS"]) return { engine: await ensureEngine(say) };
  const own = await ownEngine();
  await ensurePrograms(goModule, own ? servers : ["pulumi", ...servers], say);
  return { engine: own ?? (await ensureEngine(say)) };
}

/** A Pulumi CLI and where it is from. */
export interface Engine {
  readonly path: string;
  readonly version: string;
  /** `machine`: found on PATH, with its own language host. `built`: from the pinned Go module, with ours. */
  readonly origin: "machine" | "built";
}

/** The CLI to use: the machine's own when it is new enough, else the one built from the pinned module. */
export async function ensureEngine(say: Say): Promise<Engine> {
  const own = await ownEngine();
  if (own) return own;
  const prebuilt = process.env["ARTIFACTS_TOOLS"];
  const folder = prebuilt || (await ensurePrograms(goModule, ["pulumi"], say));
  await installLanguageHost(folder);
  return { path: join(folder, "pulumi"), version: engineVersion, origin: "built" };
}

/** Environment that our language host needs; see {@link installLanguageHost}. */
export function languageHostEnvironment(): Record<string, string> {
  return { ARTIFACTS_NODE: process.execPath, ARTIFACTS_LANGUAGE_HOST: join(here, "language-host/main.ts") };
}

/**
 * The engine looks for `pulumi-language-nodejs` beside itself first, and warns when it has to take it from PATH. The cache is
 * shared by all clones on this machine, so what lies there only forwards to the clone that runs it.
 */
async function installLanguageHost(folder: string): Promise<void> {
  const path = join(folder, "pulumi-language-nodejs");
  const script = `#!/bin/sh\nexec "\${ARTIFACTS_NODE:?run the engine by npm run pulumi}" "$ARTIFACTS_LANGUAGE_HOST" "$@"\n`;
  if ((await readFile(path, "utf8").catch(() => undefined)) === script) return;
  // Put in place whole: another run may be starting it, and a file that is open for writing can't be executed.
  await mkdir(folder, { recursive: true });
  const scratch = `${path}.${process.pid}`;
  await writeFile(scratch, script, { mode: 0o755 });
  await chmod(scratch, 0o755);
  await rename(scratch, path);
}

/** Set for a CLI that is asked for its version. */
const askingVariable = "ARTIFACTS_ASKED_FOR_VERSION";

/** A `pulumi` on PATH that is new enough and comes with a Node.js language host. */
async function ownEngine(): Promise<Engine | undefined> {
  // A `pulumi` on PATH may be a script that runs `npm run pulumi`: asked for its version, it must not ask itself, for ever.
  if (process.env[askingVariable] !== undefined) return undefined;
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
      env: { ...process.env, PULUMI_SKIP_UPDATE_CHECK: "true", [askingVariable]: "1" },
      timeout: 20_000,
    });
    return stdout.trim().match(/^v?(\d+\.\d+\.\d+)/)?.[1];
  } catch {
    return undefined; // not a CLI that answers: as good as none
  }
}

function older(version: string, than: string): boolean {
  const [a, b] = [version, than].map((text) => text.split(".").map(Number)) as [number[], number[]];
  for (let i = 0; i < 3; i++) if (a[i] !== b[i]) return (a[i] ?? 0) < (b[i] ?? 0);
  return false;
}
