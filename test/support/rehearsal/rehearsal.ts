/** A rehearsal as a user runs it: `node local/rehearse.ts` in its own process, with its own folder and ports, in this checkout or a copy. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterFile } from "../cleanup.ts";
import { claimBlock } from "../ports.ts";
import { builtPeers, builtTools } from "../programs.ts";

await builtTools("pulumi", "olareg", "fake-gcs-server", "versitygw", "regctl");
await builtPeers("crane", "oras");

const root = join(import.meta.dirname, "../../..");

/** Default number of ports of a rehearsal. */
const usualPorts = 60;

/** A process of the rehearsal and its output. */
export class RehearsalProcess {
  readonly child: ChildProcess;
  output = "";
  readonly ended: Promise<number | NodeJS.Signals>;

  constructor(checkout: string, file: string, args: readonly string[], env: NodeJS.ProcessEnv) {
    this.child = spawn(process.execPath, [join(checkout, file), ...args], {
      cwd: checkout,
      env: { ...process.env, ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    afterFile(() => this.child.kill("SIGKILL"));
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream?.on("data", (chunk: Buffer) => {
        this.output += chunk;
      });
    }
    this.ended = new Promise((resolve, reject) => {
      this.child.once("error", reject);
      this.child.once("close", (code, signal) => resolve(code ?? signal ?? 1));
    });
  }

  /** Resolves when the output has this text. Throws with the output if the process ends before. */
  async says(text: string): Promise<void> {
    let over = false;
    void this.ended.then(() => {
      over = true;
    });
    while (!this.output.includes(text)) {
      if (over) throw new Error(`ended without saying "${text}":\n${this.output}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

/** A folder and a block of free ports for one rehearsal. */
export class Workspace {
  readonly folder: string;
  readonly ports: number;
  /** The checkout that it runs in. */
  readonly checkout: string;

  private constructor(folder: string, ports: number, checkout: string) {
    this.folder = folder;
    this.ports = ports;
    this.checkout = checkout;
  }

  /** @param ports number of ports. */
  static async make(ports = usualPorts, checkout = root): Promise<Workspace> {
    return new Workspace(await mkdtemp(join(tmpdir(), "rehearsal-")), (await claimBlock(ports)).base, checkout);
  }

  /** `npm start -- ARGS` without npm. */
  start(args: readonly string[] = [], env: NodeJS.ProcessEnv = {}): RehearsalProcess {
    return new RehearsalProcess(this.checkout, "local/rehearse.ts", ["--ports", String(this.ports), ...args], {
      ...this.environment,
      ...env,
    });
  }

  /** `npm run rehearse -- ARGS` without npm. */
  rehearse(args: readonly string[]): RehearsalProcess {
    const ports = ["--ports", String(this.ports)];
    return new RehearsalProcess(this.checkout, "local/rehearse-stack.ts", [...ports, ...args], this.environment);
  }

  /** `npm run pulumi -- ARGS`. */
  pulumi(...args: string[]): RehearsalProcess {
    return new RehearsalProcess(this.checkout, "local/tools/pulumi.ts", args, this.environment);
  }

  /** `npx artifacts ARGS`. */
  artifacts(...args: string[]): RehearsalProcess {
    return new RehearsalProcess(this.checkout, "components/commands/artifacts.mjs", args, this.environment);
  }

  /** `npm run clean`. */
  clean(): RehearsalProcess {
    return new RehearsalProcess(this.checkout, "local/clean.ts", [], this.environment);
  }

  get environment(): NodeJS.ProcessEnv {
    return { ARTIFACTS_REHEARSAL: this.folder, NO_COLOR: "1" };
  }

  async remove(): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
  }
}
