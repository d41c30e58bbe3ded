import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { CommandError } from "./command.ts";
import { printDetail } from "./output.ts";

/** Where the stack of the running rehearsal is. */
export interface LocalStack {
  /** The file of its config. */
  readonly config: string;
  /** The file of an export of its state. */
  readonly state: string;
}

/**
 * The running rehearsal's stack, if `local` is the stack that is asked for: the runbook can be practised on it with the commands as they are
 * printed. This process and the programs that it starts then have the rehearsal's credentials, engine and state in their environment.
 * @returns undefined for any other stack.
 * @throws CommandError if no rehearsal runs.
 */
export async function useLocalStack(stack: string | undefined): Promise<LocalStack | undefined> {
  if (stack !== "local") return undefined;
  const program = join(import.meta.dirname, "../../local/tools/describe-stack.ts");
  printDetail(`asks the running rehearsal: ${program}`);
  const { stdout } = await promisify(execFile)(process.execPath, [program]).catch((error: { stderr?: string }) => {
    throw new CommandError(`stack local: ${(error.stderr ?? String(error)).trim()}`);
  });
  const { environment, ...files } = JSON.parse(stdout) as LocalStack & { environment: Record<string, string> };
  Object.assign(process.env, environment);
  return files;
}
