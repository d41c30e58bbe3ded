import { spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type AdoptionList, absentIn, knownTo } from "../adoption/adoption-list.ts";
import { CommandError, runCommand, UsageError } from "./command.ts";

const usage = `Brings the stack's state to what exists: takes over what exists and is not in the state, then makes what is missing, as
\`pulumi up\` does. For a state that is lost, or older than the cloud. It needs nothing but the names in the stack's file.

usage: npm run adopt [-- --stack NAME] [-- --preview-only]
  --stack NAME      else the selected one
  --preview-only    show what would be taken over, up to the first thing that does not exist`;

await runCommand(usage, async (args) => {
  const stack: string[] = [];
  let previewOnly = false;
  for (let at = 0; at < args.length; at++) {
    const argument = args[at]!;
    if (argument === "--preview-only") previewOnly = true;
    else if (argument.startsWith("--stack=")) stack.push(argument);
    else if (argument === "--stack" && args[at + 1] !== undefined) stack.push(argument, args[++at]!);
    else throw new UsageError(`what is ${argument}?`);
  }
  const folder = await mkdtemp(join(tmpdir(), "adopt-"));
  try {
    return await adopt(join(folder, "list.json"), stack, previewOnly);
  } finally {
    await rm(folder, { recursive: true });
  }
});

/** Repeats the run without what it found absent, until all that exists is taken over and the rest is made. */
async function adopt(file: string, stack: readonly string[], previewOnly: boolean): Promise<number> {
  const absent = new Set<string>();
  const run = previewOnly ? ["preview"] : ["up", "--yes", "--skip-preview", "--continue-on-error"];
  for (;;) {
    const exported = await pulumi(["stack", "export", ...stack], {}, { shown: false });
    if (exported.code !== 0) throw new CommandError("the state can't be read: see above");
    const list: AdoptionList = { known: knownTo(exported.output), absent: [...absent] };
    await writeFile(file, JSON.stringify(list));
    const ended = await pulumi([...run, ...stack], { ARTIFACTS_ADOPT: file }, { shown: true });
    const news = new Set(absentIn(ended.output).filter((id) => !absent.has(id)));
    if (previewOnly || ended.code === 0 || news.size === 0) return ended.code;
    for (const id of news) absent.add(id);
    console.log(`\nNot there, so made now (${news.size}):\n${[...news].map((id) => `  ${id}\n`).join("")}`);
  }
}

/** Runs the CLI; its complaints are always shown. */
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
    child.once("error", (error) => reject(new CommandError(`pulumi can't be run: ${error.message}`)));
    child.once("close", (code) => resolve({ code: code ?? 1, output }));
  });
}
