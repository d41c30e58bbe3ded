/**
 * A rehearsal for drills: the unchanged program on the emulated cloud, the demo projects' artifacts in staging, the runbook's commands as an
 * operator types them, and disasters. It runs in this process, without the steps of `npm start`.
 */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { chmod, copyFile, mkdir, writeFile } from "node:fs/promises";
import { delimiter, dirname, join } from "node:path";
import type { Requester } from "../../../local/cloud/access.ts";
import { type EmulatedCloud, startCloud } from "../../../local/cloud/cloud.ts";
import { ControlApi } from "../../../local/control-api.ts";
import { type AttachableProviders, serveProviders } from "../../../local/providers/attach.ts";
import { installProviders } from "../../../local/providers/install.ts";
import type { DemoArtifacts } from "../../../local/seed/artifacts.ts";
import { demoManifestsFolder } from "../../../local/seed/demo-manifests.ts";
import { pushStaging } from "../../../local/seed/push.ts";
import { projectRoot, type Rehearsal, removeRehearsal, writeRehearsal } from "../../../local/tools/rehearsal-folder.ts";
import { Stack } from "../../../local/tools/stack.ts";
import { ensureEngine } from "../../../local/tools/tools.ts";
import { buildRedirector } from "../../../redirector/build.ts";
import { afterFile } from "../cleanup.ts";
import { Workspace } from "./rehearsal.ts";
import { standInRedirector } from "./stand-in-redirector.ts";

const commandLine = join(projectRoot, "components/commands/artifacts.mjs");

/** A resource of the emulated cloud. */
export interface CloudResource {
  readonly type: string;
  readonly id: string;
  readonly inputs: Readonly<Record<string, unknown>>;
  readonly computed: Readonly<Record<string, unknown>>;
}

/** Output of a command, both streams together, and its exit code. */
export interface CommandResult {
  readonly code: number;
  readonly output: string;
}

/** A running command line in a process group of its own. */
export class OperatorCommand {
  readonly ended: Promise<CommandResult>;
  output = "";
  readonly #child: ChildProcess;

