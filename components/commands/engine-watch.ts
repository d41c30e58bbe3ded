/** Runs the Pulumi CLI and stops it when it waits for ever. */
import { type ChildProcess, type StdioOptions, spawn } from "node:child_process";
import { mkdtemp, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { keyOfUrn } from "../adoption/adoption-list.ts";
import { printable } from "../promotion/text/printable.ts";
import { CommandError, UsageError } from "./command.ts";
import { EngineProgress, type FailedStep } from "./engine-progress.ts";
import { printError } from "./output.ts";

/** How a run of the CLI ended. */
export interface EngineEnd {
  /** Exit code; never 0 for a run that was stopped because it waited for ever. */
  readonly code: number;
  /** Whether a signal to this process stopped it. */
  readonly stopped: boolean;
}

/** How long a signal has time to end the CLI: the first one lets it finish what is in flight and write its state. */
const graceMs = 60_000;

/**
 * Runs a command of the CLI to its end. A command with `--continue-on-error` that waits for ever is stopped as ^C stops it, and what failed is named.
 * A signal to this process is passed on. Throws CommandError if the CLI cannot be started.
 * @param started receives the process, to read what it prints.
 */
export async function runCli(
  args: readonly string[],
  options: {
    readonly engine: string;
    readonly environment?: NodeJS.ProcessEnv;
    readonly stdio?: StdioOptions;
    readonly started?: (child: ChildProcess) => void;
  },
): Promise<EngineEnd> {
  const { engine, environment = process.env, stdio = "inherit", started = () => {} } = options;
  if (!goesOnAfterFailures(args, environment)) {
    return await untilEnd(spawn(engine, args, { env: environment, stdio }), started);
  }
  const quiet = stalledAfter(environment);
  const folder = await mkdtemp(join(tmpdir(), "engine-events-")); // only its owner may read it
  try {
    const log = join(folder, "events.json");
    const child = spawn(engine, [...args, "--event-log", log], {
      env: { ...environment, PULUMI_DEBUG_COMMANDS: "true" }, // without it the CLI has no --event-log
      stdio,
    });
    const watch = watchFor(child, log, quiet);
    try {
      const end = await untilEnd(child, started);
      return watch.stalled() ? { ...end, code: end.code || 1 } : end;
    } finally {
      watch.end();
    }
  } finally {
    await rm(folder, { recursive: true });
  }
}

function goesOnAfterFailures(args: readonly string[], environment: NodeJS.ProcessEnv): boolean {
  if (!args.some((word) => /^(up|update)$/.test(word)) || args.includes("--event-log")) return false;
  return args.includes("--continue-on-error") || environment["PULUMI_CONTINUE_ON_ERROR"] === "true";
}

/** Milliseconds without an event after which a run with a failed step is stopped. */
function stalledAfter(environment: NodeJS.ProcessEnv): number {
  const setting = environment["ARTIFACTS_STALLED_AFTER"] || "120";
  const seconds = Number(setting);
  if (!(seconds >= 1 && seconds <= 86_400))
    throw new UsageError(
      `ARTIFACTS_STALLED_AFTER is a number of seconds from 1 to 86400, not ${printable(setting, 20)}`,
    );
  return seconds * 1_000;
}

/** Follows the event log of a running CLI. */
function watchFor(child: ChildProcess, log: string, quiet: number): { stalled(): boolean; end(): void } {
  const events = new EventLog(log);
  const ended = new AbortController();
  let stoppedAt: number | undefined;
  const look = (): void => {
    const now = performance.now();
    const failed = events.progress.stalledBy(now, quiet);
    if (stoppedAt === undefined && failed !== undefined) {
      stoppedAt = now;
      printError(whatToDo(failed, quiet / 1_000));
      child.kill("SIGINT");
    } else if (stoppedAt !== undefined && now - stoppedAt > 2 * graceMs) child.kill("SIGKILL");
    else if (stoppedAt !== undefined && now - stoppedAt > graceMs) child.kill("SIGTERM"); // the second signal: the CLI ends at once
  };
  void (async () => {
    while (!ended.signal.aborted) {
      await setTimeout(Math.min(quiet / 4, 1_000), undefined, ended);
      // Once it is stopped, only time counts: a log that cannot be read then must not keep the later signals back.
      if (stoppedAt === undefined) await events.read();
      if (!ended.signal.aborted) look();
    }
  })().catch((error: unknown) => {
    // Without the events nothing is stopped, and the run goes on as it would without us.
    if (!ended.signal.aborted) printError(`the events of pulumi cannot be read: ${String(error)}`);
  });
  return { stalled: () => stoppedAt !== undefined, end: () => ended.abort() };
}

/** The line that a run ends with. */
function whatToDo(failed: readonly FailedStep[], seconds: number): string {
  const names = failed.map(({ operation, urn }) => {
    const done = operation === "delete-replaced" ? "could not be deleted to be replaced" : `failed (${operation})`;
    return printable(`${keyOfUrn(urn)} ${done}`, 300);
  });
  const all = names.length > 3 ? [...names.slice(0, 3), `${names.length - 3} more`] : names;
  return `${all.join("; ")}. The engine waits for it for ever (pulumi/pulumi#16373): nothing has happened for ${seconds} s, so this run is stopped. What it did is recorded: mend what refused it, and run the same again`;
}

/** The file that the CLI writes its events to: one for the preview, and from the start again for the update. */
class EventLog {
  progress = new EngineProgress(performance.now());
  readonly #path: string;
  readonly #chunk = Buffer.alloc(1 << 18);
  #head = "";
  #at = 0;
  #line = "";

  constructor(path: string) {
    this.#path = path;
  }

  /** Takes the events that were written since. */
  async read(): Promise<void> {
    const file = await open(this.#path).catch(() => undefined);
    if (file === undefined) return; // nothing has happened yet
    try {
      const { bytesRead: length } = await file.read(this.#chunk, 0, 48, 0);
      const head = this.#chunk.toString("latin1", 0, length); // it has the time of the first event
      if (!head.startsWith(this.#head) || (await file.stat()).size < this.#at) {
        this.progress = new EngineProgress(performance.now());
        this.#at = 0;
        this.#line = "";
      }
      this.#head = head;
      for (;;) {
        const { bytesRead } = await file.read(this.#chunk, 0, this.#chunk.length, this.#at);
        if (bytesRead === 0) return;
        this.#at += bytesRead;
        this.#take(this.#chunk.subarray(0, bytesRead));
      }
    } finally {
      await file.close();
    }
  }

  /** Events of large resources have many megabytes; their heads are enough. */
  #take(bytes: Buffer): void {
    for (let from = 0; from < bytes.length; ) {
      const found = bytes.indexOf(0x0a, from);
      const to = found < 0 ? bytes.length : found;
      const room = 4_096 - this.#line.length;
      if (room > 0) this.#line += bytes.toString("latin1", from, Math.min(to, from + room));
      if (found >= 0) {
        this.progress.take(Buffer.from(this.#line, "latin1").toString(), performance.now());
        this.#line = "";
      }
      from = to + 1;
    }
  }
}

/** Waits for the end of the CLI. Meanwhile a signal to this process is one to the CLI. */
async function untilEnd(child: ChildProcess, started: (child: ChildProcess) => void): Promise<EngineEnd> {
  let stopped = false;
  const interrupt = (signal: NodeJS.Signals): void => {
    stopped = true;
    // A terminal sends ^C to all of its processes, and a second one would end the CLI at once.
    if (signal !== "SIGINT" || !process.stdin.isTTY) child.kill(signal);
  };
  process.on("SIGINT", interrupt).on("SIGTERM", interrupt);
  try {
    started(child);
    const code = await new Promise<number>((resolve, reject) => {
      child.once("error", ({ code, message }: NodeJS.ErrnoException) =>
        reject(new CommandError(`pulumi cannot be run: ${code === "ENOENT" ? "it is not on PATH" : message}`)),
      );
      child.once("close", (ended, signal) => resolve(ended ?? (signal === "SIGINT" ? 130 : 143)));
    });
    return { code, stopped };
  } finally {
    process.off("SIGINT", interrupt).off("SIGTERM", interrupt);
  }
}
