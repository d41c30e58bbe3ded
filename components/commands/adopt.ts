import { spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Command } from "@commander-js/extra-typings";
import { type AdoptionList, absentIn, knownTo } from "../adoption/adoption-list.ts";
import { CommandError } from "./command.ts";
import { useLocalStack } from "./local-stack.ts";
import { traceDescription } from "./trace-option.ts";

/** `artifacts adopt`. */
export const adoptCommand = new Command("adopt")
  .summary("bring a lost state to what exists")
  .description(
    "Brings the stack's state to what exists: imports the resources that exist and are missing from the state, then creates the others, as `pulumi up` does. For a state that is lost or older than the cloud. Needs only the names in the stack's file.",
  )
  .option("--stack <name>", "the stack (default the selected one); local is the running rehearsal")
  .option("--preview-only", "show what would be imported, up to the first resource that does not exist")
  .option("--trace", traceDescription)
  .action(async (values) => {
    const local = await useLocalStack(values.stack);
    const stack = values.stack === undefined ? [] : ["--stack", values.stack];
    const configFile = local === undefined ? [] : ["--config-file", local.config];
    // The requests are those of the provider plugin, which inherits the environment.
    const environment: Record<string, string> = values.trace === true ? { ARTIFACTS_TRACE: "1" } : {};
    const folder = await mkdtemp(join(tmpdir(), "adopt-"));
    try {
      process.exitCode = await adoptAll(
        join(folder, "list.json"),
        { stack, configFile },
        values.previewOnly === true,
        environment,
      );
    } finally {
      await rm(folder, { recursive: true });
    }
  });

/** Repeats the run without what it found absent, until all that exists is imported and the rest is created. */
async function adoptAll(
  file: string,
  { stack, configFile }: { readonly stack: readonly string[]; readonly configFile: readonly string[] },
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
    const ended = await pulumi(
      [...run, ...stack, ...configFile],
      { ...environment, ARTIFACTS_ADOPT: file },
      { shown: true },
    );
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
