/** The independent clients and servers that tests and benchmarks compare with, built once from the pinned Go modules in test/tools. */
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { cacheDir, ensurePrograms, type GoModule, programsFolder, type Say } from "../../local/tools/go-tools.ts";

const here = join(import.meta.dirname, "../tools");

const modules: readonly GoModule[] = [
  {
    folder: here,
    programs: {
      registry: "github.com/distribution/distribution/v3/cmd/registry",
      crane: "github.com/google/go-containerregistry/cmd/crane",
      regsync: "github.com/regclient/regclient/cmd/regsync",
      oras: "oras.land/oras/cmd/oras",
    },
  },
  {
    folder: join(here, "actionlint"), // needs another yaml library version than the others do
    programs: { actionlint: "github.com/rhysd/actionlint/cmd/actionlint" },
  },
  {
    folder: join(here, "distribution2"), // the 2.8 line needs older versions of what distribution 3 needs
    programs: { distribution2: "artifacts.local/distribution2" },
  },
];

/** Programs of Sigstore, each a module of its own. They take minutes to build: see {@link sigstorePath}. */
const sigstore = {
  cosign: { folder: join(here, "cosign"), programs: { cosign: "github.com/sigstore/cosign/v3/cmd/cosign" } },
  fulcio: { folder: join(here, "fulcio"), programs: { fulcio: "github.com/sigstore/fulcio" } },
  "timestamp-server": {
    folder: join(here, "timestamp-server"),
    programs: { "timestamp-server": "github.com/sigstore/timestamp-authority/v2/cmd/timestamp-server" },
  },
} as const satisfies Record<string, GoModule>;

/** Helm needs the client of Kubernetes: it takes minutes to build, too. */
const helm: GoModule = { folder: join(here, "helm"), programs: { helm: "helm.sh/helm/v3/cmd/helm" } };

/**
 * The path of cosign, of the authority of certificates or of the authority of timestamps; undefined: it is not built, and nobody asks for it. Tests that
 * need them run where they are built already, or where $ARTIFACTS_BUILD_COSIGN asks for it.
 * @param say receives the progress of a build.
 */
export function sigstorePath(name: keyof typeof sigstore, say: Say = console.warn): Promise<string | undefined> {
  return onRequest(sigstore[name], name, "ARTIFACTS_BUILD_COSIGN", say);
}

/** The path of helm, in the same way: $ARTIFACTS_BUILD_HELM asks for it. */
export function helmPath(say: Say = console.warn): Promise<string | undefined> {
  return onRequest(helm, "helm", "ARTIFACTS_BUILD_HELM", say);
}

async function onRequest(module: GoModule, name: string, request: string, say: Say): Promise<string | undefined> {
  const prebuilt = process.env["ARTIFACTS_PEERS"];
  if (prebuilt) return existsSync(join(prebuilt, name)) ? join(prebuilt, name) : undefined;
  if (process.env[request]) return join(await ensurePrograms(module, [name], say), name);
  const path = join(await programsFolder(module), name);
  return existsSync(path) ? path : undefined;
}

/** A program that no module of test/tools builds, in the folder of $ARTIFACTS_PEERS; undefined: it is not there. */
export function givenPeer(name: string): string | undefined {
  const prebuilt = process.env["ARTIFACTS_PEERS"];
  return prebuilt && existsSync(join(prebuilt, name)) ? join(prebuilt, name) : undefined;
}

/** A program that only tests need. `registry` is the reference implementation, distribution; `distribution2` its 2.8 line. */
export type Peer = "registry" | "distribution2" | "crane" | "regsync" | "oras" | "actionlint";

/**
 * The path of one peer; builds it when it is missing. $ARTIFACTS_PEERS names a folder of prebuilt ones.
 * @param say receives the progress of a build.
 */
export async function peerPath(name: Peer, say: Say = () => {}): Promise<string> {
  const prebuilt = process.env["ARTIFACTS_PEERS"];
  if (prebuilt) return join(prebuilt, name);
  const module = modules.find((one) => name in one.programs);
  if (module === undefined) throw new Error(`${name} is built by no module of test/tools`);
  return join(await ensurePrograms(module, [name], say), name);
}

const zizmorVersion = "1.32.0";

/**
 * The path of zizmor, the checker of workflows that is had from PyPI: $ZIZMOR, or a Python environment of its own in the tools' cache, made
 * once. Undefined where that can't be made (no python3 with venv, no PyPI).
 */
export async function zizmorPath(): Promise<string | undefined> {
  const given = process.env["ZIZMOR"];
  if (given) return given;
  const environment = join(cacheDir(), `zizmor-${zizmorVersion}`);
  const program = join(environment, "bin", "zizmor");
  if (existsSync(program)) return program;
  const run = promisify(execFile);
  await mkdir(cacheDir(), { recursive: true });
  const making = await mkdtemp(`${environment}.`);
  try {
    await run("python3", ["-m", "venv", making]);
    const pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--only-binary", ":all:"];
    await run(join(making, "bin", "python3"), [...pip, `zizmor==${zizmorVersion}`]);
    await rename(making, environment); // the program itself is no script: it runs from anywhere
    return program;
  } catch (error) {
    console.warn(`zizmor can't be had: ${error instanceof Error ? error.message.split("\n")[0] : String(error)}`);
    await rm(making, { recursive: true, force: true });
    return existsSync(program) ? program : undefined; // another test run may have made it meanwhile
  }
}
