import { spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type AdoptionList, absentIn, knownTo } from "../adoption/adoption-list.ts";
import { CommandError, runCommand, UsageError } from "./command.ts";
import { traceUsage } from "./trace-option.ts";

const usage = `Brings the stack's state to what exists: imports the resources that exist and are missing from the state, then creates the
others, as \`pulumi up\` does. For a state that is lost or older than the cloud. Needs only the names in the stack's file.

usage: npm run adopt [-- [options]]
  --stack NAME        the stack (default the selected one)
  --preview-only      show what would be imported, up to the first resource that does not exist
${traceUsage}`;

await runCommand(usage, async (args) => {
  const stack: string[] = [];
  let previewOnly = false;
  let environment: Readonly<Record<string, string>> = {};
  for (let at = 0; at < args.length; at++) {
    const argument = args[at]!;
    if (argument === "--preview-only") previewOnly = true;
    // The requests are those of the provider plugin, which inherits the environment.
    else if (argument === "--trace") environment = { ARTIFACTS_TRACE: "1" };
    else if (argument.startsWith("--stack=")) stack.push(argument);
    else if (argument === "--stack" && args[at + 1] !== undefined) stack.push(argument, args[++at]!);
    else throw new UsageError(`unexpected argument: ${argument}`);
  }
  const folder = await mkdtemp(join(tmpdir(), "adopt-"));
  try {
    return await adopt(join(folder, "list.json"), stack, previewOnly, environment);
  } finally {
    await rm(folder, { recursive: true });
  }
});

/** Repeats the run without what it found absent, until all that exists is imported and the rest is created. */
async function adopt(
  file: string,
  stack: readonly string[],
  previewOnly: boolean,
  environment: Readonly<Record<string, string>>,
): Promise<number> {
  const absent = new Set<string>();
  const run = previewOnly ? ["preview"] : ["up", "--yes", "--skip-preview", "--continue-on-error"];
  for (;;) {
    const exported = await pulumi(["stack", "export", ...stack], {}, { shown: false });
    if (exported.code !== 0) throw new CommandError("the stack's state cannot be read: see the output of pulumi above");
    const list: AdoptionList = { known: knownTo(exported.output), absent: [...absent] };
    await writeFile(file, JSON.stringify(list));
    const ended = await pulumi([...run, ...stack], { ...environment, ARTIFACTS_ADOPT: file }, { shown: true });
    const news = new Set(absentIn(ended.output).filter((id) => !absent.has(id)));
    if (previewOnly || ended.code === 0 || news.size === 0) return ended.code;
    for (const id of news) absent.add(id);
    console.log(
      `\nThese resources do not exist and will be created (${news.size}):\n${[...news].map((id) => `  ${id}\n`).join("")}`,
    );
  }
}

/** Runs the Pulumi CLI. Its standard error is always shown. */
function pulumi(
  args: readonly string[],
  environment: Record<string, string>,
  { shown }: { readonly shown: boolean },
): Promise<{ code: number; output: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn("pulumi", [...args, "--non-interactive"], {
      env: { ...process.env, ...environment },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let output = "";
    child.stdout.on("data", (chunk: Buffer) => {
      output += chunk;
      if (shown) process.stdout.write(chunk);
    });
    child.stderr.on("data", (chunk: Buffer) => {
      if (shown) output += chunk;
      process.stderr.write(chunk);
    });
    child.once("error", (error) => reject(new CommandError(`pulumi cannot be run: ${error.message}`)));
    child.once("close", (code) => resolve({ code: code ?? 1, output }));
  });
}
