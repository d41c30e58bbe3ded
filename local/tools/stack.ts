/**
 * A stack on the emulated cloud: the real CLI runs the unchanged program. State, PULUMI_HOME and a copy of the stack's config are in the rehearsal's
 * folder; nothing outside that folder is written.
 */
import { spawn } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { copyFile, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { delimiter, dirname, join, relative } from "node:path";
import { type Document, isMap, LineCounter, parseDocument } from "yaml";
import { type ProcessIdentity, startTime, stopProcesses } from "../cloud/process-identity.ts";
import { projectRoot, type Rehearsal } from "./rehearsal-folder.ts";
import { ensureEngine, languageHostEnvironment } from "./tools.ts";

/** How a command of the CLI ended. */
export interface CliResult {
  readonly code: number;
  /** stdout and stderr together, in order of arrival. */
  readonly output: string;
}

/** Commands that read the stack's config and accept --config-file. */
const readsConfig = new Set([
  "preview",
  "pre",
  "up",
  "update",
  "refresh",
  "destroy",
  "down",
  "import",
  "config",
  "watch",
]);

/** Where a stack's config comes from. */
export interface StackSource {
  /** The stack's name. */
  readonly name: string;
  /** Its file, absolute. It is only read. */
  readonly file: string;
}

/** The stack of the demo. */
const demo: StackSource = { name: "local", file: join(projectRoot, "Pulumi.local.yaml") };

/** The settings of the emulated clouds' providers, and the build of the redirector that runs on this machine. */
const onThisMachine: Readonly<Record<string, unknown>> = {
  "artifacts:redirectorArchive": "redirector/dist/this-machine/redirector.tar.gz",
  "aws:s3UsePathStyle": "true",
  "aws:skipCredentialsValidation": "true",
  "aws:skipRequestingAccountId": "true",
  "aws:skipMetadataApiCheck": "true",
};

const commandLine = join(projectRoot, "components/commands/artifacts.mjs");

/** Runs the Pulumi CLI on a stack. */
export class Stack {
  readonly folder: string;
  readonly #rehearsal: Rehearsal;
  readonly #source: StackSource;

  /** @param folder the rehearsal's folder, absolute. */
  constructor(folder: string, rehearsal: Rehearsal, source = demo) {
    this.folder = folder;
    this.#rehearsal = rehearsal;
    this.#source = source;
  }

  /** The engine's PULUMI_HOME for this rehearsal: plugins and credentials. */
  get home(): string {
    return join(this.folder, "pulumi-home");
  }

  /** Identity of the running CLI, for the next start after a kill -9. */
  get #pidFile(): string {
    return join(this.folder, "cli.json");
  }

  /** The copy of its config that commands use. */
  get configFile(): string {
    return join(this.folder, `Pulumi.${this.#source.name}.yaml`);
  }

  /** The file of the stack's state. */
  get stateFile(): string {
    return join(this.folder, `state/.pulumi/stacks/artifacts/${this.#source.name}.json`);
  }

  /**
   * Writes the stack's config: that of its file with the URLs of this rehearsal.
   * @param manifests folder, absolute or relative to the repository's root; default that of the file.
   * @param settings further settings, by full key (`artifacts:protection`).
   */
  async configure(manifests?: string, settings: Readonly<Record<string, unknown>> = {}): Promise<void> {
    const lines = new LineCounter();
    const text = await readFile(this.#source.file, "utf8");
    const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
    if (document.errors.length > 0) {
      const mistakes = document.errors.map(
        ({ pos, message }) => `${this.#source.file}:${lines.linePos(pos[0]).line}: not YAML: ${message}`,
      );
      throw new Error(mistakes.join("\n"));
    }
    if (this.#source !== demo) leaveSecrets(document);
    const set = (key: string, value: unknown): void => document.setIn(["config", key], document.createNode(value));
    set("gcp:storageCustomEndpoint", this.#rehearsal.gcsEndpoint);
    set("aws:endpoints", [{ s3: this.#rehearsal.s3Endpoint }]);
    set("gcp:monitoringCustomEndpoint", `${this.#rehearsal.control}/apis/monitoring/`);
    set("gcp:billingCustomEndpoint", `${this.#rehearsal.control}/apis/billingbudgets/v1/`);
    set("gcp:certificateManagerCustomEndpoint", `${this.#rehearsal.control}/apis/certificatemanager/v1/`);
    set("gcp:cloudRunV2CustomEndpoint", `${this.#rehearsal.control}/apis/run/v2/`);
    set("cloudflare:baseUrl", `${this.#rehearsal.control}/apis/cloudflare/client/v4`);
    for (const [key, value] of Object.entries(onThisMachine)) set(key, value);
    if (manifests !== undefined) set("artifacts:manifests", manifests);
    for (const [key, value] of Object.entries(settings)) set(key, value);
    await writeFile(this.configFile, document.toString());
  }

  /** Creates the stack if the rehearsal's state does not have it. */
  async ensure(): Promise<void> {
    await mkdir(join(this.folder, "state"), { recursive: true });
    if (existsSync(this.stateFile)) return;
    // `stack init` writes Pulumi.<stack>.yaml beside Pulumi.yaml: here beside a copy, not in the checkout.
    const scratch = join(this.folder, "init");
    await mkdir(scratch, { recursive: true });
    await copyFile(join(projectRoot, "Pulumi.yaml"), join(scratch, "Pulumi.yaml"));
    const ended = await this.run(["stack", "init", this.#source.name, "--no-select"], { quiet: true, cwd: scratch });
    if (ended.code !== 0) throw new Error(`pulumi stack init failed:\n${ended.output}`);
    await rm(scratch, { recursive: true });
  }

  /** Stops a CLI that outlived its killed rehearsal, and releases its lock. */
  async unlock(): Promise<void> {
    const left = await readFile(this.#pidFile, "utf8").catch(() => undefined);
    if (left !== undefined) await stopProcesses([JSON.parse(left) as ProcessIdentity], 5000);
    await rm(join(this.folder, "state/.pulumi/locks"), { recursive: true, force: true });
  }

  /**
   * Runs one command of the CLI to its end.
   * @param args without --stack and --config-file, which are added where the command accepts them.
   * @param options.checkpoints false: the engine writes its state once, at the end, not after each resource. That saves 5 of its 6 s of
   * processor time at a first deployment; what a kill -9 then leaves, the next start removes (recover.ts).
   */
  async run(
    args: readonly string[],
    options: { quiet?: boolean; interactive?: boolean; cwd?: string; checkpoints?: boolean } = {},
  ): Promise<CliResult> {
    const engine = await ensureEngine(() => {});
    const words = this.words(args, options.interactive ?? false);
    // As in production, by the command that ends a run which would wait for ever; `adopt` watches the events itself.
    const watched = args.includes("--continue-on-error") && !args.includes("--event-log");
    const [program, given] = watched
      ? [process.execPath, [commandLine, "engine-run", "--engine", engine.path, "--", ...words]]
      : [engine.path, words];
    const child = spawn(program, given, {
      cwd: options.cwd ?? projectRoot,
      env: {
        ...this.environment(),
        ...(options.checkpoints === false && { PULUMI_SKIP_CHECKPOINTS: "true" }),
      },
      stdio: options.interactive ? "inherit" : ["ignore", "pipe", "pipe"],
      // Not in the terminal's process group: the caller forwards Ctrl-C, so that the CLI gets it exactly once.
      detached: !options.interactive,
    });
    running.add(child);
    const { pid } = child;
    if (pid !== undefined && !options.interactive) {
      const identity: ProcessIdentity = { pid, startTime: startTime(pid) ?? "" };
      writeFileSync(this.#pidFile, JSON.stringify(identity));
    }
    let output = "";
    const take = (chunk: Buffer): void => {
      output += chunk;
      if (!options.quiet) process.stdout.write(chunk);
    };
    child.stdout?.on("data", take);
    child.stderr?.on("data", take);
    return new Promise((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (code, signal) => {
        running.delete(child);
        resolve({ code: code ?? (signal === "SIGINT" ? 130 : 143), output });
      });
    });
  }

  /** The environment of every command. */
  environment(): NodeJS.ProcessEnv {
    // Credentials and settings of real clouds stay outside.
    const inherited = Object.entries(process.env).filter(
      ([name]) =>
        !/^(PULUMI_|AWS_|GOOGLE_|CLOUDSDK_|CLOUDFLARE_)/.test(name) ||
        /^PULUMI_(SKIP_CHECKPOINTS|DEBUG_COMMANDS)$/.test(name),
    );
    const { awsCredentials } = this.#rehearsal;
    return {
      ...Object.fromEntries(inherited),
      ...languageHostEnvironment(),
      PATH: [dirname(process.execPath), process.env["PATH"]].join(delimiter), // plugins are started as `node`
      // Without metadata files: fileblob writes them in a second step (attrs.go), and a kill -9 in between leaves an unreadable state. An
      // object in a bucket cannot be half written.
      PULUMI_BACKEND_URL: `file://${join(this.folder, "state")}?metadata=skip`,
      PULUMI_HOME: this.home,
      PULUMI_CONFIG_PASSPHRASE: "", // the rehearsal has no secrets, but the CLI requires a passphrase
      PULUMI_SKIP_UPDATE_CHECK: "true",
      PULUMI_AUTOMATION_API_SKIP_VERSION_CHECK: "true",
      // Node's own cache of compiled modules: the program and its plugins start at every command.
      NODE_COMPILE_CACHE: process.env["NODE_COMPILE_CACHE"] || join(this.folder, "compile-cache"),
      ARTIFACTS_CLOUD: this.#rehearsal.control,
      ...(this.#rehearsal.providers !== undefined && { PULUMI_DEBUG_PROVIDERS: this.#rehearsal.providers }),
      // The load balancers' addresses are found through it alone. Loopback addresses are asked directly.
      http_proxy: this.#rehearsal.control,
      no_proxy: [process.env["no_proxy"] ?? process.env["NO_PROXY"], "localhost,127.0.0.1,::1"].filter(Boolean).join(),
      AWS_ACCESS_KEY_ID: awsCredentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: awsCredentials.secretAccessKey,
    };
  }

  /** A command of the CLI with the stack, its config and the way to ask, where it accepts them and does not have them yet. */
  words(args: readonly string[], interactive: boolean): string[] {
    const command = args.find((argument) => !argument.startsWith("-")) ?? "";
    const extra: string[] = [];
    const has = (flag: string): boolean =>
      args.some((argument) => argument === flag || argument.startsWith(`${flag}=`));
    const stackless = new Set(["", "version", "help", "about", "plugin", "whoami", "login", "logout", "completion"]);
    // `stack select NAME`, `stack rm NAME`: the name is an argument of its own.
    const names = command === "stack" && args.some((argument) => ["init", "select", "ls"].includes(argument));
    const removes = command === "stack" && args.includes("rm");
    if (removes && !has("--preserve-config")) extra.push("--preserve-config"); // the file is the checkout's
    const named = names || (removes && args.slice(args.indexOf("rm") + 1).some((one) => !one.startsWith("-")));
    if (!stackless.has(command) && !named && !has("--stack") && !has("-s")) extra.push("--stack", this.#source.name);
    if (readsConfig.has(command) && !has("--config-file")) {
      extra.push("--config-file", relative(projectRoot, this.configFile));
    }
    if (!interactive && !has("--non-interactive")) extra.push("--non-interactive");
    return [...args, ...extra];
  }
}

/** Takes what only the real cloud can read out of a stack's config: the provider of secrets with its key, and secrets. */
function leaveSecrets(document: Document): void {
  for (const key of ["secretsprovider", "encryptedkey", "encryptionsalt"]) document.delete(key);
  const config = document.get("config");
  if (!isMap(config)) return;
  const secrets = config.items.filter(({ value }) => isMap(value) && value.has("secure"));
  for (const { key } of secrets) config.delete(key);
}

/** Running commands, to which the rehearsal forwards Ctrl-C. */
const running = new Set<ReturnType<typeof spawn>>();

/** Forwards a signal to every running command. Resolves when all have ended. */
export async function interruptCommands(signal: "SIGINT" | "SIGTERM"): Promise<void> {
  const ends = [...running].map((child) => new Promise((resolve) => child.once("close", resolve)));
  for (const child of running) child.kill(signal);
  await Promise.all(ends);
}
