/** Runs a program to its end and keeps what it prints. */
import { spawn } from "node:child_process";

/** How a program ended. */
export interface CommandEnd {
  /** Exit code; null if a signal ended it. */
  readonly code: number | null;
  /** stdout and stderr together, in order of arrival. */
  readonly output: string;
}

/**
 * Runs a program to its end, whatever its exit code. Rejects only if the program cannot be started.
 * @param onLine is called once for each line of output.
 */
export function runToEnd(
  command: string,
  args: readonly string[],
  options: { readonly cwd: string; readonly env?: NodeJS.ProcessEnv; readonly onLine?: () => void },
): Promise<CommandEnd> {
  const { cwd, env, onLine } = options;
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, ...(env && { env }), stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    const take = (chunk: Buffer): void => {
      output += chunk;
      if (onLine) for (const byte of chunk) if (byte === 0x0a) onLine();
    };
    child.stdout.on("data", take);
    child.stderr.on("data", take);
    child.once("error", reject);
    child.once("close", (code) => resolve({ code, output }));
  });
}
