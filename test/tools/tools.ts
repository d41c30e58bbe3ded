/** The independent clients and servers that tests and benchmarks compare with, built once from the pinned Go module here. */
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { ensurePrograms, type GoModule, type Say } from "../../local/tools/go-tools.ts";

const here = dirname(fileURLToPath(import.meta.url));

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
];

/** A program that only tests need. `registry` is the reference implementation, distribution. */
export type Peer = "registry" | "crane" | "regsync" | "oras" | "actionlint";

/** The path of one peer; builds it when it is missing. $ARTIFACTS_PEERS names a folder of prebuilt ones. */
export async function peerPath(name: Peer): Promise<string> {
  const prebuilt = process.env["ARTIFACTS_PEERS"];
  if (prebuilt) return join(prebuilt, name);
  const module = modules.find((one) => name in one.programs);
  if (module === undefined) throw new Error(`${name} is built by no module of test/tools`);
  return join(await ensurePrograms(module, [name], () => {}), name);
}

/** Has every peer ready, telling what it builds. */
export async function ensurePeers(say: Say): Promise<void> {
  if (process.env["ARTIFACTS_PEERS"]) return;
  for (const module of modules) await ensurePrograms(module, Object.keys(module.programs), say);
}
