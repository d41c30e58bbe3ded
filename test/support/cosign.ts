import { execFile } from "node:child_process";
import { join } from "node:path";

/** What cosign ended with, and all that it printed. */
export interface CosignRun {
  readonly code: number;
  readonly text: string;
}

/** Runs cosign with a folder as its home. It has no roots but those that it is given there, and does not leave this machine. */
export function cosignIn(folder: string, program: string): (...args: readonly string[]) => Promise<CosignRun> {
  const env = { PATH: process.env["PATH"], HOME: folder, TUF_ROOT: join(folder, "tuf"), COSIGN_PASSWORD: "" };
  return (...args) =>
    new Promise((resolve) => {
      execFile(program, args, { env, cwd: folder }, (error, stdout, stderr) => {
        resolve({ code: error === null ? 0 : Number(error.code), text: stdout + stderr });
      });
    });
}
