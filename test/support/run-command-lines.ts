import { execFile } from "node:child_process";
import { join } from "node:path";

/** How a command line ended. */
export interface EndedCommand {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs several command lines of `artifacts` one after the other in one process, which is faster than a process for each. */
export async function runCommandLines(
  calls: readonly (readonly string[])[],
  { cwd, env }: { readonly cwd: string; readonly env: Readonly<Record<string, string | undefined>> },
): Promise<EndedCommand[]> {
  const commandLine = join(import.meta.dirname, "../../components/commands/command-line.ts");
  const script = `
    const { runCommandLine } = await import(${JSON.stringify(commandLine)});
    const write = process.stdout.write.bind(process.stdout);
    const ended = [];
    for (const args of ${JSON.stringify(calls)}) {
      const is = { code: 0, out: "", err: "" };
      process.stdout.write = (text) => { is.out += text; return true; };
      process.stderr.write = (text) => { is.err += text; return true; };
      process.exitCode = 0;
      await runCommandLine(args);
      ended.push({ ...is, code: process.exitCode });
    }
    process.exitCode = 0;
    write(JSON.stringify(ended));`;
  const { promise, resolve, reject } = Promise.withResolvers<EndedCommand[]>();
  const options = { cwd, env: { PATH: process.env["PATH"], ...env }, maxBuffer: 1 << 26 };
  execFile(process.execPath, ["--input-type=module", "--eval", script], options, (error, out) =>
    error === null ? resolve(JSON.parse(out) as EndedCommand[]) : reject(error),
  );
  return promise;
}
