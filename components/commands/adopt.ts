import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Command } from "@commander-js/extra-typings";
import { type AdoptionList, absentIn, knownTo } from "../adoption/adoption-list.ts";
import { CommandError } from "./command.ts";
import { type EngineEnd, runCli } from "./engine-watch.ts";
import { useLocalStack } from "./local-stack.ts";
import { printDetail, printJson, printProblem, printProgress, printResult, relayedTo } from "./output.ts";
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
  .option(
    "--json",
    'one JSON document: {complete, resources: {"imported": 3, "created": 2, "unchanged": 90, ...}, absent}; complete: the state has all that exists; resources: of the last run; absent: ids of what did not exist',
  )
  .action(async (values) => {
    const local = await useLocalStack(values.stack);
    const stack = values.stack === undefined ? [] : ["--stack", values.stack];
    const configFile = local === undefined ? [] : ["--config-file", local.config];
    // The requests are those of the provider plugin, which inherits the environment.
    const environment: Record<string, string> = values.trace === true ? { ARTIFACTS_TRACE: "1" } : {};
    const folder = await mkdtemp(join(tmpdir(), "adopt-"));
    try {
      const adopted = await adoptAll(
        join(folder, "list.json"),
        { stack, configFile },
        values.previewOnly === true,
        environment,
      );
      const { code, resources, absent } = adopted;
      if (relayedTo() === undefined) printResult(countsInWords(resources));
      printJson({ complete: code === 0, resources, absent });
      process.exitCode = code;
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
): Promise<Adopted> {
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
    for (const id of news) absent.add(id);
    if (previewOnly || ended.code === 0 || ended.stopped || news.size === 0) {
      const { code, output } = ended;
      if (code !== 0 && relayedTo() === undefined) printProblem(output);
      return { code, resources: resourceCounts(output), absent: [...absent] };
    }
    printProgress(
      `\nThese resources do not exist and will be created (${news.size}):\n${[...news].map((id) => `  ${id}\n`).join("")}`,
    );
  }
}

/** How an adoption ended. */
interface Adopted {
  /** Exit code of the last run. */
  readonly code: number;
  /** What the last run did, or would do, to how many resources. */
  readonly resources: Readonly<Record<string, number>>;
  /** Ids of the resources that did not exist. */
  readonly absent: readonly string[];
}

/**
 * The counts at the end of the CLI's output, by what was done: `{imported: 3, "to create": 2}`.
 * @internal exported for its tests.
 */
export function resourceCounts(output: string): Record<string, number> {
  const [, counts = ""] = /^Resources:[^\n]*\n((?: {4}\S.*\n?)*)/m.exec(output) ?? [];
  const lines = counts.matchAll(/^ {4}(?:[-+~=<>]+ ?)?(\d+) ([a-z][a-z ]*)$/gm);
  return Object.fromEntries([...lines].map(([, count, what = ""]) => [what, Number(count)]));
}

function countsInWords(resources: Adopted["resources"]): string {
  const words = Object.entries(resources).map(([what, count]) => `${count} ${what}`);
  return `resources: ${words.join(", ") || "none"}`;
}

/** Runs the Pulumi CLI. Its standard error is always shown. */
async function pulumi(
  args: readonly string[],
  environment: Record<string, string>,
  { shown }: { readonly shown: boolean },
): Promise<EngineEnd & { readonly output: string }> {
  printDetail(`runs pulumi ${args.join(" ")}`);
  let output = "";
  const end = await runCli([...args, "--non-interactive"], {
    engine: "pulumi",
    environment: { ...process.env, ...environment },
    stdio: ["ignore", "pipe", "pipe"],
    started: ({ stdout, stderr }) => {
      stdout?.on("data", (chunk: Buffer) => {
        output += chunk;
        if (shown) relayedTo()?.write(chunk);
      });
      stderr?.on("data", (chunk: Buffer) => {
        if (shown) output += chunk;
        printProblem(chunk.toString());
      });
    },
  });
  return { ...end, output };
}
