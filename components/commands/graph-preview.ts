import { execFile } from "node:child_process";
import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { Command } from "@commander-js/extra-typings";
import { printableLines } from "../promotion/text/printable.ts";
import { CommandError } from "./command.ts";
import { graphComparison, graphReport } from "./graph-report.ts";
import { printDetail, printJson, printResult } from "./output.ts";
import { reportComments } from "./preview-comment.ts";
import { writeComments } from "./write-comments.ts";

/** `artifacts graph-preview`. */
export const graphPreviewCommand = new Command("graph-preview")
  .summary("show what a change of the program or its config does to the resources, without credentials")
  .description(
    "Compares the resources that the programs of two checkouts declare for their config and manifests, on the emulated providers: what is made, changed, replaced and removed, and who gains which right. Without --output it prints them; with it, it writes comments for GitHub, comment-1.md and so on.",
  )
  .requiredOption(
    "--base <path>",
    "the checkout before the change, with its dependencies installed; or a record of graph-record",
  )
  .requiredOption("--head <path>", "the checkout after it, or a record")
  .option("--stack <name>", "whose config", "prod")
  .option("--output <folder>", "the folder to write the comments into; it is emptied first")
  .option("--run-url <url>", "where the whole output is, for the comments", "")
  .option("--json", "one JSON document: {title, details: [{heading, text}]}")
  .action(async ({ base, head, stack, output, runUrl }) => {
    const scratch = await mkdtemp(join(tmpdir(), "artifacts-graph-"));
    try {
      const records = [
        await recordOf(base, stack, join(scratch, "base.json")),
        await recordOf(head, stack, join(scratch, "head.json")),
      ] as const;
      const printed = await runProgram("compare", ["--base", records[0], "--head", records[1]]);
      const { title, summary, details } = graphReport(graphComparison.parse(JSON.parse(printed)));
      const printable = details.map(({ heading, text }) => ({ heading, text: printableLines(text) }));
      printJson({ title, details: printable });
      if (output === undefined) {
        printResult(title);
        for (const { heading, text } of printable) printResult(`\n${heading}\n${text}`);
        return;
      }
      const comments = reportComments({
        marker: "artifacts-graph",
        title,
        summary,
        details,
        runUrl,
        artifact: "graph",
      });
      await writeComments(output, comments, details);
    } finally {
      await rm(scratch, { recursive: true });
    }
  });

/** A record as it is, or that of a checkout. */
async function recordOf(path: string, stack: string, file: string): Promise<string> {
  const found = await stat(path).catch(() => undefined);
  if (found?.isDirectory() !== true) return path; // that it is missing is part of the comparison: a run that failed left none
  await runProgram("record", ["--root", path, "--stack", stack, "--output", file]);
  return file;
}

/** Runs a program of local/graph, and gives what it prints. */
async function runProgram(name: "record" | "compare", args: readonly string[]): Promise<string> {
  const program = join(import.meta.dirname, `../../local/graph/${name}.ts`);
  printDetail(`runs ${[program, ...args].join(" ")}`);
  try {
    return (await promisify(execFile)(process.execPath, [program, ...args], { maxBuffer: 256 * 1024 * 1024 })).stdout;
  } catch (error) {
    throw new CommandError(printableLines((error as { stderr?: string }).stderr || (error as Error).message).trim());
  }
}
