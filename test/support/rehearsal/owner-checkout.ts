/**
 * An owner's checkout beside a drill: the real CLI with the settings that it has there, so that it writes the stack's file, and keeps the state in
 * buckets of the emulated cloud, under keys of an emulated key service. Without the rehearsal's own `pulumi`, which knows one place for the state.
 */
import assert from "node:assert/strict";
import { chmod, mkdir, readdir, readFile, symlink, writeFile } from "node:fs/promises";
import { delimiter, dirname, join } from "node:path";
import { isMap, parseDocument } from "yaml";
import { endToEndHeaders, forward } from "../../../local/cloud/forward.ts";
import { projectNumberOf } from "../../../local/providers/gcp-kinds.ts";
import { projectRoot } from "../../../local/tools/rehearsal-folder.ts";
import { ensureEngine } from "../../../local/tools/tools.ts";
import { type LoopbackServer, serveOnLoopback } from "../loopback-server.ts";
import { type CommandResult, type Drill, OperatorCommand } from "./drill.ts";

/** The checkout of an owner. */
export class OwnerCheckout {
  readonly keys: Keys;
  /** The stack's file. */
  readonly file: string;
  readonly #drill: Drill;
  readonly #buckets: LoopbackServer;
  readonly folder: string;
  readonly #env: NodeJS.ProcessEnv;

  private constructor(drill: Drill, folder: string, keys: Keys, buckets: LoopbackServer, env: NodeJS.ProcessEnv) {
    this.#buckets = buckets;
    this.#drill = drill;
    this.folder = folder;
    this.file = join(folder, "Pulumi.local.yaml");
    this.keys = keys;
    this.#env = env;
  }

  /** A checkout with the drill's stack file. */
  static async make(drill: Drill): Promise<OwnerCheckout> {
    const folder = join(drill.workspace.folder, "checkout");
    const bin = join(folder, ".bin");
    await mkdir(bin, { recursive: true });
    for (const entry of await readdir(projectRoot))
      if (!/^Pulumi\..+\.yaml$/.test(entry)) await symlink(join(projectRoot, entry), join(folder, entry));
    await writeFile(join(folder, "Pulumi.local.yaml"), await readFile(drill.stack.configFile));
    const engine = await ensureEngine(() => {});
    await program(join(bin, "pulumi"), cli(engine.path));
    await program(join(bin, "gcloud"), gcloud(drill.cloud.control));
    const keys = await keyService();
    const buckets = await signedIn(drill);
    const { PULUMI_BACKEND_URL: _, ...environment } = drill.stack.environment();
    return new OwnerCheckout(drill, folder, keys, buckets, {
      ...environment,
      PATH: [bin, dirname(process.execPath), process.env["PATH"]].join(delimiter),
      NO_COLOR: "1",
      STORAGE_EMULATOR_HOST: buckets.host,
      GOOGLE_OAUTH_ACCESS_TOKEN: "emulated",
      VAULT_SERVER_URL: `http://${keys.host}`,
      VAULT_SERVER_TOKEN: "emulated",
    });
  }

