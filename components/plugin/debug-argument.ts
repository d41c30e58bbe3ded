import { readFileSync } from "node:fs";
import { basename } from "node:path";

/**
 * Whether `pulumi` was started with `--debug`. The engine shows debug messages under it, but tells neither the program nor the plugins, and
 * messages that nobody reads are a third of the program's time. So the command line of the CLI is read, which started this process (Linux
 * only). On other systems set ARTIFACTS_TRACE=1, as `npm run` commands take it, beside `--debug`.
 */
export function debugArgument(pid: number = process.ppid, environment: NodeJS.ProcessEnv = process.env): boolean {
  if (environment["ARTIFACTS_TRACE"] === "1") return true;
  // The CLI starts plugins itself, and the program by its language host.
  for (let ancestor = pid, depth = 0; ancestor > 1 && depth < 4; depth++) {
    const found = readProcess(ancestor);
    if (found === undefined) return false;
    if (asksForDebug(found.commandLine)) return true;
    ancestor = found.parent;
  }
  return false;
}

/**
 * Whether a command line is that of the CLI with its flag `--debug` (`-d`).
 * @internal exported for its tests.
 */
export function asksForDebug([program = "", ...args]: readonly string[]): boolean {
  if (basename(program) !== "pulumi") return false;
  return args.some((arg) => /^(--debug(=true|=1)?|-d)$/.test(arg));
}

/** proc(5): `/proc/<pid>/cmdline`, and the fourth field of `/proc/<pid>/stat`. Undefined if it can't be read. */
function readProcess(pid: number): { readonly commandLine: readonly string[]; readonly parent: number } | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    const parent = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
    return { commandLine: readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0").slice(0, -1), parent };
  } catch {
    return undefined;
  }
}
