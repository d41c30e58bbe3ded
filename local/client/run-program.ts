/** Runs the program of a pulled image on this machine, without a container. */
import { execFile } from "node:child_process";
import { open, realpath } from "node:fs/promises";
import { delimiter, dirname, join } from "node:path";
import { promisify } from "node:util";
import { containerPlatform, type PulledImage } from "./pull-image.ts";

/** The program's output, or why it did not run. */
export type ProgramRun =
  | { readonly ran: true; readonly output: string }
  | { readonly ran: false; readonly why: string };

/**
 * Runs the image's entrypoint with these arguments in the given folder and returns its output.
 * Does not run a program for another platform. Throws if the program fails.
 */
export async function runPulledProgram(image: PulledImage, args: readonly string[], cwd: string): Promise<ProgramRun> {
  const [command, ...own] = [...(image.config.config.Entrypoint ?? []), ...(image.config.config.Cmd ?? [])];
  if (command === undefined) return { ran: false, why: `${image.reference} has no entrypoint` };
  const program = await realpath(join(image.rootfs, command));
  if (!program.startsWith(`${await realpath(image.rootfs)}/`)) throw new Error(`${command} is outside the image`);
  const here = process.platform === "linux" ? containerPlatform() : process.platform;
  if (image.platform !== here && !(await isScript(program))) {
    return { ran: false, why: `it is a program for ${image.platform}, and this machine is ${here}` };
  }
  // Scripts for Node.js run on the Node.js that runs this.
  const env = { PATH: [dirname(process.execPath), "/usr/bin", "/bin"].join(delimiter), HOME: cwd };
  const { stdout } = await promisify(execFile)(program, [...own, ...args], { cwd, env, timeout: 30_000 });
  return { ran: true, output: stdout.trimEnd() };
}

async function isScript(path: string): Promise<boolean> {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(2), 0, 2, 0);
    return bytesRead === 2 && buffer.toString() === "#!";
  } finally {
    await file.close();
  }
}