  async end(): Promise<void> {
    await Promise.all([this.keys.close(), this.#buckets.close()]);
  }

  /** Runs a command that must succeed, in the checkout. @returns its output. */
  async run(command: string): Promise<string> {
    const { code, output } = await this.#runs(command);
    assert.equal(code, 0, `$ ${command}\n${output}`);
    return output;
  }

  /** Runs a command that must fail. @returns its output. */
  async refused(command: string): Promise<string> {
    const { code, output } = await this.#runs(command);
    assert.notEqual(code, 0, `$ ${command}\n${output}`);
    return output;
  }

  async #runs(command: string): Promise<CommandResult> {
    const line = command.replace(
      /\bnpm run (\w+)(?: --(?= ))?/,
      `node ${join(projectRoot, "components/commands/artifacts.mjs")} $1`,
    );
    const env = { ...this.#env, ...(!this.#drill.checkpoints && { PULUMI_SKIP_CHECKPOINTS: "true" }) };
    return await new OperatorCommand(`cd ${this.folder} && ${line}`, env).ended;
  }

  /** Changes settings in the stack's file, as an editor does. Undefined: takes one out. */
  async set(settings: Readonly<Record<string, unknown>>): Promise<void> {
    const document = parseDocument(await readFile(this.file, "utf8"));
    const config = document.get("config");
    assert.ok(isMap(config));
    for (const [key, value] of Object.entries(settings))
      if (value === undefined) config.delete(key);
      else config.set(key, document.createNode(value));
    await writeFile(this.file, document.toString());
  }
}

/** Keys that encrypt, by the API of HashiCorp Vault's transit engine, which the CLI speaks as it does Cloud KMS's. */
interface Keys extends LoopbackServer {
  /** Keys that are destroyed. */
  readonly destroyed: Set<string>;
}

async function keyService(): Promise<Keys> {
  const destroyed = new Set<string>();
  const server = await serveOnLoopback((request, response) => {
    void (async () => {
      let body = "";
      for await (const chunk of request) body += chunk;
      const [, operation = "", key = ""] = /^\/v1\/transit\/(encrypt|decrypt)\/([\w-]+)$/.exec(request.url ?? "") ?? [];
      const { plaintext = "", ciphertext = "" } = JSON.parse(body || "{}") as Record<string, string>;
      const prefix = `vault:v1:${key}:`;
      const isRefused = destroyed.has(key) || (operation === "decrypt" && !ciphertext.startsWith(prefix));
      response.writeHead(isRefused ? 400 : 200, { "content-type": "application/json" });
      const data =
        operation === "encrypt" ? { ciphertext: prefix + plaintext } : { plaintext: ciphertext.slice(prefix.length) };
      response.end(JSON.stringify(isRefused ? { errors: [`no key ${key}`] } : { data }));
    })();
  });
  return { ...server, destroyed };
}

/** The emulated buckets as an owner gets them: the CLI sends no token to an emulator, and the cloud's front refuses who has none. */
function signedIn({ cloud }: Drill): Promise<LoopbackServer> {
  const [front, server] = [new URL(cloud.endpoints.gcs), new URL(cloud.endpoints.gcsServer)];
  return serveOnLoopback((request, response) => {
    const headers = endToEndHeaders(request.rawHeaders).map(
      ([name, value]) => [name, name.toLowerCase() === "host" ? front.host : value] as const,
    );
    forward(request, response, { port: Number(server.port), headers }).catch(() => response.destroy());
  });
}

async function program(file: string, text: string): Promise<void> {
  await writeFile(file, text);
  await chmod(file, 0o755);
}

/** The real CLI, which answers every question with yes. */
function cli(path: string): string {
  return `#!/bin/sh
case "$* " in
  "up "* | "refresh "*) set -- "$@" --yes --skip-preview ;;
esac
exec "${path}" "$@" --non-interactive --color never
`;
}

/** Stands in for gcloud: buckets are made in the emulated cloud; of everything else it says that it is there as it should be. */
function gcloud(control: string): string {
  const projects = ["rehearsal-artifacts", "rehearsal-seed"];
  const numbers = Object.fromEntries(projects.map((project) => [project, projectNumberOf(project)]));
  return `#!${process.execPath}
const args = process.argv.slice(2);
const line = args.join(" ");
const option = (name) => args[args.indexOf(name) + 1];
const id = (args.find((one) => one.startsWith("gs://")) ?? "").slice("gs://".length);
const type = "gcp:storage/bucket:Bucket";
const found = async () => (await (await fetch("${control}/v1/resources")).json()).find((one) => one.type === type && one.id === id);
if (line.startsWith("storage buckets create")) {
  const inputs = { name: id, project: option("--project"), location: option("--location"), uniformBucketLevelAccess: true };
  const body = JSON.stringify({ type, id, inputs, computed: {}, config: {} });
  const answer = await fetch("${control}/v1/resources", { method: "POST", body });
  if (!answer.ok) throw new Error(await answer.text());
} else if (line.startsWith("storage buckets describe")) {
  const bucket = await found();
  if (bucket === undefined) {
    console.error("ERROR: gs://" + id + " not found: 404.");
    process.exit(1);
  }
  console.log(JSON.stringify({ location: bucket.inputs.location, softDeletePolicy: { retentionDurationSeconds: "2592000" },
    iamConfiguration: { publicAccessPrevention: "enforced", uniformBucketLevelAccess: { enabled: true } } }));
} else if (/^projects describe \\S+ --format=value/.test(line)) console.log(${JSON.stringify(numbers)}[args[2]]);
else if (line.includes(" describe ")) console.log(JSON.stringify({ rotationPeriod: "7776000s", primary: { state: "ENABLED" } }));
`;
}
