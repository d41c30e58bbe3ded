import { spawn } from "node:child_process";
import { createWriteStream, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { writeJson } from "./json-file.ts";
import { isAlive, type ProcessIdentity, startTime, stopProcesses } from "./process-identity.ts";

/** A child process in the pid file. */
export interface RecordedProcess extends ProcessIdentity {
  /** Its purpose, for output. */
  readonly purpose: string;
  /** It stores nothing on disk, so it may be killed at once. */
  readonly stateless: boolean;
}

/** A child process to start. */
export interface ProcessCommand {
  /** Its purpose, e.g. `image registry us-central1`: names its log file and appears in errors. */
  readonly purpose: string;
  readonly file: string;
  readonly args: readonly string[];
  readonly cwd?: string;
  readonly env: Readonly<Record<string, string>>;
  /** It stores nothing on disk, so it may be killed at once. */
  readonly stateless?: boolean;
}

/** A running child process. */
export interface Child extends RecordedProcess {
  /** Log of its stdout and stderr. */
  readonly logFile: string;
  /** Resolves when it has ended, with a text that describes how. */
  readonly ended: Promise<string>;
}

/** Milliseconds between TERM and KILL. */
const grace = 5000;

/**
 * The child processes of the emulated cloud. Each is recorded in `pids.json` as soon as it starts, so that after a kill -9 of this process the
 * next start can stop those that are still running.
 */
export class Processes {
  readonly #dir: string;
  readonly #children = new Map<number, Child>();
  #owner: RecordedProcess | undefined;
  #stopping = false;

  /** @param dir folder of `pids.json` and `logs/`. */
  constructor(dir: string) {
    this.#dir = dir;
  }

  /**
   * Stops the processes that a killed predecessor left running and takes over the directory.
   * Throws if the predecessor is alive: two clouds must not share a directory.
   * @returns the stopped processes.
   */
  async takeOver(): Promise<RecordedProcess[]> {
    const recorded = readPids(join(this.#dir, "pids.json"));
    const { owner } = recorded;
    if (owner !== undefined && owner.pid !== process.pid && isAlive(owner)) {
      throw new Error(
        `A rehearsal already runs on ${this.#dir} (process ${owner.pid}): stop it first, or use another directory.`,
      );
    }
    const leftovers = recorded.children.filter(isAlive);
    await stopEach(leftovers);
    this.#owner = { pid: process.pid, startTime: startTime(process.pid) ?? "", purpose: "rehearsal", stateless: false };
    this.#record();
    return leftovers;
  }

  /** Starts a child in its own process group, with its output in `logs/<purpose>.log`. Throws if it cannot be started. */
  async start(command: ProcessCommand): Promise<Child> {
    const logs = join(this.#dir, "logs");
    mkdirSync(logs, { recursive: true });
    const logFile = join(logs, `${command.purpose.replaceAll(/[^A-Za-z0-9.-]+/g, "-")}.log`);
    const log = createWriteStream(logFile);
    await new Promise<void>((resolve, reject) => log.once("open", () => resolve()).once("error", reject));
    if (this.#stopping) throw new Error(`The ${command.purpose} was not started: the cloud is stopping.`);
    const child = spawn(command.file, command.args, {
      cwd: command.cwd,
      env: command.env,
      detached: true,
      stdio: ["ignore", log, log],
    });
    const ended = new Promise<string>((resolve) => {
      child.once("error", (error) => resolve(`could not be started: ${error.message}`));
      child.once("exit", (code, signal) =>
        resolve(signal === null ? `ended with exit code ${code}` : `ended by ${signal}`),
      );
    });
    log.close();
    const { pid } = child;
    if (pid === undefined) throw new Error(`The ${command.purpose} ${await ended} (${command.file}).`);
    const { purpose, stateless = false } = command;
    const running: Child = { pid, startTime: startTime(pid) ?? "", purpose, stateless, logFile, ended };
    this.#children.set(pid, running);
    this.#record();
    void ended.then(() => {
      this.#children.delete(pid);
      this.#record();
    });
    return running;
  }

  /** Stops one child: TERM, KILL after so many milliseconds. */
  async stop(child: Child, after = grace): Promise<void> {
    await stopProcesses([child], after);
    await child.ended;
  }

  /** Stops all children and releases the directory. */
  async stopAll(): Promise<void> {
    this.#stopping = true;
    const children = [...this.#children.values()];
    await stopEach(children);
    await Promise.all(children.map((child) => child.ended));
    this.#owner = undefined;
    rmSync(join(this.#dir, "pids.json"), { force: true });
  }

  #record(): void {
    if (this.#owner === undefined) return;
    const children: RecordedProcess[] = [...this.#children.values()].map(({ pid, startTime, purpose, stateless }) => ({
      pid,
      startTime,
      purpose,
      stateless,
    }));
    writeJson(join(this.#dir, "pids.json"), { owner: this.#owner, children });
  }
}

/** TERM to all processes. Stateless ones are killed after a shorter time. */
async function stopEach(processes: readonly RecordedProcess[]): Promise<void> {
  const stateless = processes.filter((one) => one.stateless);
  const stateful = processes.filter((one) => !one.stateless);
  await Promise.all([stopProcesses(stateless, 100), stopProcesses(stateful, grace)]);
}

/** The last lines of a log file, for an error message. */
export function logTail(file: string, lines = 15): string {
  return readFileSync(file, "utf8").trimEnd().split("\n").slice(-lines).join("\n");
}

function readPids(file: string): { owner?: RecordedProcess; children: RecordedProcess[] } {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as { owner?: RecordedProcess; children: RecordedProcess[] };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return { children: [] };
    throw new Error(`${file} cannot be read (${(error as Error).message}): delete it.`);
  }
}
