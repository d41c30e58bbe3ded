import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { promisify } from "node:util";
import { CommandError } from "./command.ts";
import { printDetail } from "./output.ts";

/**
 * A stack's state as `pulumi stack export` writes it.
 * @param file with an export; undefined: pulumi is asked.
 * @throws CommandError
 */
export async function exportedState(stack: string, file: string | undefined): Promise<string> {
  if (file !== undefined) {
    return await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT")
        throw new CommandError(`there is no ${file}: write it with pulumi stack export --file ${file}`);
      throw new CommandError(`${file} cannot be read: ${error.message}`);
    });
  }
  try {
    const args = ["stack", "export", "--stack", stack, "--non-interactive"];
    printDetail(`runs pulumi ${args.join(" ")}`);
    return (await promisify(execFile)("pulumi", args, { maxBuffer: 1024 ** 3 })).stdout;
  } catch (error) {
    const { code, stderr } = error as { code?: unknown; stderr?: string };
    const why = code === "ENOENT" ? "pulumi is not on PATH" : (stderr ?? String(error)).trim();
    throw new CommandError(
      `the state of stack ${stack} cannot be read: ${why}; or give an export of it with --state FILE`,
    );
  }
}
