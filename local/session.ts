/** A rehearsal from its start to its end: the emulated cloud, the stack on it, and what must be stopped. */
import { join, relative } from "node:path";
import { type EmulatedCloud, startCloud } from "./cloud/cloud.ts";
import { serveProviders } from "./providers/attach.ts";
import { installProviders } from "./providers/install.ts";
import { recover } from "./recover.ts";
import { complain, say, sayCommand } from "./screen.ts";
import { projectRoot, type Rehearsal, removeRehearsal, writeRehearsal } from "./tools/rehearsal-folder.ts";
import { type CommandEnd, runToEnd } from "./tools/run-to-end.ts";
import { interruptCommands, Stack, type StackSource } from "./tools/stack.ts";
import { ensureTools } from "./tools/tools.ts";

/** What a session is of. */
export interface SessionOptions {
  /** The rehearsal's folder, absolute. */
  readonly folder: string;
  /** The loopback ports that the emulated cloud may use. */
  readonly ports: { readonly base: number; readonly size: number };
  /** The stack; default that of the demo, `local`. */
  readonly source?: StackSource;
}

/** A running rehearsal. */
export class Session {
  readonly #options: SessionOptions;
  /** Clean-up steps, run last to first at every end. */
  readonly #cleanup: (() => Promise<void>)[] = [];
  /** Aborts a start of the cloud that is under way. */
  readonly #interrupted = new AbortController();
  #running = false;
  #ending: Promise<void> | undefined;

  constructor(options: SessionOptions) {
    this.#options = options;
  }

  /**
   * Runs the steps of a rehearsal, then keeps it running, or ends it with `once`. Ctrl-C and failures stop everything that was started and exit.
   */
  async run(steps: () => Promise<void>, options: { readonly once: boolean }): Promise<void> {
    for (const [signal, code] of Object.entries({ SIGINT: 130, SIGTERM: 143, SIGHUP: 129 })) {
      process.on(signal, () => void this.#end(this.#running ? 0 : code));
    }
    try {
      await steps();
      this.#running = true;
      if (options.once) await this.#end(0);
    } catch (error) {
      // An interruption makes steps fail: that is no error to report.
      if (this.#ending === undefined) complain(error instanceof Error ? error.message : String(error));
      await this.#end(1);
    }
  }

  /** Prepares everything that the program needs to run: engine, redirector, emulated cloud, stack. */
  async setUp(): Promise<{ stack: Stack; cloud: EmulatedCloud }> {
    const { folder, ports, source } = this.#options;
    const { engine } = await ensureTools(say);
    say(`Pulumi ${engine.version} (${engine.origin === "built" ? "built from its Go module" : engine.path})`);
    await buildRedirector();

    const starting = startCloud({
      dir: join(folder, "cloud"),
      ports,
      delays: { certificate: 1 },
      signal: this.#interrupted.signal,
    });
    // Registered before the start has ended: an interrupted start must also stop its servers.
    this.#cleanup.push(() =>
      starting.then(
        (started) => started.stop(),
        () => {},
      ),
    );
    const cloud = await starting;
    for (const { purpose, pid } of cloud.leftovers)
      say(`stopped a process that a killed rehearsal left running: ${purpose}, process ${pid}`);
    for (const problem of cloud.problems) say(problem);

    const providers = await serveProviders(cloud.control);
    this.#cleanup.push(async () => providers.close());
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
    await writeRehearsal(folder, rehearsal);
    this.#cleanup.push(() => removeRehearsal(folder));
    const stack = new Stack(folder, rehearsal, source);
    installProviders(stack.home);
    await stack.configure();
    await stack.ensure();
    this.#cleanup.push(() => interruptCommands("SIGINT"));
    // A killed CLI leaves its lock. No other CLI can hold it: only one rehearsal runs in a folder.
    await stack.unlock();
    await recover(stack, cloud.control);
    say(`emulated cloud: control API ${cloud.control}, data in ${relative(projectRoot, folder) || folder}/cloud`);
    return { stack, cloud };
  }

  /** Stops everything that the rehearsal started, last first, then exits. A second call waits for the first. */
  #end(code: number): Promise<void> {
    this.#interrupted.abort(new Error("interrupted"));
    this.#ending ??= (async () => {
      for (const stop of this.#cleanup.reverse()) {
        await stop().catch((error: unknown) =>
          complain(`stopping failed: ${error instanceof Error ? error.message : error}`),
        );
      }
      process.exit(code);
    })();
    return this.#ending;
  }
}

/** Runs one command of the Pulumi CLI and prints its output. Throws when it fails. */
export async function pulumi(stack: Stack, ...args: string[]): Promise<string> {
  sayCommand(`pulumi ${args.join(" ")}`);
  const ended = await stack.run(args, { checkpoints: false });
  if (ended.code !== 0) throw new Error(`pulumi ${args[0]} failed with exit code ${ended.code}: see above`);
  return ended.output;
}

/** Runs one of the project's scripts to its end. */
export function runScript(path: string, ...args: string[]): Promise<CommandEnd> {
  return runToEnd(process.execPath, [join(projectRoot, path), ...args], { cwd: projectRoot });
}

/** Builds the archive that is deployed, for this machine. Quick when nothing changed. */
async function buildRedirector(): Promise<void> {
  const { code, output } = await runScript("redirector/build.ts");
  if (code !== 0) throw new Error(`the redirector could not be built (npm run build):\n${output}`);
  say(output.trimEnd());
}