  constructor(line: string, env: NodeJS.ProcessEnv) {
    this.#child = spawn("sh", ["-c", line], {
      cwd: projectRoot,
      env,
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
    });
    afterFile(() => this.kill());
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.on("data", (chunk: Buffer) => {
        this.output += chunk;
      });
    }
    this.ended = new Promise((resolve, reject) => {
      this.#child.once("error", reject);
      this.#child.once("close", (code) => resolve({ code: code ?? 1, output: this.output }));
    });
  }

  /** Resolves when the output matches. Throws if the command ends before. */
  async prints(pattern: RegExp): Promise<void> {
    let over = false;
    void this.ended.then(() => {
      over = true;
    });
    while (!pattern.test(this.output)) {
      assert.ok(!over, `ended without printing ${pattern}:\n${this.output}`);
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  }

  /** Sends SIGKILL to the command's whole process group. */
  async kill(): Promise<void> {
    assert.ok(this.#child.pid !== undefined);
    try {
      process.kill(-this.#child.pid, "SIGKILL");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error; // it has ended
    }
    await this.ended;
  }
}

/** A running rehearsal for drills. */
export class Drill {
  readonly workspace: Workspace;
  readonly cloud: EmulatedCloud;
  readonly stack: Stack;
  readonly control: ControlApi;
  readonly rehearsal: Rehearsal;
  /**
   * Whether the engine writes its state after each resource, as it does in production. Writing it once, at the end, saves 5 of the engine's 6 s
   * of processor time at a first deployment. A run that is to be killed needs every write.
   */
  checkpoints = true;
  readonly #bin: string;
  readonly #providers: AttachableProviders;

  private constructor(
    place: Workspace,
    cloud: EmulatedCloud,
    providers: AttachableProviders,
    rehearsal: Rehearsal,
    stack: Stack,
    bin: string,
  ) {
    this.workspace = place;
    this.cloud = cloud;
    this.#providers = providers;
    this.rehearsal = rehearsal;
    this.stack = stack;
    this.control = new ControlApi(cloud.control);
    this.#bin = bin;
  }

  /** The drill's folder. */
  get folder(): string {
    return this.workspace.folder;
  }

  /**
   * Starts the cloud and prepares stack and CLI. Deploys nothing.
   * @param options.ports number of ports for the cloud. Default: enough for the rehearsal's regions.
   * @param options.guarded IAM stands in front of the data, once {@link guard} switches it on.
   * @param options.redirector what is deployed as the redirector: a stand-in for drills that send it nothing. Its 50 MB cost 5 s of processor
   * time at the first deployment and half a second at each command.
   */
  static async open(
    options: { readonly ports?: number; readonly redirector?: "built" | "stand-in"; readonly guarded?: boolean } = {},
  ): Promise<Drill> {
    const ports = options.ports ?? 60;
    const place = await Workspace.make(ports);
    const archive = join(place.folder, "redirector.tar.gz");
    // Copy the built archive, because another test may build it meanwhile.
    if (options.redirector === "stand-in") await writeFile(archive, await standInRedirector());
    else await copyFile((await buildRedirector()).archive, archive);
    const cloud = await startCloud({
      dir: join(place.folder, "cloud"),
      ports: { base: place.ports, size: ports },
      delays: { certificate: 1 },
      ...(options.guarded && { guarded: true }),
    });
    afterFile(() => existsSync(place.folder) && cloud.stop()); // else it has ended
    try {
      const providers = await serveProviders(cloud.control);
      const rehearsal: Rehearsal = {
        pid: process.pid,
        control: cloud.control,
        gcsEndpoint: `${cloud.endpoints.gcs}/storage/v1/`,
        s3Endpoint: cloud.endpoints.s3,
        awsCredentials: {
          accessKeyId: cloud.environment["AWS_ACCESS_KEY_ID"]!,
          secretAccessKey: cloud.environment["AWS_SECRET_ACCESS_KEY"]!,
        },
        providers: providers.addresses,
      };
      await writeRehearsal(place.folder, rehearsal);
      const stack = new Stack(place.folder, rehearsal);
      const operator = await writeOperator(place.folder, stack);
      const drill = new Drill(place, cloud, providers, rehearsal, stack, operator);
      installProviders(drill.stack.home);
      await drill.configure(demoManifestsFolder);
      await drill.stack.ensure();
      return drill;
    } catch (error) {
      await cloud.stop();
      throw error;
    }
  }

  /** Stops everything and removes its folder. */
  async end(): Promise<void> {
    await removeRehearsal(this.workspace.folder);
    this.#providers.close();
    await this.cloud.stop();
    await this.workspace.remove();
  }

  /** Writes the stack's config: the rehearsal's with these settings. */
  async configure(manifests: string, settings: Readonly<Record<string, unknown>> = {}): Promise<void> {
    const archive = join(this.workspace.folder, "redirector.tar.gz");
    await this.stack.configure(manifests, { "artifacts:redirectorArchive": archive, ...settings });
  }

  /**
   * Pushes artifacts to the staging areas, which need not exist yet.
   * @param project id of the Google Cloud project.
   * @param prefix prefix of its buckets' names.
   */
  async stage(artifacts: DemoArtifacts, project = "rehearsal-artifacts", prefix = "rehearsal"): Promise<void> {
    const host = `127.0.0.1:${await this.cloud.registry("us")}`;
    const targets = artifacts.projects.map(({ name }) => ({
      project: name,
      registryUri: `${host}/${project}/staging-${name}`,
      bucket: `${prefix}-staging-${name}`,
    }));
    const { gcsEndpoint } = this.rehearsal;
    await pushStaging(artifacts, { targets, gcsEndpoint, createBucketsIn: project }, () => {});
  }

  /** Empties the staging areas, as if everything had expired. */
  async emptyStaging(): Promise<void> {
    const areas = await this.control.stagingAreas();
    const { gcs } = this.cloud.endpoints;
    for (const { bucket } of areas) {
      if (bucket === undefined) continue;
      const objects = `${gcs}/storage/v1/b/${bucket}/o`;
      const { items = [] } = (await (await fetch(objects)).json()) as { items?: { name: string }[] };
      for (const { name } of items) await fetch(`${objects}/${encodeURIComponent(name)}`, { method: "DELETE" });
    }
    const repositories = (await this.resources()).filter(
      ({ type, inputs }) =>
        type === "gcp:artifactregistry/repository:Repository" &&
        (inputs["labels"] as Record<string, string>)["purpose"] === "staging",
    );
    // The emulated registry cannot empty a repository: delete and recreate it.
    for (const resource of repositories) {
      await this.lose(({ type, id }) => type === resource.type && id === resource.id);
      const answer = await fetch(`${this.cloud.control}/v1/resources`, {
        method: "POST",
        body: JSON.stringify(resource),
      });
      assert.equal(answer.status, 201, await answer.text());
    }
  }

  /**
   * Starts a command line in a shell, as an operator who answers "yes" to questions. `pulumi` is the rehearsal's CLI on the rehearsal's stack,
   * `npm run adopt` is the committed command.
   */
  start(command: string): OperatorCommand {
    const path = [this.#bin, dirname(process.execPath), process.env["PATH"]].join(delimiter);
    const artifacts = `node ${commandLine}`;
    const line = command.replace(/\bnpm run adopt\b/, `${artifacts} adopt`).replace(/\bnpx artifacts\b/, artifacts);
    return new OperatorCommand(line, {
      ...process.env,
      ...this.workspace.environment,
      PATH: path,
      ...(!this.checkpoints && { PULUMI_SKIP_CHECKPOINTS: "true" }),
    });
  }

  /** Runs a command line to its end, whatever its exit code. */
  async runs(command: string): Promise<CommandResult> {
    return await this.start(command).ended;
  }

  /** Runs a command that must succeed. @returns its output. */
  async run(command: string): Promise<string> {
    const { code, output } = await this.runs(command);
    assert.equal(code, 0, `$ ${command}\n${output}`);
    return output;
  }

  /** Runs a command that must fail. @returns its output. */
  async refused(command: string): Promise<string> {
    const { code, output } = await this.runs(command);
    assert.notEqual(code, 0, `$ ${command}\n${output}`);
    return output;
  }

  /** Switches IAM in front of the data on or off; `grants`: how often what a new grant allows is refused. */
  async guard(on: boolean, grants = 0): Promise<void> {
    await this.#put("guard", { on });
    await this.#put("delays", { certificate: 1, grant: grants });
  }

  /** A token for somebody, see `local/cloud/guard.ts`. */
  async token(requester: Requester): Promise<string> {
    const answer = await fetch(`${this.cloud.control}/v1/tokens`, { method: "POST", body: JSON.stringify(requester) });
    assert.equal(answer.status, 201);
    return ((await answer.json()) as { token: string }).token;
  }

  async #put(what: string, value: object): Promise<void> {
    const answer = await fetch(`${this.cloud.control}/v1/${what}`, { method: "PUT", body: JSON.stringify(value) });
    assert.ok(answer.ok, await answer.text());
  }

  /** Ports of the registries by location. */
  async registries(): Promise<Readonly<Record<string, number>>> {
    const status = await fetch(`${this.cloud.control}/v1/status`);
    return ((await status.json()) as { registries: Record<string, number> }).registries;
  }

  /** All resources of the emulated cloud. */
  async resources(): Promise<CloudResource[]> {
    return (await (await fetch(`${this.cloud.control}/v1/resources`)).json()) as CloudResource[];
  }

  /** A disaster: deletes the matching resources with their content, despite protections. @returns their number. */
  async lose(matches: (resource: CloudResource) => boolean): Promise<number> {
    const lost = (await this.resources()).filter(matches);
    assert.ok(lost.length > 0, "something is lost");
    // Settings of a bucket before the bucket.
    for (const holds of [false, true]) {
      await Promise.all(
        lost
          .filter(({ type }) => /:(Bucket|Repository)$/.test(type) === holds)
          .map(async ({ type, id }) => {
            const query = new URLSearchParams({ type, id, lose: "true" });
            const answer = await fetch(`${this.cloud.control}/v1/resources?${query}`, { method: "DELETE" });
            assert.ok(answer.ok, `${type} ${id}: ${await answer.text()}`);
          }),
      );
    }
    return lost.length;
  }
}

/**
 * Writes a `pulumi` for the operator's shell, which answers every question with yes: the rehearsal's CLI (local/tools/pulumi.ts). What that adds to a
 * command is nearly always the same, so the engine is started at once: the process between costs 0.3 s each time.
 */
async function writeOperator(folder: string, stack: Stack): Promise<string> {
  const bin = join(folder, "operator");
  await mkdir(bin);
  const engine = await ensureEngine(() => {});
  const quoted = (word: string) => `'${word.replaceAll("'", "'\\''")}'`;
  const environment = stack.environment();
  const changed = Object.entries(environment).filter(([name, value]) => process.env[name] !== value);
  const left = Object.keys(process.env).filter((name) => !(name in environment));
  const direct = ["up", "preview", "refresh", "destroy", "cancel", "stack export", "stack output"].map((command) => {
    const named = [...command.split(" "), "--stack", "local"];
    const added = stack.words(named, false).slice(named.length);
    return `  "${command} "*) set -- "$@" $stack ${added.map(quoted).join(" ")} --color never ;;`;
  });
  const cli = `exec node ${quoted(join(projectRoot, "local/tools/pulumi.ts"))} "$@" --non-interactive --color never`;
  const watched = `node ${quoted(commandLine)} engine-run --engine ${quoted(engine.path)} --`;
  // Asked whether it is the machine's own engine, it says no at once, as local/tools/tools.ts does.
  const script = `#!/bin/sh
[ -z "$ARTIFACTS_ASKED_FOR_VERSION" ] || exit 1
case "$* " in
  *--preview-only*) ;;
  "up "* | "refresh "*) set -- "$@" --yes --skip-preview ;;
  "cancel "*) set -- "$@" --yes ;;
esac
PATH="\${PATH#*:}"
stack="--stack local"
case " $* " in
  *" --config-file"*) ${cli} ;;
  *" --stack local "*) stack="" ;;
  *" --stack"* | *" -s "*) ${cli} ;;
esac
case "$* " in
${direct.join("\n")}
  *) ${cli} ;;
esac
unset ${left.join(" ")}
${changed.map(([name, value = ""]) => `export ${name}=${quoted(value)}`).join("\n")}
case " $* " in
  *" --event-log "*) ;;
  *" --continue-on-error "*) exec ${watched} "$@" ;;
esac
exec ${quoted(engine.path)} "$@"
`;
  const file = join(bin, "pulumi");
  await writeFile(file, script);
  await chmod(file, 0o755);
  return bin;
}
