/**
 * Runs command lines of `artifacts` in a process that stays until the test file is over: the start of a process for each takes several times what
 * the command does. A command that keeps its process alive, or that depends on how it is started, needs a process of its own: test that by
 * `artifacts.mjs`.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { afterFile } from "./cleanup.ts";

/** How a command line ended. */
export interface EndedCommand {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Where a command line runs. */
interface CommandPlace {
  readonly cwd: string;
  /** Its whole environment. Default: this process's. */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

const script = `
  const { runCommandLine } = await import(${JSON.stringify(import.meta.resolve("../../components/commands/command-line.ts"))});
  process.on("disconnect", () => process.exit());
  process.on("message", async ({ args, cwd, env }) => {
    const ended = { code: 0, out: "", err: "" };
    const written = (name) => (text, ...rest) => {
      ended[name] += text;
      rest.at(-1)?.();
      return true;
    };
    process.stdout.write = written("out");
    process.stderr.write = written("err");
    process.chdir(cwd);
    for (const name of Object.keys(process.env)) delete process.env[name];
    Object.assign(process.env, env);
    process.exitCode = 0;
    try {
      await runCommandLine(args);
    } catch (error) {
      process.exitCode = 1;
      ended.err += error.stack;
    }
    ended.code = process.exitCode;
    process.exitCode = 0;
    process.send(ended);
  });
  process.send("ready");
`;

let last: Promise<unknown> = Promise.resolve();
let running: ChildProcess | undefined;

/** Runs one command line, after those that were given before. */
export function runArtifacts(args: readonly string[], place: CommandPlace): Promise<EndedCommand> {
  const ended = last.then(
    async () => (await ask(await runner(), { args, ...place, env: defined(place.env ?? process.env) })) as EndedCommand,
  );
  last = ended.catch(() => undefined);
  return ended;
}

/** Runs several command lines one after the other. */
export async function runCommandLines(
  calls: readonly (readonly string[])[],
  { cwd, env }: CommandPlace & { readonly env: Readonly<Record<string, string | undefined>> },
): Promise<EndedCommand[]> {
  const place = { cwd, env: { PATH: process.env["PATH"], ...env } };
  return Promise.all(calls.map((args) => runArtifacts(args, place)));
}

async function runner(): Promise<ChildProcess> {
  if (running !== undefined) return running;
  const child = spawn(process.execPath, ["--input-type=module", "--eval", script], {
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
  running = child;
  const isOver = (): void => {
    if (running === child) running = undefined;
  };
  child.once("exit", isOver);
  afterFile(() => {
    isOver(); // at once: the next file may begin before it has ended
    child.kill();
  });
  await ask(child);
  return child;
}

/** The next message of the process, after it was sent one. Rejects when the process ends before. */
function ask(child: ChildProcess, message?: object): Promise<unknown> {
  const { promise, resolve, reject } = Promise.withResolvers<unknown>();
  const ended = (code: number | null): void => reject(new Error(`the process of the commands ended with ${code}`));
  child.once("exit", ended);
  child.once("message", (answer) => {
    child.off("exit", ended);
    resolve(answer);
  });
  if (message !== undefined) child.send(message);
  return promise;
}

function defined(env: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
}
